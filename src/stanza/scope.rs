//! The namespace prefixes in scope within one stanza (Namespaces in XML 1.0).
//!
//! Servers deliver stanzas that they would not take: ejabberd passes a prefix on whose
//! declaration stood on the user's stream header, and both it and Prosody write the XML
//! namespace under other names. Whoever sends such a stanza on loses its stream, so a stanza
//! is only relayed when it is sound.

use super::markup;

/// Prefixes declared on the open elements of one stanza.
#[derive(Clone, Debug, Default)]
pub struct Scope {
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
    /// Enters an element at `level`, whose `tag` (name and attributes) starts at offset `at` of
    /// `stanza`. Is it sound: every prefix declared, no reserved namespace under another name?
    pub fn enter(&mut self, stanza: &[u8], at: usize, tag: &str, level: usize) -> bool {
        // Most tags have no colon and do not name the XML namespace.
        if memchr::memchr(b':', tag.as_bytes()).is_none() && !tag.contains('&') {
            return true;
        }
        let name_len = markup::name_len(tag);
        let mut sound = true;
        let mut prefixed = tag[..name_len].contains(':');
        let _ = markup::check_attributes(tag, name_len, |name, value| {
            if name == "xmlns" {
                sound &= !is_reserved(value);
            } else if name == "xmlns:xml" {
                sound &= value == XML;
            } else if let Some(prefix) = name.strip_prefix("xmlns:") {
                sound &= prefix != "xmlns" && !value.is_empty() && !is_reserved(value);
                let at = at + markup::offset_in(tag, prefix);
                self.declared.push(Declared { level, at, length: prefix.len() });
            } else {
                prefixed |= name.contains(':');
            }
        });
        // More than any stanza has in earnest; each use searches them all.
        sound &= self.declared.len() <= MAX_DECLARED;
        if !sound || !prefixed {
            return sound;
        }
        sound &= !tag[..name_len].starts_with("xml:") && self.knows(stanza, &tag[..name_len]);
        let _ = markup::check_attributes(tag, name_len, |name, _| {
            sound &= name.starts_with("xmlns:") || self.knows(stanza, name);
        });
        sound
    }

    /// Leaves all elements at `level` and below.
    pub fn leave(&mut self, level: usize) {
        while self.declared.last().is_some_and(|d| d.level >= level) {
            self.declared.pop();
        }
    }

    /// Is the prefix of the qualified `name`, if it has one, declared?
    fn knows(&self, stanza: &[u8], name: &str) -> bool {
        let Some((prefix, _)) = name.split_once(':') else { return true };
        let declared = |d: &Declared| &stanza[d.at..d.at + d.length] == prefix.as_bytes();
        // `stream` is declared on the header of every stream.
        matches!(prefix, "xml" | "stream") || self.declared.iter().any(declared)
    }
}

/// The two namespaces that are bound once and for all (Namespaces in XML 1.0 section 3).
fn is_reserved(value: &str) -> bool {
    let resolved = quick_xml::escape::unescape(value).unwrap_or_default();
    matches!(resolved.trim_matches([' ', '\t', '\r', '\n']), XML | XMLNS)
}

const XML: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";
const MAX_DECLARED: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    /// Is the element alone sound, after `above` was entered?
    fn sound(above: &str, tag: &str) -> bool {
        let stanza = format!("{above}{tag}");
        let mut scope = Scope::default();
        assert!(above.is_empty() || scope.enter(stanza.as_bytes(), 0, above, 0));
        scope.enter(stanza.as_bytes(), above.len(), tag, 1)
    }

    #[test]
    fn a_prefix_is_declared_here_or_above() {
        assert!(sound("", "a:b a:c='1' xmlns:a='urn:a' xml:lang='en'"));
        assert!(sound("x xmlns:a='urn:a'", "a:b a:c='1'"));
        assert!(sound("", "stream:error"));
        for tag in ["a:b", "b a:c='1'", "a:b xmlns:ab='urn:a'", "xml:b", "b xmlns:a=''"] {
            assert!(!sound("x xmlns:z='urn:z'", tag), "{tag}");
        }
    }

    #[test]
    fn what_is_declared_on_a_sibling_is_out_of_scope() {
        let stanza = b"x xmlns:a='urn:a'";
        let mut scope = Scope::default();
        assert!(scope.enter(stanza, 0, "x xmlns:a='urn:a'", 1));
        assert!(scope.enter(stanza, 0, "a:y", 2));
        scope.leave(1);
        assert!(!scope.enter(stanza, 0, "a:y", 1));
    }

    #[test]
    fn reserved_namespaces_have_no_other_name() {
        assert!(sound("", "q xmlns:xml='http://www.w3.org/XML/1998/namespace'"));
        assert!(!sound("", "q xmlns:xml='urn:q'"));
        for name in ["xmlns", "xmlns:ns1", "xmlns:xmlns"] {
            for value in [
                "http://www.w3.org/XML/1998/namespace",
                "&#104;ttp://www.w3.org/XML/1998/namespace",
                "http://www.w3.org/2000/xmlns/",
            ] {
                assert!(!sound("", &format!("q {name}='{value}'")), "{name} {value}");
            }
        }
    }

    #[test]
    fn a_flood_of_declarations_is_not_searched() {
        let many: String = (0..65).map(|i| format!(" xmlns:a{i}='urn:a'")).collect();
        assert!(!sound("", &format!("q{many}")));
    }
}
