//! JID escaping (XEP-0106): any text as the node of an address.

/// The pieces of `text` escaped, in one pass from left to right: each of the ten characters becomes
/// its sequence, and a backslash becomes `\5c` only where one of the ten sequences follows it.
pub fn escaped(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = *rest.as_bytes().first()?;
        if is_special(first)
            && let Some((_, sequence)) =
                TEN.iter().find(|(byte, _)| *byte == first && needs_one(rest))
        {
            rest = &rest[1..];
            return Some(*sequence);
        }
        // A backslash that is not escaped begins a piece, too.
        let end = rest.bytes().skip(1).position(is_special).map_or(rest.len(), |at| at + 1);
        let (piece, behind) = rest.split_at(end);
        rest = behind;
        Some(piece)
    })
}

/// Appends `text` escaped.
pub fn escape(text: &str, output: &mut String) {
    output.extend(escaped(text));
}

/// Appends `node` with its sequences replaced by their characters, in one pass from left to right.
/// Sequences in upper case are not replaced: some servers pass them on, but no node in normal form has
/// them.
pub fn unescape(node: &str, output: &mut String) {
    let mut rest = node;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        output.push_str(&rest[..at]);
        rest = &rest[at..];
        let (stands_for, length) = sequence_at(rest).map_or(('\\', 1), |byte| (byte.into(), 3));
        output.push(stands_for);
        rest = &rest[length..];
    }
    output.push_str(rest);
}

/// Whether the special character at the beginning of `text` has to be escaped.
fn needs_one(text: &str) -> bool {
    !text.starts_with('\\') || sequence_at(text).is_some()
}

/// The character of the sequence at the beginning of `text`.
fn sequence_at(text: &str) -> Option<u8> {
    TEN.iter().find(|(_, sequence)| text.starts_with(sequence)).map(|(byte, _)| *byte)
}

fn is_special(byte: u8) -> bool {
    matches!(byte, b' ' | b'"' | b'&' | b'\'' | b'/' | b':' | b'<' | b'>' | b'@' | b'\\')
}

/// The ten characters and their sequences (XEP-0106 section 4).
const TEN: [(u8, &str); 10] = [
    (b' ', r"\20"),
    (b'"', r"\22"),
    (b'&', r"\26"),
    (b'\'', r"\27"),
    (b'/', r"\2f"),
    (b':', r"\3a"),
    (b'<', r"\3c"),
    (b'>', r"\3e"),
    (b'@', r"\40"),
    (b'\\', r"\5c"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn both_ways(text: &str, node: &str) {
        let (mut there, mut back) = (String::new(), String::new());
        escape(text, &mut there);
        assert_eq!(there, node, "{text}");
        unescape(&there, &mut back);
        assert_eq!(back, text, "{node}");
    }

    #[test]
    fn the_examples_of_the_extension() {
        for (text, node) in [
            ("space cadet", r"space\20cadet"),
            ("call me \"ishmael\"", r"call\20me\20\22ishmael\22"),
            ("at&t guy", r"at\26t\20guy"),
            ("d'artagnan", r"d\27artagnan"),
            ("/.fanboy", r"\2f.fanboy"),
            ("::foo::", r"\3a\3afoo\3a\3a"),
            ("<foo>", r"\3cfoo\3e"),
            ("user@host", r"user\40host"),
            (r"c:\net", r"c\3a\net"),
            (r"c:\\net", r"c\3a\\net"),
            (r"c:\cool stuff", r"c\3a\cool\20stuff"),
            (r"c:\5commas", r"c\3a\5c5commas"),
        ] {
            both_ways(text, node);
        }
    }

    #[test]
    fn a_backslash_is_escaped_only_where_a_sequence_follows() {
        for (text, node) in [
            ("", ""),
            (r"\", r"\"),
            (r"\\", r"\\"),
            (r"\40", r"\5c40"),
            (r"\\40", r"\\5c40"),
            (r"\5c40", r"\5c5c40"),
            (r"\4", r"\4"),
            (r"\/", r"\\2f"),
            (r"\2F", r"\2F"),
            (r"\41é\", r"\41é\"),
            ("é@ä/ö", r"é\40ä\2fö"),
        ] {
            both_ways(text, node);
        }
    }
}
