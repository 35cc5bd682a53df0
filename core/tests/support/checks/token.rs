//! Tokens: no text makes the codec panic, only tokens by the specification (docs/token.md) open, and
//! sealing an opened token gives the same text.

use std::sync::LazyLock;

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use jat_core::jat::keyring::{Key, Keyring};
use jat_core::jat::token::{self, Binding, Claims, MAX_CHARS, MAX_CLAIM_BYTES, Token, TokenError};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::texts;
use crate::session::START;

/// The key and addresses of the golden vectors, so that the valid ones open here.
const SECRET: &[u8; 32] = b"jat-proxy demo key, never use it";
pub const BINDING: Binding<'_> =
    Binding { asked: "proxy.domain.example", peer: "some-user@some-domain.example/a" };
const KEY_ID: u8 = 1;
const EXPIRES: u64 = START.unix + 60;

static RING: LazyLock<Keyring> = LazyLock::new(|| {
    let key = |id, secret: &[u8]| Key::new(id, &Zeroizing::new(secret.to_vec()), None).unwrap();
    Keyring::new(vec![key(KEY_ID, SECRET), key(2, &[2; 32])]).unwrap()
});

/// Checks `data` as a token, as the bytes of a token, and as the claims of one: user, resource and
/// id.
pub fn check(data: &[u8]) {
    let text = str::from_utf8(data).unwrap_or_default();
    spelled(text);
    // A fuzzer can't guess a MAC, so one is added: to the bytes of a token, or to anything else.
    let decoded = BASE32_NOPAD.decode(text.to_uppercase().as_bytes()).ok();
    let body = decoded.as_deref().and_then(|bytes| bytes.split_last_chunk::<TAG>());
    signed(body.map_or(data, |(body, _)| body));
    if let Some([user, resource, id]) = texts(data) {
        claimed(user, resource, id);
    }
}

/// Opens a token that is bound to [`BINDING`].
pub fn open(text: &str) -> Result<Token, TokenError> {
    token::open(&RING, text, &BINDING, START.unix)
}

/// Seals a token that [`open`] opens.
pub fn seal(claims: &Claims<'_>) -> String {
    token::seal(RING.signing(START.unix), claims, EXPIRES, &BINDING)
}

fn spelled(text: &str) {
    if let Ok(token) = token::inspect(text) {
        let bytes = BASE32_NOPAD.decode(text.to_uppercase().as_bytes()).unwrap();
        assert_eq!(BASE32_NOPAD.encode(&bytes).to_lowercase(), text, "not canonical");
        assert!(text.len() <= MAX_CHARS);
        let fields = Fields::read(&bytes[..bytes.len() - TAG]).unwrap();
        assert_eq!((token.kid(), token.expires()), (fields.kid, fields.expires));
        assert_eq!(texts_of(&token), fields.claims);
    }
    if let Ok(token) = open(text) {
        let key = RING.verifying(token.kid()).unwrap();
        let again = token::seal(key, &token.claims(), token.expires(), &BINDING);
        assert_eq!(again, text, "sealed again");
    }
}

/// Checks that a token of `body` with the right tag opens if the body is valid.
fn signed(body: &[u8]) {
    // PASETO's pre-authentication encoding.
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap();
    mac.update(&4u64.to_le_bytes());
    for piece in [b"jat-proxy/v1", body, BINDING.asked.as_bytes(), BINDING.peer.as_bytes()] {
        mac.update(&(piece.len() as u64).to_le_bytes());
        mac.update(piece);
    }
    let tag = &mac.finalize().into_bytes()[..TAG];
    let text = BASE32_NOPAD.encode(&[body, tag].concat()).to_lowercase();
    let said = open(&text);
    let expected = match (body, Fields::read(body)) {
        _ if text.len() > MAX_CHARS || body.len() < 12 => Err(TokenError::Length),
        ([version, ..], _) if *version != 1 => Err(TokenError::Version),
        ([_, _, kid, ..], _) if RING.verifying(*kid).is_none() => Err(TokenError::UnknownKey),
        ([_, _, kid, ..], _) if *kid != KEY_ID => Err(TokenError::Signature),
        (_, None) => Err(TokenError::Malformed),
        ([_, kind, ..], _) if *kind != 1 => Err(TokenError::Kind),
        (_, Some(fields)) if fields.expires <= START.unix => Err(TokenError::Expired),
        (_, Some(fields)) => Ok(fields.claims),
    };
    assert_eq!(said.as_ref().map(texts_of).map_err(|error| *error), expected);
    spelled(&text);
    if said.is_ok() {
        // A wrong tag, of the right length.
        let last = BASE32_NOPAD.encode(&[body, &tag[1..], &tag[..1]].concat()).to_lowercase();
        assert!(last == text || open(&last).is_err());
    }
}

fn claimed(user: &str, resource: &str, id: &str) {
    let size = user.len() + resource.len() + id.len();
    let Ok(claims) = Claims::new(user, resource, id) else {
        return assert!(size > MAX_CLAIM_BYTES, "{size}");
    };
    let text = seal(&claims);
    assert!(size <= MAX_CLAIM_BYTES && text.len() <= MAX_CHARS, "{size}");
    let token = open(&text).unwrap();
    assert_eq!((token.claims(), token.expires()), (claims, EXPIRES));
    for other in [
        Binding { asked: user, ..BINDING },
        Binding { peer: user, ..BINDING },
        Binding { asked: BINDING.peer, peer: BINDING.asked },
    ] {
        let opened = token::open(&RING, &text, &other, START.unix);
        assert!(other == BINDING || opened.is_err(), "{other:?}");
    }
    assert!(token::open(&RING, &text, &BINDING, EXPIRES).is_err());
    for other in
        [text.to_uppercase(), format!("{text}="), text[1..].into(), text[..text.len() - 1].into()]
    {
        assert!(open(&other).is_err(), "{other}");
    }
    // A token has one spelling: unused bits are zero.
    for last in "abcdefghijklmnopqrstuvwxyz234567".chars() {
        let other = format!("{}{last}", &text[..text.len() - 1]);
        assert!(other == text || open(&other).is_err(), "{other}");
    }
}

/// User, resource and id.
fn texts_of(token: &Token) -> [&str; 3] {
    let claims = token.claims();
    [claims.user(), claims.resource(), claims.id()]
}

/// A token without its tag.
struct Fields<'a> {
    kid: u8,
    expires: u64,
    /// User, resource and id.
    claims: [&'a str; 3],
}

impl<'a> Fields<'a> {
    fn read(body: &'a [u8]) -> Option<Self> {
        let (header, rest) = body.split_first_chunk::<8>()?;
        let [_, _, kid, e1, e2, e3, e4, e5] = *header;
        let expires = u64::from_be_bytes([0, 0, 0, e1, e2, e3, e4, e5]);
        let (user, rest) = field(rest)?;
        let (resource, id) = field(rest)?;
        let [user, resource, id] = [user, resource, id].map(|bytes| str::from_utf8(bytes).ok());
        Some(Self { kid, expires, claims: [user?, resource?, id?] })
    }
}

fn field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

const TAG: usize = 16;
