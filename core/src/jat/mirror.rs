//! Mirrors: the addresses of users as the target sees them.

use super::access::Senders;
use super::address::Address;
use super::name_keys::NameKeys;

/// Most bytes of a node (RFC 7622 section 3.3.1).
pub const MAX_NODE_BYTES: usize = 1023;

/// What mirrors are made and read with; addresses and domains are in normal form.
#[derive(Clone, Copy, Debug)]
pub struct Mirrors<'a> {
    /// The component's domain.
    pub domain: &'a str,
    /// The bare address of the target.
    pub target: &'a str,
    pub keys: &'a NameKeys,
    /// Whose mirrors are clear; those of others are signed.
    pub initiate: &'a Senders,
}

/// A mirror that was read: whose it is, and for which face.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mirror<'a> {
    /// The user's bare address.
    pub user: &'a str,
    /// The node of the face; empty for the domain itself.
    pub face: &'a str,
    pub form: Form,
}

/// What a mirror has to show for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Nothing; whether the user's domain is one that may be written to first.
    Clear { initiated: bool },
    /// A MAC that is good, by the key with this id.
    Signed { kid: u8 },
    /// A MAC that is not good under any key.
    Forged,
}

/// The mirror would have more than [`MAX_NODE_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the mirror of this address needs {bytes} bytes, a node has {MAX_NODE_BYTES}")]
pub struct TooLong {
    pub bytes: usize,
}

/// A node that no mirror has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the mirror of an address")]
pub struct Malformed;

impl Mirrors<'_> {
    /// Appends the mirror of `user`, an address as its server stamped it, for the face with this
    /// node (empty for the domain itself): `node@domain`, and the user's resource if it has one.
    pub fn write(
        &self,
        user: &Address<'_>,
        face: &str,
        output: &mut String,
    ) -> Result<(), TooLong> {
        let _ = (user, face, output);
        todo!()
    }

    /// Reads the node of an address that the target wrote to, as the server passed it on. `room`
    /// holds what is read.
    pub fn read<'r>(&self, node: &str, room: &'r mut String) -> Result<Mirror<'r>, Malformed> {
        let _ = (node, room);
        todo!()
    }
}

/// Whether no face has this node, in normal form: it has a `\40`.
pub fn is_reserved(node: &str) -> bool {
    node.contains(r"\40")
}
