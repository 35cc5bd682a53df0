//! JID escaping (XEP-0106): any text as the node of an address.

use std::ops::ControlFlow;

use crate::chunk::{self, Chunk};

use super::prepared::plain_bytes;

/// The pieces of `text` escaped, in one pass from left to right: each of the ten characters becomes
/// its sequence, and a backslash becomes `\5c` only where one of the ten sequences follows it.
fn escaped(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (first, others) = rest.as_bytes().split_first()?;
        if let Some(sequence) = sequence_of(*first)
            && needs_one(rest)
        {
            rest = &rest[1..];
            return Some(sequence);
        }
        // A backslash that is not escaped begins a piece, too.
        let (piece, behind) = rest.split_at(1 + special_in(others).unwrap_or(others.len()));
        rest = behind;
        Some(piece)
    })
}

/// Offset of the first of the ten characters.
fn special_in(bytes: &[u8]) -> Option<usize> {
    let mut found = None;
    let doubts = |chunk: Chunk| !(plain_bytes(chunk) | chunk.equal(b'-'));
    chunk::visit(bytes, doubts, |at| match sequence_of(bytes[at]) {
        None => ControlFlow::Continue(()),
        Some(_) => {
            found = Some(at);
            ControlFlow::Break(())
        }
    });
    found
}

/// Appends `text` escaped.
pub fn escape(text: &str, output: &mut String) {
    // Mostly there is nothing to escape.
    match special_in(text.as_bytes()) {
        None => output.push_str(text),
        Some(_) => output.extend(escaped(text)),
    }
}

/// What `node` has behind `text`, escaped, if it begins with that.
pub fn strip<'n>(node: &'n str, text: &str) -> Option<&'n str> {
    match special_in(text.as_bytes()) {
        None => node.strip_prefix(text),
        Some(_) => escaped(text).try_fold(node, |rest, piece| rest.strip_prefix(piece)),
    }
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
    let [b'\\', high, low] = *text.as_bytes().first_chunk::<3>()? else { return None };
    let character = digit(high)? << 4 | digit(low)?;
    sequence_of(character).map(|_| character)
}

/// The value of a hexadecimal digit in lower case.
fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

/// The sequence of a character, if it is one of the ten (XEP-0106 section 4): its code in hexadecimal.
fn sequence_of(character: u8) -> Option<&'static str> {
    Some(match character {
        b' ' => r"\20",
        b'"' => r"\22",
        b'&' => r"\26",
        b'\'' => r"\27",
        b'/' => r"\2f",
        b':' => r"\3a",
        b'<' => r"\3c",
        b'>' => r"\3e",
        b'@' => r"\40",
        b'\\' => r"\5c",
        _ => return None,
    })
}

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
    fn each_of_the_ten_has_a_sequence_of_its_own() {
        let ten = (0..=u8::MAX).filter_map(|byte| Some((byte, sequence_of(byte)?)));
        for (byte, sequence) in ten.clone() {
            assert_eq!(sequence, format!("\\{byte:02x}"));
            assert_eq!(sequence_at(sequence), Some(byte));
        }
        assert_eq!(ten.count(), 10);
        let all = (0..=u8::MAX).map(|byte| sequence_at(&format!("\\{byte:02x}")));
        assert_eq!(all.flatten().count(), 10);
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

    /// Wherever it stands among plain bytes, which are skipped sixteen at a time.
    #[test]
    fn parts_of_any_length_are_escaped_and_stripped() {
        let kinds = [("@", r"\40"), (r"\", r"\"), (r"\40", r"\5c40"), ("é", "é"), ("-", "-")];
        for length in 1..=70 {
            for at in 0..length {
                let around = |odd| ["a".repeat(at), odd, "z".repeat(length - at - 1)].concat();
                for (odd, escaped) in kinds {
                    let [text, node] = [odd, escaped].map(|it| around(it.to_owned()));
                    both_ways(&text, &node);
                    assert_eq!(strip(&format!("{node}/x"), &text), Some("/x"));
                    let mut short = node;
                    short.pop();
                    assert_eq!(strip(&short, &text), None);
                }
            }
        }
    }
}
