//! Token, version 1: what a replica must know to revert a reply, authenticated.
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
use std::sync::LazyLock;

use data_encoding::{Encoding, Specification};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::keyring::{Key, Keyring};

/// Most bytes of user + resource + id together: what is left of a JID resource of 1,023
/// characters (RFC 7622 section 3.4).
pub const MAX_CLAIM_BYTES: usize = MAX_BYTES - HEADER - 4 - TAG;

/// Most characters of a token.
pub const MAX_CHARS: usize = 1023;

/// Latest expiry that fits, Unix seconds.
pub const MAX_EXPIRY: u64 = (1 << 40) - 1;

/// What a token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims<'a> {
    /// The user's address exactly as the server stamped it.
    pub user: &'a str,
    /// Resource of the address that the user wrote to; empty if none.
    pub resource: &'a str,
    /// The user's IQ id.
    pub id: &'a str,
}

impl Claims<'_> {
    /// The number of bytes, which are at most [`MAX_CLAIM_BYTES`].
    pub fn check_size(&self) -> Result<usize, TooLong> {
        let bytes = self.user.len() + self.resource.len() + self.id.len();
        if bytes <= MAX_CLAIM_BYTES { Ok(bytes) } else { Err(TooLong { bytes }) }
    }
}

/// What a token is bound to besides its claims; both are rebuilt from the reply, in normal
/// form, and cost no bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding<'a> {
    /// The bare address that the user wrote to.
    pub asked: &'a str,
    /// The full address that the request was forwarded to.
    pub peer: &'a str,
}

/// The claims need more than [`MAX_CLAIM_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("address, resource and id together have {bytes} bytes, the limit is {MAX_CLAIM_BYTES}")]
pub struct TooLong {
    pub bytes: usize,
}

/// Why a token does not open, in the order in which it is found out. To the outside all are
/// the same silence.
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

/// Signs `claims` until Unix second `expires` (at most [`MAX_EXPIRY`]) with `key`; for those that
/// have no memory to write it to, as tests.
pub fn seal(
    key: &Key,
    claims: &Claims<'_>,
    expires: u64,
    binding: &Binding<'_>,
) -> Result<String, TooLong> {
    let mut text = String::new();
    write_sealed(key, claims, expires, binding, &mut text)?;
    Ok(text)
}

/// Appends what [`seal`] gives to `output`.
pub fn write_sealed(
    key: &Key,
    claims: &Claims<'_>,
    expires: u64,
    binding: &Binding<'_>,
    output: &mut String,
) -> Result<(), TooLong> {
    claims.check_size()?;
    let mut bytes = [0; MAX_BYTES];
    let mut length = 0;
    let mut write = |piece: &[u8]| {
        bytes[length..length + piece.len()].copy_from_slice(piece);
        length += piece.len();
    };
    write(&[VERSION, KIND_IQ, key.id()]);
    write(&expires.min(MAX_EXPIRY).to_be_bytes()[3..]);
    for field in [claims.user, claims.resource] {
        let length = u16::try_from(field.len()).expect("bounded by MAX_CLAIM_BYTES");
        write(&length.to_be_bytes());
        write(field.as_bytes());
    }
    write(claims.id.as_bytes());
    let (signed, rest) = bytes.split_at_mut(length);
    let tag = mac(key, signed, binding).finalize().into_bytes();
    rest[..TAG].copy_from_slice(&tag[..TAG]);
    BASE32.encode_append(&bytes[..length + TAG], output);
    Ok(())
}

/// Opens `token`: verifies first, reads afterwards. Refused from Unix second `exp` on.
pub fn open(
    ring: &Keyring,
    token: &str,
    binding: &Binding<'_>,
    now: u64,
) -> Result<Token, TokenError> {
    let decoded = Decoded::new(token)?;
    let key = ring.verifying(decoded.kid()).ok_or(TokenError::UnknownKey)?;
    let (signed, tag) = decoded.signed_and_tag();
    mac(key, signed, binding).verify_truncated_left(tag).map_err(|_| TokenError::Signature)?;
    let token = decoded.read()?;
    if now >= token.expires() {
        return Err(TokenError::Expired);
    }
    Ok(token)
}

