//! The token, version 1: everything that a replica needs to revert a reply, authenticated.
//!
//! Lower-case base32 (RFC 4648 section 6, without padding, canonical) of
//!
//! ```text
//! version 1 | kind 1 | kid 1 | exp 5 | n 2, user n | m 2, resource m | id ... | tag 16
//! ```
//!
//! with integers big endian. The tag is the first 16 bytes of
//! `HMAC-SHA256(key, PAE("jat-proxy/v1", everything before the tag, asked, peer))`.
//! docs/token.md is the public specification.

use std::fmt;

use crate::base32;

use super::keyring::{Key, Keyring};

mod claims;
mod message;

pub(super) use message::{Fields, Message};

pub use claims::{Claims, MAX_CLAIM_BYTES, TokenKind, TooLong};

/// The maximum length of a token, in characters.
pub const MAX_CHARS: usize = 1023;

/// The latest expiry that fits, in Unix seconds.
pub const MAX_EXPIRY: u64 = (1 << 40) - 1;

/// What a token is bound to in addition to its claims. Both are taken from the reply, in normal form,
/// and need no bytes in the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding<'a> {
    /// The bare address that the user wrote to.
    pub asked: &'a str,
    /// The full address that the request was forwarded to.
    pub peer: &'a str,
}

/// Why a token does not open, in the order of the checks. Senders can't tell them apart: there is
/// no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("not of a token's length")]
    Length,
    #[error("not canonical lower-case base32")]
    Encoding,
    #[error("not a version that this program knows")]
    Version,
    #[error("signed with a key that is not in the ring")]
    UnknownKey,
    #[error("not signed for this pair of addresses with this key")]
    Signature,
    #[error("authentic, but its lengths do not add up")]
    Malformed,
    #[error("authentic, but of a kind that this program does not know")]
    Kind,
    #[error("expired")]
    Expired,
}

/// Signs `claims` until Unix second `expires`, at most [`MAX_EXPIRY`], with `key`.
pub fn seal(key: &Key, claims: &Claims<'_>, expires: u64, binding: &Binding<'_>) -> String {
    let mut text = String::new();
    let mut room = Message::default();
    base32::push(seal_in(&mut room, key, claims, expires, binding), &mut text);
    text
}

/// The bytes of the result of [`seal`], without allocating if `room` is large enough.
pub(super) fn seal_in<'r>(
    room: &'r mut Message,
    key: &Key,
    claims: &Claims<'_>,
    expires: u64,
    binding: &Binding<'_>,
) -> &'r [u8] {
    room.write(key, claims, expires);
    room.seal(key, binding)
}

/// Opens `token`: verifies first, reads afterwards. It is refused from Unix second `exp` on.
pub fn open(
    ring: &Keyring,
    token: &str,
    binding: &Binding<'_>,
    now: u64,
) -> Result<Token, TokenError> {
    let mut message = Message::default();
    let fields = open_in(&mut message, ring, token, binding, now)?;
    Ok(Token { message, fields })
}

/// As [`open`], without allocating if `room` is large enough; the token is in it then.
pub(super) fn open_in(
    room: &mut Message,
    ring: &Keyring,
    token: &str,
    binding: &Binding<'_>,
    now: u64,
) -> Result<Fields, TokenError> {
    let tag = room.decode(token)?;
    let key = ring.verifying(room.kid()).ok_or(TokenError::UnknownKey)?;
    if !room.has(&tag, key, binding) {
        return Err(TokenError::Signature);
    }
    let fields = room.read()?;
    if now >= room.expires() {
        return Err(TokenError::Expired);
    }
    Ok(fields)
}

/// Reads `token` without any key: its claims, not whether they are true.
pub fn inspect(token: &str) -> Result<Token, TokenError> {
    let mut message = Message::default();
    message.decode(token)?;
    let fields = message.read()?;
    Ok(Token { message, fields })
}

/// A token whose fields were found; it has been verified, unless it comes from [`inspect`].
#[derive(Clone)]
pub struct Token {
    message: Message,
    fields: Fields,
}

impl Token {
    /// What it is for.
    pub fn kind(&self) -> TokenKind {
        self.fields.kind
    }

    /// The id of the key that it names.
    pub fn kid(&self) -> u8 {
        self.message.kid()
    }

    /// Unix second from which on it is refused.
    pub fn expires(&self) -> u64 {
        self.message.expires()
    }

    pub fn claims(&self) -> Claims<'_> {
        self.message.claims(&self.fields)
    }
}

/// Tokens stay out of logs.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token(kid {}, expires {})", self.kid(), self.expires())
    }
}

