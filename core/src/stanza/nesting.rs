//! The elements that are open within one stanza, and the namespace prefixes in scope (Namespaces in
//! XML 1.0).
//!
//! Servers deliver stanzas that they would not accept: ejabberd passes on a prefix that was
//! declared on the user's stream header (docs/servers.md#undeclared-prefix), and both ejabberd and
//! Prosody write the XML namespace under other names. A component that relays such a stanza loses
//! its stream, so a stanza is only relayed if its namespaces are valid.

use crate::wide;

use super::tag::{Attribute, Tag};

/// Names of the open elements and the prefixes in scope. Offsets are from the stanza's first
/// byte.
#[derive(Clone, Debug, Default)]
pub(super) struct Nesting {
    open: Vec<Open>,
    scope: Scope,
}

/// An element that is open: where its name stands, and that [as a word](Tag::word).
#[derive(Clone, Copy, Debug)]
struct Open {
    at: usize,
    length: usize,
    word: u64,
}

impl Nesting {
    /// How many elements are open.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.open.clear();
        self.scope.leave(0);
    }

    /// Enters the element whose start tag begins at offset `at` of `stanza`; `namespaces`: whether
    /// it concerns [`Scope`]. Returns whether its namespaces are valid.
    #[inline(always)]
    pub(super) fn enter(&mut self, stanza: &[u8], at: usize, tag: &Tag, namespaces: bool) -> bool {
        let level = self.depth();
        let in_order = !namespaces || self.scope.enter(stanza, at, level);
        if tag.empty {
            self.scope.leave(level);
        } else {
            self.open.push(Open { at: at + 1, length: tag.name_len, word: tag.word });
        }
        in_order
    }

    /// The name of the innermost element.
    pub(super) fn innermost<'a>(&self, stanza: &'a [u8]) -> Option<&'a [u8]> {
        self.open.last().map(|open| &stanza[open.at..open.at + open.length])
    }

    /// Length of the name of the innermost element, if `bytes` begin with that and a `>`.
    #[inline]
    pub(super) fn ends_by(&self, stanza: &[u8], bytes: &[u8]) -> Option<usize> {
        let Open { at, length, word } = *self.open.last()?;
        let ends = match wide::read(bytes, 0) {
            Some(found) if word != 0 => {
                wide::first_of(found, length + 1) == word | BRACKET << (8 * length)
            }
            _ => {
                let name = &stanza[at..at + length];
                bytes.starts_with(name) && bytes.get(length) == Some(&b'>')
            }
        };
        ends.then_some(length)
    }

    /// Leaves the innermost element.
    pub(super) fn leave(&mut self) {
        self.open.pop();
        self.scope.leave(self.depth());
    }
}

/// Prefixes declared on the open elements of one stanza.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    declared: Vec<Declared>,
}

/// A prefix: where its name stands in the stanza, and the level of the element that declares it.
#[derive(Clone, Copy, Debug)]
struct Declared {
    level: usize,
    at: usize,
    length: usize,
}

impl Scope {
    /// Whether this attribute of the tag that `tag` begins with has to do with namespaces. Most
    /// tags have no such attribute and no prefix, and need not be entered.
    pub(super) fn concerns(attribute: &Attribute, tag: &[u8]) -> bool {
        attribute.prefixed
            || attribute.word == wide::short(b"xmlns")
                && is_reserved(&tag[attribute.value.clone()], attribute.references)
    }

    /// Enters an element at `level`, whose start tag begins at offset `at` of `stanza`. Returns
    /// whether every prefix is declared and no reserved namespace has another name.
    fn enter(&mut self, stanza: &[u8], at: usize, level: usize) -> bool {
        let bytes = &stanza[at..];
        let mut in_order = true;
        let tag = Tag::read(bytes, |attribute| {
            let value = &bytes[attribute.value.clone()];
            let reserved = || is_reserved(value, attribute.references);
            match &bytes[attribute.name.clone()] {
                b"xmlns" => in_order &= !reserved(),
                b"xmlns:xml" => in_order &= value == XML,
                [b'x', b'm', b'l', b'n', b's', b':', prefix @ ..] => {
                    in_order &= prefix != b"xmlns" && !value.is_empty() && !reserved();
                    let at = at + attribute.name.end - prefix.len();
                    self.declared.push(Declared { level, at, length: prefix.len() });
                }
                _ => {}
            }
        });
        let Some(tag) = tag else { return false };
        // Far more than real stanzas have; each use of a prefix searches all of them.
        if !in_order || self.declared.len() > MAX_DECLARED {
            return false;
        }
        if tag.prefixed {
            let name = &bytes[1..=tag.name_len];
            in_order &= !name.starts_with(b"xml:") && self.knows(stanza, name);
        }
        let _ = Tag::read(bytes, |attribute| {
            let name = &bytes[attribute.name.clone()];
            in_order &=
                !attribute.prefixed || name.starts_with(b"xmlns:") || self.knows(stanza, name);
        });
        in_order
    }

