//! The text in the node of a mirror, and its encoding.

use std::borrow::Cow;

use crate::base32;
use crate::jat::escape;
use crate::jat::prepared::{self, Refused};

use super::{MAC_CHARS, MAX_NODE_BYTES, TooLong, is_reserved};

/// The text of a mirror, `[node]@domain[/face[/mac]]`, in its parts. The `@` is always there, and a
/// text with a MAC has both slashes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a> {
    /// The user's node; empty for a server.
    pub node: &'a str,
    /// The user's domain.
    pub domain: &'a str,
    /// Empty for the component's domain itself.
    pub face: &'a str,
    /// Empty if the mirror is clear.
    pub mac: &'a str,
}

/// What stands between two parts, and that in the clear form.
#[derive(Clone, Copy, Debug)]
struct Separator {
    plain: &'static str,
    escaped: &'static str,
}

const NONE: Separator = Separator { plain: "", escaped: "" };
const AT: Separator = Separator { plain: "@", escaped: r"\40" };
const SLASH: Separator = Separator { plain: "/", escaped: r"\2f" };

impl<'a> Text<'a> {
    /// The user's bare address with an `@` even if it has no node.
    pub(super) fn bare(&self) -> [&'a str; 3] {
        [self.node, "@", self.domain]
    }

    /// The parts of the text, each with the separator before it.
    fn parts(&self) -> impl Iterator<Item = (Separator, &'a str)> {
        let count = match (self.face, self.mac) {
            ("", "") => 2,
            (_, "") => 3,
            (_, _) => 4,
        };
        [(NONE, self.node), (AT, self.domain), (SLASH, self.face), (SLASH, self.mac)]
            .into_iter()
            .take(count)
    }

    /// Appends the clear form. No sequence extends from one part to the next, since a separator is
    /// between them.
    fn write_clear(&self, output: &mut String) {
        for (separator, part) in self.parts() {
            output.push_str(separator.escaped);
            escape::escape(part, output);
        }
    }

    /// Whether this is the clear form.
    fn is_clear(&self, node: &str) -> bool {
        let behind = self.parts().try_fold(node, |rest, (separator, part)| {
            escape::strip(rest.strip_prefix(separator.escaped)?, part)
        });
        behind == Some("")
    }

    /// Appends the node for this text: the clear form if all parts are in normal form and every server
    /// leaves it unchanged, otherwise the opaque one.
    pub(super) fn write_node(&self, is_prepared: bool, output: &mut String) -> Result<(), TooLong> {
        let start = output.len();
        self.write_clear(output);
        if !is_prepared || !is_left_alone(&output[start..]) {
            output.truncate(start);
            output.push_str(OPAQUE);
            let text: String = self.parts().flat_map(|(it, part)| [it.plain, part]).collect();
            base32::push(text.as_bytes(), output);
        }
        let bytes = output.len() - start;
        if bytes > MAX_NODE_BYTES {
            output.truncate(start);
            return Err(TooLong { bytes });
        }
        Ok(())
    }

    /// Reads `node`, which need not be in normal form, into `room`. It is strict: there is one node for a
    /// text, and one text for a user, a face and a MAC, and all of its parts are valid in an address.
    /// Otherwise a face `a/b` could become the sender of a stanza, and end the component's stream. Also
    /// returns the user's bare address.
    pub(super) fn read(node: &str, room: &'a mut String) -> Option<(&'a str, Self)> {
        room.clear();
        let node = prepared::node(node).ok().filter(|node| node.len() <= MAX_NODE_BYTES)?;
        let encoded = node.strip_prefix(OPAQUE);
        match encoded {
            Some(encoded) => {
                let mut bytes = [0; MAX_NODE_BYTES];
                let bytes = base32::decode(encoded, &mut bytes)?;
                room.push_str(str::from_utf8(bytes).ok()?);
            }
            None => escape::unescape(&node, room),
        }
        let (user, text) = Self::cut(room)?;
        let is_prepared = text.is_prepared()?;
        let is_canonical = match encoded {
            Some(_) if is_prepared => {
                let mut clear = String::new();
                text.write_clear(&mut clear);
                !is_left_alone(&clear)
            }
            Some(_) => true,
            None => is_prepared && text.is_clear(&node),
        };
        is_canonical.then_some((user, text))
    }

    fn cut(text: &'a str) -> Option<(&'a str, Self)> {
        let (bare, behind) = match split_at_byte(text, b'/') {
            Some((bare, behind)) => (bare, Some(behind)),
            None => (text, None),
        };
        let (node, domain) = split_at_byte(bare, b'@')?;
        let (face, mac) = match behind.map(|it| (it, split_at_byte(it, b'/'))) {
            None => ("", ""),
            Some((face, None)) if !face.is_empty() => (face, ""),
            Some((_, Some((face, mac)))) if is_mac(mac) => (face, mac),
            Some(_) => return None,
        };
        let user = if node.is_empty() { domain } else { bare };
        Some((user, Self { node, domain, face, mac }))
    }

    /// Whether all parts have a normal form; `None` if one is not in normal form, or not valid in an
    /// address at all.
    fn is_prepared(&self) -> Option<bool> {
        if self.domain.is_empty() || is_reserved(self.face) {
            return None;
        }
        let parts = [
            (self.node, prepared::node(self.node)),
            (self.domain, prepared::domain(self.domain)),
            (self.face, prepared::node(self.face)),
        ];
        parts.into_iter().try_fold(true, |all, (part, prepared)| match prepared {
            Ok(normal) => (normal == part).then_some(all),
            Err(Refused::Newer) => Some(false),
            Err(Refused::Prohibited) => None,
        })
    }
}

/// What is before and behind the first such byte of ASCII.
fn split_at_byte(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = memchr::memchr(byte, text.as_bytes())?;
    Some((&text[..at], &text[at + 1..]))
}

fn is_mac(text: &str) -> bool {
    text.len() == MAC_CHARS && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'))
}

/// Whether every server leaves this node unchanged (docs/servers.md#normal-nodes).
fn is_left_alone(node: &str) -> bool {
    matches!(prepared::node(node), Ok(Cow::Borrowed(_)))
}

/// The beginning of the opaque form. No clear form begins like this, since no domain has an `@`.
const OPAQUE: &str = r"\40\40";
