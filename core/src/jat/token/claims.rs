//! The content of a token.

/// The purpose of a token, which is its second byte. A new one gets claims of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum TokenKind {
    /// To revert the reply to an IQ request.
    IqReply = 1,
}

impl TokenKind {
    /// The kind with this byte, if this program knows it.
    pub(super) fn of(byte: u8) -> Option<Self> {
        [Self::IqReply].into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// The claims of a [`TokenKind::IqReply`], of no more than [`MAX_CLAIM_BYTES`] together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims<'a> {
    pub(super) user: &'a str,
    pub(super) resource: &'a str,
    pub(super) id: &'a str,
}

impl<'a> Claims<'a> {
    /// Claims that fit into a token: the user's address exactly as the server passed it on, the
    /// resource of the address that the user wrote to (empty if none), and the user's IQ id.
    pub fn new(user: &'a str, resource: &'a str, id: &'a str) -> Result<Self, TooLong> {
        let bytes = user.len() + resource.len() + id.len();
        if bytes > MAX_CLAIM_BYTES {
            return Err(TooLong { bytes });
        }
        Ok(Self { user, resource, id })
    }

    /// The user's address.
    pub fn user(&self) -> &'a str {
        self.user
    }

    /// The resource of the address that the user wrote to; empty if none.
    pub fn resource(&self) -> &'a str {
        self.resource
    }

    /// The user's IQ id.
    pub fn id(&self) -> &'a str {
        self.id
    }
}

/// The claims need more than [`MAX_CLAIM_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("address, resource and id together have {bytes} bytes, the limit is {MAX_CLAIM_BYTES}")]
pub struct TooLong {
    pub bytes: usize,
}

/// The maximum length of user + resource + id in bytes: the rest of a JID resource of 1,023
/// characters (RFC 7622 section 3.4).
pub const MAX_CLAIM_BYTES: usize = super::MAX_BYTES - super::FIXED;
