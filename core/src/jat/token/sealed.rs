//! A token as it came: bytes of which nothing is known but their version.

use crate::jat::base32::BASE32;

use super::claims::TokenKind;
use super::{FIXED, HEADER, KID, MAX_BYTES, MAX_CHARS, TAG, Token, TokenError, VERSION};

/// The decoded bytes of a token. Until its tag has been verified, they say which key to verify it
/// with, and nothing else.
#[derive(Clone)]
pub(super) struct Sealed {
    bytes: [u8; MAX_BYTES],
    length: usize,
}

impl Sealed {
    pub(super) fn decode(text: &str) -> Result<Self, TokenError> {
        if text.len() > MAX_CHARS || text.len() < (FIXED * 8).div_ceil(5) {
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

    /// The id of the key that it names.
    pub(super) fn kid(&self) -> u8 {
        self.bytes[KID]
    }

    /// What the tag is for, and the tag.
    pub(super) fn signed_and_tag(&self) -> (&[u8], &[u8]) {
        self.bytes[..self.length].split_at(self.length - TAG)
    }

    /// Finds the fields. Runs after the tag was verified, unless for inspection.
    pub(super) fn read(self) -> Result<Token, TokenError> {
        let (signed, _) = self.signed_and_tag();
        let field = |at: usize| -> Option<usize> {
            let size = signed.get(at..at + 2)?;
            let end = at + 2 + usize::from(u16::from_be_bytes([size[0], size[1]]));
            str::from_utf8(signed.get(at + 2..end)?).is_ok().then_some(end)
        };
        let user_end = field(HEADER).ok_or(TokenError::Malformed)?;
        let resource_end = field(user_end).ok_or(TokenError::Malformed)?;
        if str::from_utf8(&signed[resource_end..]).is_err() {
            return Err(TokenError::Malformed);
        }
        let kind = TokenKind::of(self.bytes[1]).ok_or(TokenError::Kind)?;
        Ok(Token { sealed: self, kind, user_end, resource_end })
    }
}
