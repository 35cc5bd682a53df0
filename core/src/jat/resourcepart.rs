//! Whether a text that we compose is valid as a resource.
//!
//! Servers prepare a resource as a whole (RFC 6122 appendix B), and refuse a stanza whose address
//! can't be prepared. Most have the tables of Unicode 3.2 for it, some newer ones
//! (docs/servers.md#mixed-directions).

use super::jid_parts;

/// Whether every server accepts `text`, an address that one has sent, as a resource. Its parts are
/// valid, but together they can be too long, or mix writing directions, which no resource may (RFC
/// 3454 section 6).
pub(super) fn is_resource(text: &str) -> bool {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return text.len() <= MAX_BYTES;
    }
    // The library may refuse characters that are newer than its tables.
    jid_parts::resource(text).is_ok()
        || longest(text) <= MAX_BYTES && !text.chars().any(is_right_to_left)
}

/// The maximum of its bytes when prepared.
fn longest(text: &str) -> usize {
    text.chars().map(|c| if c.is_ascii() { 1 } else { c.len_utf8() * MOST_GROWTH }).sum()
}

/// Whether it is in a block of scripts that are written from right to left, as of Unicode 16 (the
/// defaults of its property `Bidi_Class` for what is unassigned yet).
fn is_right_to_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}'
        | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

/// Bytes of a resource (RFC 7622 section 3.4).
pub(super) const MAX_BYTES: usize = 1023;
/// The growth of the UTF-8 of characters that are not written from right to left, in NFKC: the three
/// bytes of U+3316 become eighteen.
const MOST_GROWTH: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_are_not_mixed() {
        for good in [
            "user@d.example/abc",
            "é@日本.example/\u{301}",
            "user@d.example/😀",
            "אב@דה.גו/ז",
            "user@d.example/٣٤",
        ] {
            assert!(is_resource(good), "{good}");
        }
        for bad in ["user@d.example/שלום", "עברית@d.example/r", "user@d.example/a-ب", "u@d/ߊ😀"]
        {
            assert!(!is_resource(bad), "{bad}");
        }
    }

    #[test]
    fn the_prepared_length_is_measured() {
        let long = |c: &str, count: usize| is_resource(&format!("u@d/{}", c.repeat(count)));
        assert!(long("x", 1019) && !long("x", 1020));
        assert!(long("㌖", 56) && !long("㌖", 57), "it becomes six characters");
        assert!(long("日", 339) && !long("日", 340));
        assert!(long("😀", 42) && !long("😀", 43));
    }
}