/// Reads `token` without any key: what it claims, not whether that is true.
pub fn inspect(token: &str) -> Result<Token, TokenError> {
    Decoded::new(token)?.read()
}

/// A token whose fields were found.
#[derive(Clone)]
pub struct Token {
    decoded: Decoded,
    user_end: usize,
    resource_end: usize,
}

impl Token {
    /// The id of the key that it names.
    pub fn kid(&self) -> u8 {
        self.decoded.kid()
    }

    /// Unix second from which on it is refused.
    pub fn expires(&self) -> u64 {
        self.decoded.bytes[3..HEADER].iter().fold(0, |exp, byte| exp << 8 | u64::from(*byte))
    }

    pub fn claims(&self) -> Claims<'_> {
        let text = |from: usize, to: usize| {
            str::from_utf8(&self.decoded.bytes[from..to]).expect("checked when it was read")
        };
        Claims {
            user: text(HEADER + 2, self.user_end),
            resource: text(self.user_end + 2, self.resource_end),
            id: text(self.resource_end, self.decoded.length - TAG),
        }
    }
}

/// The bytes of a token, of which nothing is known but their version.
#[derive(Clone)]
struct Decoded {
    bytes: [u8; MAX_BYTES],
    length: usize,
}

impl Decoded {
    fn new(text: &str) -> Result<Self, TokenError> {
        if text.len() > MAX_CHARS || text.len() < (MIN_BYTES * 8).div_ceil(5) {
            return Err(TokenError::Length);
        }
        let length = BASE32.decode_len(text.len()).map_err(|_| TokenError::Encoding)?;
        let mut bytes = [0; MAX_BYTES];
        BASE32
            .decode_mut(text.as_bytes(), &mut bytes[..length])
            .map_err(|_| TokenError::Encoding)?;
        if bytes[0] != VERSION {
            return Err(TokenError::Version);
        }
        Ok(Self { bytes, length })
    }

    fn kid(&self) -> u8 {
        self.bytes[2]
    }

    /// Finds the fields. Runs after the MAC was verified, unless for inspection.
    fn read(self) -> Result<Token, TokenError> {
        let end = self.length - TAG;
        let field = |at: usize| -> Option<usize> {
            let size = self.bytes[..end].get(at..at + 2)?;
            let field_end = at + 2 + usize::from(u16::from_be_bytes([size[0], size[1]]));
            let bytes = self.bytes[..end].get(at + 2..field_end)?;
            str::from_utf8(bytes).is_ok().then_some(field_end)
        };
        let user_end = field(HEADER).ok_or(TokenError::Malformed)?;
        let resource_end = field(user_end).ok_or(TokenError::Malformed)?;
        if str::from_utf8(&self.bytes[resource_end..end]).is_err() {
            return Err(TokenError::Malformed);
        }
        if self.bytes[1] != KIND_IQ {
            return Err(TokenError::Kind);
        }
        Ok(Token { decoded: self, user_end, resource_end })
    }

    fn signed_and_tag(&self) -> (&[u8], &[u8]) {
        self.bytes[..self.length].split_at(self.length - TAG)
    }
}

/// Tokens stay out of logs.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token(kid {}, expires {})", self.kid(), self.expires())
    }
}

/// The MAC over PASETO's pre-authentication encoding: count and lengths as little-endian u64,
/// so that no two lists of pieces encode alike.
fn mac(key: &Key, signed: &[u8], binding: &Binding<'_>) -> Hmac<Sha256> {
    let pieces = [DOMAIN, signed, binding.asked.as_bytes(), binding.peer.as_bytes()];
    let mut mac = key.mac();
    mac.update(&(pieces.len() as u64).to_le_bytes());
    for piece in pieces {
        mac.update(&(piece.len() as u64).to_le_bytes());
        mac.update(piece);
    }
    mac
}