    /// Leaves all elements at `level` and below.
    fn leave(&mut self, level: usize) {
        while self.declared.last().is_some_and(|d| d.level >= level) {
            self.declared.pop();
        }
    }

    /// Whether the prefix of the qualified `name` is declared.
    fn knows(&self, stanza: &[u8], name: &[u8]) -> bool {
        let prefix = memchr::memchr(b':', name).map_or(name, |colon| &name[..colon]);
        let declared = |d: &Declared| &stanza[d.at..d.at + d.length] == prefix;
        // `stream` is declared on the header of every stream.
        matches!(prefix, b"xml" | b"stream") || self.declared.iter().any(declared)
    }
}

/// Whether it is one of the two namespaces whose prefixes are fixed (Namespaces in XML 1.0
/// section 3).
fn is_reserved(value: &[u8], references: bool) -> bool {
    let is_one = |value: &[u8]| matches!(value.trim_ascii(), XML | XMLNS);
    if !references {
        return is_one(value);
    }
    let text = str::from_utf8(value).unwrap_or_default();
    quick_xml::escape::unescape(text).is_ok_and(|resolved| is_one(resolved.as_bytes()))
}

const BRACKET: u64 = b'>' as u64;
const XML: &[u8] = b"http://www.w3.org/XML/1998/namespace";
const XMLNS: &[u8] = b"http://www.w3.org/2000/xmlns/";
pub(super) const MAX_DECLARED: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_known_within_their_element() {
        let stanza = b"<x xmlns:a='urn:a'><a:y/></x><a:y/>";
        let enter = |nesting: &mut Nesting, at: usize| {
            let tag = Tag::read(&stanza[at..], |_| {}).unwrap();
            nesting.enter(stanza, at, &tag, true)
        };
        let mut nesting = Nesting::default();
        assert!(enter(&mut nesting, 0) && enter(&mut nesting, 19));
        assert_eq!((nesting.depth(), nesting.innermost(stanza)), (1, Some(&b"x"[..])));
        nesting.leave();
        assert_eq!((nesting.is_empty(), nesting.innermost(stanza)), (true, None));
        assert!(!enter(&mut nesting, 29));
    }

    /// Whether the namespaces of the element are in order, after `above` was entered.
    fn in_order(above: &str, tag: &str) -> bool {
        let above = if above.is_empty() { String::new() } else { format!("<{above}>") };
        let stanza = format!("{above}<{tag}>");
        let mut scope = Scope::default();
        assert!(above.is_empty() || scope.enter(stanza.as_bytes(), 0, 0));
        scope.enter(stanza.as_bytes(), above.len(), 1)
    }

    #[test]
    fn a_prefix_is_declared_here_or_above() {
        assert!(in_order("", "a:b a:c='1' xmlns:a='urn:a' xml:lang='en'"));
        assert!(in_order("x xmlns:a='urn:a'", "a:b a:c='1'"));
        assert!(in_order("", "stream:error"));
        for tag in ["a:b", "b a:c='1'", "a:b xmlns:ab='urn:a'", "xml:b", "b xmlns:a=''"] {
            assert!(!in_order("x xmlns:z='urn:z'", tag), "{tag}");
        }
    }

    #[test]
    fn what_is_declared_on_a_sibling_is_out_of_scope() {
        let stanza = b"<x xmlns:a='urn:a'><a:y/><a:y/>";
        let (first, second) = (19, 25);
        let mut scope = Scope::default();
        assert!(scope.enter(stanza, 0, 1));
        assert!(scope.enter(stanza, first, 2));
        scope.leave(1);
        assert!(!scope.enter(stanza, second, 1));
    }

    #[test]
    fn reserved_namespaces_have_no_other_name() {
        assert!(in_order("", "q xmlns:xml='http://www.w3.org/XML/1998/namespace'"));
        assert!(!in_order("", "q xmlns:xml='urn:q'"));
        for name in ["xmlns", "xmlns:ns1", "xmlns:xmlns"] {
            for value in [
                "http://www.w3.org/XML/1998/namespace",
                "&#104;ttp://www.w3.org/XML/1998/namespace",
                "http://www.w3.org/2000/xmlns/",
            ] {
                assert!(!in_order("", &format!("q {name}='{value}'")), "{name} {value}");
            }
        }
    }

    #[test]
    fn a_flood_of_declarations_is_not_searched() {
        let many: String = (0..65).map(|i| format!(" xmlns:a{i}='urn:a'")).collect();
        assert!(!in_order("", &format!("q{many}")));
    }
}