const VERSION: u8 = 1;
/// The offset of the key id.
const KID: usize = 2;
/// Bytes of version, kind, kid and exp.
const HEADER: usize = 8;
const TAG: usize = 16;
/// All bytes except those of the claims, including the lengths of two of them.
const FIXED: usize = HEADER + 4 + TAG;
/// The maximum number of bytes whose base32 fits [`MAX_CHARS`].
const MAX_BYTES: usize = MAX_CHARS * 5 / 8;

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    const NOW: u64 = 1_800_000_000;
    const BINDING: Binding<'_> = Binding { asked: "proxy.example", peer: "bot@some.example/a" };
    const USER: &str = "user@some.example/abc";

    fn claims() -> Claims<'static> {
        Claims::new(USER, "", "1234").unwrap()
    }

    fn ring() -> Keyring {
        let key = |id| Key::new(id, &Zeroizing::new(vec![id; 32]), None).unwrap();
        Keyring::new(vec![key(1), key(2)]).unwrap()
    }

    fn sealed(claims: &Claims<'_>) -> String {
        seal(ring().signing(NOW), claims, NOW + 60, &BINDING)
    }

    #[test]
    fn the_longest_claims_make_a_token_of_1023_characters() {
        let id = "x".repeat(MAX_CLAIM_BYTES - USER.len());
        let token = sealed(&Claims::new(USER, "", &id).unwrap());
        assert_eq!((MAX_CLAIM_BYTES, token.len()), (611, MAX_CHARS));
        assert_eq!(open(&ring(), &token, &BINDING, NOW).unwrap().claims().id(), id);
        let id = id + "x";
        assert_eq!(Claims::new(USER, "", &id), Err(TooLong { bytes: 612 }));
    }

    #[test]
    fn it_expires_at_the_exact_second() {
        let open_at = |now| open(&ring(), &sealed(&claims()), &BINDING, now).map(|t| t.expires());
        assert_eq!(open_at(NOW + 59), Ok(NOW + 60));
        assert_eq!(open_at(NOW + 60), Err(TokenError::Expired));
        let forever = seal(ring().signing(NOW), &claims(), u64::MAX, &BINDING);
        assert_eq!(open(&ring(), &forever, &BINDING, NOW).unwrap().expires(), MAX_EXPIRY);
        let never = seal(ring().signing(NOW), &claims(), 0, &BINDING);
        assert_eq!(open(&ring(), &never, &BINDING, 0).unwrap_err(), TokenError::Expired);
    }

    #[test]
    fn it_is_bound_to_both_addresses() {
        let token = sealed(&claims());
        for other in [
            Binding { asked: "node@proxy.example", ..BINDING },
            Binding { peer: "bot@some.example/b", ..BINDING },
            // The same bytes, cut elsewhere.
            Binding { asked: "proxy.exampleb", peer: "ot@some.example/a" },
        ] {
            assert_eq!(open(&ring(), &token, &other, NOW).unwrap_err(), TokenError::Signature);
        }
    }

    #[test]
    fn the_key_it_names_is_the_only_one_tried() {
        let other = Key::new(3, &Zeroizing::new(vec![1; 32]), None).unwrap();
        let token = seal(&other, &claims(), NOW + 60, &BINDING);
        assert_eq!(open(&ring(), &token, &BINDING, NOW).unwrap_err(), TokenError::UnknownKey);
    }

    #[test]
    fn only_the_canonical_spelling_opens() {
        let token = sealed(&claims());
        for spelling in [token.to_uppercase(), format!("{token}="), token.replace('a', "1")] {
            let error = open(&ring(), &spelling, &BINDING, NOW).unwrap_err();
            assert_eq!(error, TokenError::Encoding, "{spelling}");
        }
        for length in [0, 1, 44, MAX_CHARS + 1, 10_000] {
            let error = open(&ring(), &"a".repeat(length), &BINDING, NOW).unwrap_err();
            assert_eq!(error, TokenError::Length, "{length}");
        }
    }

    #[test]
    fn each_claim_is_text() {
        let text = sealed(&Claims::new("ü@some.example", "é", "ß").unwrap());
        let mut bytes = vec![0; base32::decoded_len(text.len()).unwrap()];
        base32::decode(&text, &mut bytes).unwrap();
        let inspected = |bytes: &[u8]| {
            let mut text = String::new();
            base32::push(bytes, &mut text);
            inspect(&text).map(|token| token.claims().user().len())
        };
        assert_eq!(inspected(&bytes), Ok("ü@some.example".len()));
        let starts = (0..bytes.len() - TAG).filter(|at| bytes[*at] == 0xc3);
        assert_eq!(starts.clone().count(), 3);
        for at in starts {
            let mut broken = bytes.clone();
            broken[at] = 0xff;
            assert_eq!(inspected(&broken), Err(TokenError::Malformed), "{at}");
        }
    }
}
