//! Checks on single pieces of markup: names, references, characters (XML 1.0).

use quick_xml::events::attributes::Attributes;

/// Bytes that separate names and attributes within a tag.
pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Length of the name at the beginning of `tag` (what stands between `<` and `>`).
pub fn name_len(tag: &str) -> usize {
    tag.bytes().position(|b| is_space(b) || b == b'/').unwrap_or(tag.len())
}

/// Is `name` a name, or two with a colon between (Namespaces in XML, production 7)?
pub fn is_qualified_name(name: &str) -> bool {
    let mut parts = name.split(':');
    let local = parts.next_back().unwrap_or_default();
    let prefix = parts.next_back();
    is_name(local) && prefix.is_none_or(is_name) && parts.next().is_none()
}

/// Is `tag`, from its name on, a well-formed list of attributes? Gives their number, and calls
/// `each` with every name and its raw value.
pub fn check_attributes<'a>(
    tag: &'a str,
    name_len: usize,
    mut each: impl FnMut(&'a str, &'a str),
) -> Option<usize> {
    let mut count = 0;
    let mut end = name_len;
    let mut attributes = Attributes::new(tag, name_len);
    attributes.with_checks(false);
    for attribute in attributes {
        let attribute = attribute.ok()?;
        let name: &'a str = attribute.key.into_inner();
        let std::borrow::Cow::Borrowed(value) = attribute.value else { return None };
        // Attributes stand apart from what is before them.
        let gap = &tag.as_bytes()[end..offset_in(tag, name)];
        let apart = !gap.is_empty() && gap.iter().all(|b| is_space(*b));
        if !apart || !is_qualified_name(name) || !is_value(value) {
            return None;
        }
        end = offset_in(tag, value) + value.len() + 1;
        count += 1;
        each(name, value);
    }
    tag.as_bytes()[end..].iter().all(|b| is_space(*b)).then_some(count)
}

/// Where `part`, a slice of `whole`, begins in it.
pub fn offset_in(whole: &str, part: &str) -> usize {
    part.as_ptr() as usize - whole.as_ptr() as usize
}

/// Is `reference` (with `&` and `;`) one that every parser knows, to a legal character?
pub fn is_reference(reference: &str) -> bool {
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

/// May the character stand in a document (XML 1.0 production 2)?
pub fn is_character(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

/// Offset of the first character in `text` that may not stand in a document.
pub fn first_illegal(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let control = bytes.iter().position(|b| *b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r'));
    // U+FFFE and U+FFFF.
    let last = memchr::memchr_iter(0xef, bytes)
        .find(|at| matches!(bytes.get(at + 1..at + 3), Some([0xbf, 0xbe | 0xbf])));
    match (control, last) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
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

fn is_value(value: &str) -> bool {
    let bytes = value.as_bytes();
    let mut at = 0;
    while let Some(found) = memchr::memchr2(b'<', b'&', &bytes[at..]) {
        let start = at + found;
        if bytes[start] == b'<' {
            return false;
        }
        let Some(length) = memchr::memchr(b';', &bytes[start..]) else { return false };
        if !is_reference(&value[start..=start + length]) {
            return false;
        }
        at = start + length + 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(tag: &str) -> Option<usize> {
        check_attributes(tag, name_len(tag), |_, _| {})
    }

    #[test]
    fn attributes_are_counted_or_refused() {
        assert_eq!(count("iq"), Some(0));
        assert_eq!(count("iq  a='1' \n b:c = \"x'>y\" "), Some(2));
        assert_eq!(count("iq a='&lt;&#10;&#x1F600;'"), Some(1));
        for broken in [
            "iq a",
            "iq a=",
            "iq a=1",
            "iq a='1'b='2'",
            "iq a='<'",
            "iq a='&nbsp;'",
            "iq a='&'",
            "iq a='&#1;'",
            "iq 1='1'",
            "iq a:b:c='1'",
            "iq :a='1'",
            "iq a='1' /x",
            "iq a='&#+65;'",
            "iq ='1'",
        ] {
            assert_eq!(count(broken), None, "{broken}");
        }
    }

    #[test]
    fn characters_that_no_document_holds_are_found() {
        assert_eq!(first_illegal("a\tb\r\n\u{fffd}😀"), None);
        assert_eq!(first_illegal("ab\u{1}"), Some(2));
        assert_eq!(first_illegal("é\u{ffff}\0"), Some(2));
    }
}
