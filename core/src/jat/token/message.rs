//! The input of a token's tag, in one piece of memory that is reused.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::base32;
use crate::jat::keyring::Key;
use crate::jat::pae;

use super::claims::{Claims, TokenKind};
use super::{Binding, FIXED, HEADER, KID, MAX_CHARS, MAX_EXPIRY, TAG, TokenError, VERSION};

/// The list `PAE("jat-proxy/v1", signed, asked, peer)`, where `signed` is all of a token before its
/// tag, which is written and read in place.
#[derive(Clone, Default)]
pub(in crate::jat) struct Message {
    list: Vec<u8>,
    /// The end of `signed`.
    end: usize,
}

/// The kind of a token, and the ends of its claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::jat) struct Fields {
    pub(super) kind: TokenKind,
    user_end: usize,
    resource_end: usize,
}

impl Message {
    /// Releases the memory that a hostile address took: all of it, if that is more than `most`.
    pub(in crate::jat) fn clear_over(&mut self, most: usize) {
        if self.list.capacity() > most {
            *self = Self::default();
        }
    }

    /// Writes the content of a token with this key.
    pub(super) fn write(&mut self, key: &Key, claims: &Claims<'_>, expires: u64) {
        self.begin();
        let list = &mut self.list;
        let [_, _, _, expires @ ..] = expires.min(MAX_EXPIRY).to_be_bytes();
        list.extend(&[VERSION, TokenKind::IqReply as u8, key.id()]);
        list.extend(&expires);
        for field in [claims.user, claims.resource] {
            let length = u16::try_from(field.len()).expect("bounded by MAX_CLAIM_BYTES");
            list.extend(&length.to_be_bytes());
            list.extend(field.as_bytes());
        }
        list.extend(claims.id.as_bytes());
        self.end = list.len();
    }

    /// Signs it, and gives the token's bytes.
    pub(super) fn seal(&mut self, key: &Key, binding: &Binding<'_>) -> &[u8] {
        self.bind(binding);
        let tag = self.mac(key).finalize().into_bytes();
        self.list.truncate(self.end);
        self.list.extend(&tag[..TAG]);
        &self.list[START..]
    }

    /// Reads a token's bytes and checks only the version; returns the tag. Until the tag is verified, only
    /// the key id may be used.
    pub(super) fn decode(&mut self, text: &str) -> Result<[u8; TAG], TokenError> {
        if text.len() > MAX_CHARS || text.len() < base32::encoded_len(FIXED) {
            return Err(TokenError::Length);
        }
        let length = base32::decoded_len(text.len()).ok_or(TokenError::Encoding)?;
        self.begin();
        self.list.resize(START + length, 0);
        base32::decode(text, &mut self.list[START..]).ok_or(TokenError::Encoding)?;
        self.end = self.list.len() - TAG;
        if self.signed()[0] != VERSION {
            return Err(TokenError::Version);
        }
        let tag = self.list[self.end..].try_into().expect("of this length");
        Ok(tag)
    }

    /// Whether it has this tag with `key`.
    pub(super) fn has(&mut self, tag: &[u8; TAG], key: &Key, binding: &Binding<'_>) -> bool {
        self.bind(binding);
        self.mac(key).verify_truncated_left(tag).is_ok()
    }

    /// The id of the key that it names.
    pub(super) fn kid(&self) -> u8 {
        self.signed()[KID]
    }

    /// Unix second from which on it is refused.
    pub(super) fn expires(&self) -> u64 {
        self.signed()[KID + 1..HEADER].iter().fold(0, |exp, byte| exp << 8 | u64::from(*byte))
    }

    /// Its claims, in these fields.
    pub(in crate::jat) fn claims(&self, fields: &Fields) -> Claims<'_> {
        let Fields { kind, user_end, resource_end } = *fields;
        let signed = self.signed();
        let text = |bytes| str::from_utf8(bytes).expect("read() has looked");
        match kind {
            TokenKind::IqReply => Claims {
                user: text(&signed[HEADER + 2..user_end]),
                resource: text(&signed[user_end + 2..resource_end]),
                id: text(&signed[resource_end..]),
            },
        }
    }

    /// All of the token before its tag.
    fn signed(&self) -> &[u8] {
        &self.list[START..self.end]
    }

    /// Finds the fields. Called after the tag was verified, except for inspection.
    pub(super) fn read(&self) -> Result<Fields, TokenError> {
        let signed = self.signed();
        // They mostly are, together with the lengths between them, which is quick to check.
        let all_ascii = signed[HEADER..].is_ascii();
        let is_text = |bytes: &[u8]| all_ascii || str::from_utf8(bytes).is_ok();
        let field = |at: usize| -> Option<usize> {
            let size = signed.get(at..at + 2)?;
            let end = at + 2 + usize::from(u16::from_be_bytes([size[0], size[1]]));
            is_text(signed.get(at + 2..end)?).then_some(end)
        };
        let user_end = field(HEADER).ok_or(TokenError::Malformed)?;
        let resource_end = field(user_end).ok_or(TokenError::Malformed)?;
        if !is_text(&signed[resource_end..]) {
            return Err(TokenError::Malformed);
        }
        let kind = TokenKind::of(signed[1]).ok_or(TokenError::Kind)?;
        Ok(Fields { kind, user_end, resource_end })
    }

    /// Leaves room for the length of `signed`, which comes next.
    fn begin(&mut self) {
        // The bytes before that are always the same.
        if self.list.is_empty() {
            pae::append_beginning(3, &mut self.list);
            self.list.extend([0; pae::LENGTH]);
        }
        self.list.truncate(START);
    }

    /// Completes the list.
    fn bind(&mut self, binding: &Binding<'_>) {
        let length = pae::length(self.signed());
        self.list.truncate(self.end);
        self.list[pae::BEGINNING..START].copy_from_slice(&length);
        for address in [binding.asked, binding.peer] {
            pae::append(address.as_bytes(), &mut self.list);
        }
    }

    fn mac(&self, key: &Key) -> Hmac<Sha256> {
        let mut mac = key.mac();
        mac.update(&self.list);
        mac
    }
}

/// The beginning of `signed`.
const START: usize = pae::BEGINNING + pae::LENGTH;
