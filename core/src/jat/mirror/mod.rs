//! Mirrors: the addresses of users as the target sees them.
//!
//! The node of a mirror is a text made of the user's bare address, the face, and a MAC if it is
//! signed, escaped by XEP-0106 or in base32. docs/addresses.md is the public specification.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::base32;

use super::access::Senders;
use super::address::Address;
use super::name_keys::{NameKey, NameKeys};
use super::pae;
use super::prepared;

#[cfg(test)]
mod tests;
mod text;

use text::Text;

/// The maximum length of a node in bytes (RFC 7622 section 3.3.1).
pub const MAX_NODE_BYTES: usize = 1023;

/// Makes and reads mirrors; addresses and domains are in normal form.
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

/// A mirror that was read: its user and its face.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mirror<'a> {
    /// The user's bare address, in normal form.
    pub user: &'a str,
    /// The node of the face, in normal form; empty for the domain itself.
    pub face: &'a str,
    pub form: Form,
}

/// The proof that a mirror contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// No proof; with whether the user's domain may be written to first.
    Clear { initiated: bool },
    /// A valid MAC, by the key with this id.
    Signed { kid: u8 },
    /// A MAC that is not valid under any key.
    Forged,
}

/// The mirror would have more than [`MAX_NODE_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the mirror of this address needs {bytes} bytes, a node has {MAX_NODE_BYTES}")]
pub struct TooLong {
    pub bytes: usize,
}

/// The node is not that of a mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the mirror of an address")]
pub struct Malformed;

impl Mirrors<'_> {
    /// Appends the mirror of `user`, an address as its server passed it on, for the face with this
    /// node (empty for the domain itself): `node@domain`, and the user's resource if it has one.
    /// Appends nothing if it is too long.
    pub fn write(
        &self,
        user: &Address<'_>,
        face: &str,
        output: &mut String,
    ) -> Result<(), TooLong> {
        let (user_node, user_domain) = (user.node().unwrap_or_default(), user.domain());
        let node = prepared::node(user_node);
        let domain = prepared::domain(user_domain);
        let prepared_face = prepared::node(face);
        let is_prepared = node.is_ok() && domain.is_ok() && prepared_face.is_ok();
        let mut text = Text {
            node: node.as_deref().unwrap_or(user_node),
            domain: domain.as_deref().unwrap_or(user_domain),
            face: prepared_face.as_deref().unwrap_or(face),
            mac: "",
        };
        let mut room = [0; MAC_CHARS];
        if !self.initiate.has(user) {
            let mac = self.mac(self.keys.first(), &text).finalize().into_bytes();
            text.mac = base32::encode(&mac[..MAC_BYTES], &mut room);
        }
        text.write_node(is_prepared, output)?;
        output.push('@');
        output.push_str(self.domain);
        if let Some(resource) = user.resource() {
            output.push('/');
            output.push_str(resource);
        }
        Ok(())
    }

    /// Reads the node of an address that the target wrote to, as the server passed it on. `room` is for
    /// the text. Writing a mirror again gives the same node, in normal form, except for a signed one
    /// whose key is not the first or whose user may be written to first.
    pub fn read<'r>(&self, node: &str, room: &'r mut String) -> Result<Mirror<'r>, Malformed> {
        let (user, text) = Text::read(node, room).ok_or(Malformed)?;
        let form = if text.mac.is_empty() {
            Form::Clear { initiated: self.initiate.has(&Address::new(user)) }
        } else {
            let mut mac = [0; MAC_BYTES];
            base32::decode(text.mac, &mut mac).ok_or(Malformed)?;
            // A mirror does not say which key it was signed with.
            let is_by = |key: &&NameKey| self.mac(key, &text).verify_truncated_left(&mac).is_ok();
            let key = self.keys.keys().iter().find(is_by);
            key.map_or(Form::Forged, |key| Form::Signed { kid: key.id() })
        };
        Ok(Mirror { user, face: text.face, form })
    }

    fn mac(&self, key: &NameKey, text: &Text<'_>) -> Hmac<Sha256> {
        let mut mac = key.mirror_mac();
        pae::begin(&mut mac, 4);
        pae::write_piece(&mut mac, &[self.domain.as_bytes()]);
        pae::write_piece(&mut mac, &[self.target.as_bytes()]);
        pae::write_piece(&mut mac, &text.bare().map(str::as_bytes));
        pae::write_piece(&mut mac, &[text.face.as_bytes()]);
        mac
    }
}

/// Reads the node of a mirror without a key: its user, its face, and whether it has a MAC.
pub fn inspect<'r>(
    node: &str,
    room: &'r mut String,
) -> Result<(&'r str, &'r str, bool), Malformed> {
    let (user, text) = Text::read(node, room).ok_or(Malformed)?;
    Ok((user, text.face, !text.mac.is_empty()))
}

/// Whether no face can have this node, in normal form, because of a `\40`.
pub fn is_reserved(node: &str) -> bool {
    node.contains(r"\40")
}

/// Bytes of a MAC. Each guess takes a stanza of the target's own account, and a correct one reaches
/// one user.
const MAC_BYTES: usize = 10;
/// The length of a MAC in characters of base32, without a remainder.
const MAC_CHARS: usize = base32::encoded_len(MAC_BYTES);