static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut spec = Specification::new();
    spec.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    spec.encoding().expect("32 distinct symbols")
});

const DOMAIN: &[u8] = b"jat-proxy/v1";
const VERSION: u8 = 1;
const KIND_IQ: u8 = 1;
/// Bytes of version, kind, kid and exp.
const HEADER: usize = 8;
const TAG: usize = 16;
const MIN_BYTES: usize = HEADER + 4 + TAG;
/// Most bytes whose base32 fits [`MAX_CHARS`].
const MAX_BYTES: usize = MAX_CHARS * 5 / 8;

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    const NOW: u64 = 1_800_000_000;
    const BINDING: Binding<'_> = Binding { asked: "proxy.example", peer: "bot@some.example/a" };
    const CLAIMS: Claims<'_> = Claims { user: "user@some.example/abc", resource: "", id: "1234" };

    fn ring() -> Keyring {
        let key = |id| Key::new(id, &Zeroizing::new(vec![id; 32]), None).unwrap();
        Keyring::new(vec![key(1), key(2)]).unwrap()
    }

    fn sealed(claims: &Claims<'_>) -> String {
        seal(ring().signing(NOW), claims, NOW + 60, &BINDING).unwrap()
    }

    #[test]
    fn the_longest_claims_make_a_token_of_1023_characters() {
        let id = "x".repeat(MAX_CLAIM_BYTES - CLAIMS.user.len());
        let token = sealed(&Claims { id: &id, ..CLAIMS });
        assert_eq!((MAX_CLAIM_BYTES, token.len()), (611, MAX_CHARS));
        assert_eq!(open(&ring(), &token, &BINDING, NOW).unwrap().claims().id, id);
        let id = id + "x";
        let more = seal(ring().signing(NOW), &Claims { id: &id, ..CLAIMS }, NOW, &BINDING);
        assert_eq!(more, Err(TooLong { bytes: 612 }));
    }

    #[test]
    fn it_expires_at_the_exact_second() {
        let open_at = |now| open(&ring(), &sealed(&CLAIMS), &BINDING, now).map(|t| t.expires());
        assert_eq!(open_at(NOW + 59), Ok(NOW + 60));
        assert_eq!(open_at(NOW + 60), Err(TokenError::Expired));
        let forever = seal(ring().signing(NOW), &CLAIMS, u64::MAX, &BINDING).unwrap();
        assert_eq!(open(&ring(), &forever, &BINDING, NOW).unwrap().expires(), MAX_EXPIRY);
        let never = seal(ring().signing(NOW), &CLAIMS, 0, &BINDING).unwrap();
        assert_eq!(open(&ring(), &never, &BINDING, 0).unwrap_err(), TokenError::Expired);
    }

    #[test]
    fn it_is_bound_to_both_addresses() {
        let token = sealed(&CLAIMS);
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
        let token = seal(&other, &CLAIMS, NOW + 60, &BINDING).unwrap();
        assert_eq!(open(&ring(), &token, &BINDING, NOW).unwrap_err(), TokenError::UnknownKey);
    }

    #[test]
    fn only_the_canonical_spelling_opens() {
        let token = sealed(&CLAIMS);
        for spelling in [token.to_uppercase(), format!("{token}="), token.replace('a', "1")] {
            let error = open(&ring(), &spelling, &BINDING, NOW).unwrap_err();
            assert_eq!(error, TokenError::Encoding, "{spelling}");
        }
        for length in [0, 1, 44, MAX_CHARS + 1, 10_000] {
            let error = open(&ring(), &"a".repeat(length), &BINDING, NOW).unwrap_err();
            assert_eq!(error, TokenError::Length, "{length}");
        }
    }
}
