//! What may stand in a document: names, references, characters (XML 1.0, RFC 6120 section 11.6).

use crate::chunk::{self, Chunk};

use super::xml_error::XmlError;

/// Bytes that separate names and attributes within a tag.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Whether `name` is a name, or two with a colon between (Namespaces in XML, production 7).
pub(super) fn is_qualified_name(name: &str) -> bool {
    let mut parts = name.split(':');
    let local = parts.next_back().unwrap_or_default();
    let prefix = parts.next_back();
    is_name(local) && prefix.is_none_or(is_name) && parts.next().is_none()
}

/// Length of the reference that `bytes` begin with; `None` if it is not one that every parser
/// knows, or is cut off by their end.
#[inline]
pub(super) fn reference_len(bytes: &[u8]) -> Option<usize> {
    // The most common of all.
    const AMPERSAND: &[u8] = b"&amp;";
    if bytes.starts_with(AMPERSAND) { Some(AMPERSAND.len()) } else { other_reference_len(bytes) }
}

fn other_reference_len(bytes: &[u8]) -> Option<usize> {
    const COMMON: [&[u8]; 4] = [b"&lt;", b"&gt;", b"&apos;", b"&quot;"];
    if let Some(common) = COMMON.iter().find(|common| bytes.starts_with(common)) {
        return Some(common.len());
    }
    let length = memchr::memchr(b';', bytes)? + 1;
    is_reference(str::from_utf8(&bytes[..length]).ok()?).then_some(length)
}

/// Whether `reference` (with `&` and `;`) is one that every parser knows, to a legal character.
pub(super) fn is_reference(reference: &str) -> bool {
    let Some(inner) = reference.strip_prefix('&').and_then(|r| r.strip_suffix(';')) else {
        return false;
    };
    let Some(number) = inner.strip_prefix('#') else {
        return matches!(inner, "amp" | "lt" | "gt" | "quot" | "apos");
    };
    let (digits, radix) = match number.strip_prefix('x') {
        Some(hex) => (hex, 16),
        None => (number, 10),
    };
    // from_str_radix would take a sign.
    !digits.starts_with('+')
        && u32::from_str_radix(digits, radix)
            .ok()
            .and_then(char::from_u32)
            .is_some_and(is_character)
}

/// Whether the character may stand in a document (XML 1.0 production 2).
pub(super) fn is_character(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

/// Offset of the first character in `text` that may not stand in a document.
pub(super) fn first_illegal(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let control = |byte: u8| byte < 0x20 && !is_space(byte);
    let suspicious = |byte: u8| control(byte) || byte == 0xef;
    let mut at = 0;
    for chunk in bytes.chunks(CHUNK) {
        // Without a branch for each byte, so that many are looked at in one instruction.
        if chunk.iter().fold(false, |found, byte| found | suspicious(*byte)) {
            let illegal = |at: &usize| {
                // U+FFFE and U+FFFF, which two chunks may share.
                control(bytes[*at])
                    || matches!(bytes.get(*at..*at + 3), Some([0xef, 0xbf, 0xbe | 0xbf]))
            };
            if let Some(found) = (at..at + chunk.len()).find(illegal) {
                return Some(found);
            }
        }
        at += chunk.len();
    }
    None
}

/// Whether it is all ASCII and may stand in a document.
fn is_legal_ascii(text: &[u8]) -> bool {
    chunk::every(text, Chunk::unprintable, is_space)
}

/// The legal part at the beginning of a buffer that grows.
#[derive(Clone, Debug, Default)]
pub(super) struct Legal {
    /// Bytes before this are UTF-8 of legal characters.
    pub end: usize,
    /// What stands there, if it is not just the beginning of a character.
    pub error: Option<XmlError>,
}

impl Legal {
    /// Looks at what is new in `buffer`. A character that is cut by its end waits for the rest.
    pub(super) fn extend(&mut self, buffer: &[u8]) {
        if self.error.is_some() || self.end == buffer.len() {
            return;
        }
        let fresh = &buffer[self.end..];
        if is_legal_ascii(fresh) {
            self.end = buffer.len();
            return;
        }
        let (text, broken) = match str::from_utf8(fresh) {
            Ok(text) => (text, false),
            Err(e) => {
                let (valid, _) = fresh.split_at(e.valid_up_to());
                (str::from_utf8(valid).unwrap_or_default(), e.error_len().is_some())
            }
        };
        match first_illegal(text) {
            Some(at) => {
                self.end += at;
                self.error = Some(XmlError::Character);
            }
            None => {
                self.end += text.len();
                self.error = broken.then_some(XmlError::Utf8);
            }
        }
    }
}

fn is_name(name: &str) -> bool {
    let starts = |c: char| {
        matches!(c, 'a'..='z' | 'A'..='Z' | '_' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}'
            | '\u{f8}'..='\u{2ff}' | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}'
            | '\u{200c}' | '\u{200d}' | '\u{2070}'..='\u{218f}' | '\u{2c00}'..='\u{2fef}'
            | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}'
            | '\u{10000}'..='\u{effff}')
    };
    let goes_on = |c: char| {
        starts(c)
            || matches!(c, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}'
                | '\u{203f}' | '\u{2040}')
    };
    let mut chars = name.chars();
    chars.next().is_some_and(starts) && chars.all(goes_on)
}

const CHUNK: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_measured_or_refused() {
        for reference in ["&amp;", "&quot;", "&#10;", "&#x1F600;", "&#0000000000065;"] {
            assert_eq!(reference_len(format!("{reference}&;").as_bytes()), Some(reference.len()));
            let cut = &reference[..reference.len() - 1];
            assert_eq!(reference_len(cut.as_bytes()), None, "{cut}");
        }
        for broken in ["&nbsp;", "&;", "&#;", "&#1;", "&#+65;", "&#xd800;", "&am p;", "& amp;"] {
            assert_eq!(reference_len(broken.as_bytes()), None, "{broken}");
        }
    }

    #[test]
    fn characters_that_no_document_holds_are_found() {
        assert_eq!(first_illegal("a\tb\r\n\u{fffd}😀"), None);
        assert_eq!(first_illegal("ab\u{1}"), Some(2));
        assert_eq!(first_illegal("é\u{ffff}\0"), Some(2));
        for at in 0..2 * CHUNK {
            let before = "x".repeat(at);
            assert_eq!(first_illegal(&format!("{before}\u{fffd}\u{fffe}")), Some(at + 3));
            assert_eq!(first_illegal(&format!("{before}\u{7f}\u{1f}")), Some(at + 1));
        }
    }

    #[test]
    fn ascii_is_as_legal_as_any_character() {
        for byte in 0..=u8::MAX {
            for at in 0..8 {
                let mut word = *b"a\tb\nc\rd ";
                word[at] = byte;
                let legal = byte.is_ascii() && is_character(char::from(byte));
                assert_eq!(is_legal_ascii(&word), legal, "{byte} {at}");
            }
        }
    }

    #[test]
    fn a_cut_character_waits_and_a_broken_one_is_an_error() {
        let mut legal = Legal::default();
        legal.extend(b"a\xc3");
        assert_eq!((legal.end, legal.error), (1, None));
        legal.extend(b"a\xc3\xa9");
        assert_eq!((legal.end, legal.error), (3, None));
        legal.extend(b"a\xc3\xa9b\xffc");
        assert_eq!((legal.end, legal.error), (4, Some(XmlError::Utf8)));
        legal.extend(b"a\xc3\xa9b\xffcd");
        assert_eq!(legal.end, 4);
    }
}
