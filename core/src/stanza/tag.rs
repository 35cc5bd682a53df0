//! Whole start tags, read in one pass (XML 1.0 productions 40, 41 and 44).

use std::ops::Range;

use crate::chunk::{self, Chunk};
use crate::wide::{self, first_of};

use super::markup::{is_qualified_name, is_space, reference_len};

/// A whole start tag that is well formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Number of bytes from `<` to `>`.
    pub length: usize,
    /// Number of bytes of the name, which begins behind the `<`.
    pub name_len: usize,
    /// [`Attribute::word`] of the name.
    pub word: u64,
    /// Number of attributes.
    pub attributes: usize,
    /// Whether it is the whole element, as in `<a/>`.
    pub empty: bool,
    /// Whether its name has a prefix.
    pub prefixed: bool,
}

/// One attribute; offsets are from the `<` of its tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    pub name: Range<usize>,
    /// The name as one number, its first byte lowest, if it consists of one to seven small
    /// letters, as most do; otherwise 0.
    pub word: u64,
    /// What stands between the quotes.
    pub value: Range<usize>,
    /// Whether its name has a prefix.
    pub prefixed: bool,
    /// Whether there are references in its value.
    pub references: bool,
}

impl Tag {
    /// Reads the start tag at the beginning of `bytes`, which are UTF-8, and calls `each` with
    /// its attributes; `None` if it is broken, or cut off by the end of `bytes`.
    #[inline(always)]
    pub fn read(bytes: &[u8], mut each: impl FnMut(&Attribute)) -> Option<Self> {
        if bytes.first() != Some(&b'<') {
            return None;
        }
        let name = Name::read(bytes, 1)?;
        let mut at = name.end;
        let mut attributes = 0;
        let end = |at, empty, attributes| Self {
            length: at,
            name_len: name.end - 1,
            word: name.word,
            attributes,
            empty,
            prefixed: name.prefixed,
        };
        loop {
            let gap = at;
            let mut byte = *bytes.get(at)?;
            // Mostly there is one space, or none.
            if byte == b' ' {
                at += 1;
                byte = *bytes.get(at)?;
            }
            if byte <= b' ' {
                at = behind_space(bytes, at);
                byte = *bytes.get(at)?;
            }
            match byte {
                b'>' => return Some(end(at + 1, false, attributes)),
                b'/' if *bytes.get(at + 1)? == b'>' => {
                    return Some(end(at + 2, true, attributes));
                }
                // Attributes stand apart from what is before them.
                _ if at == gap => return None,
                _ => {}
            }
            let attribute = Attribute::read(bytes, at)?;
            at = attribute.value.end + 1;
            attributes += 1;
            each(&attribute);
        }
    }
}

// Called instead of inlined, these take half as many instructions again, and without the attribute
// the compiler would decide differently with every function that is moved.
impl Attribute {
    #[inline(always)]
    fn read(bytes: &[u8], at: usize) -> Option<Self> {
        let (name, open, quote) = match Name::of_letters(bytes, at) {
            // There is rarely space around it.
            Some(name) => match bytes.get(name.end..)? {
                [b'=', quote @ (b'\'' | b'"'), ..] => (name, name.end + 1, *quote),
                _ => Self::up_to_quote(bytes, at)?,
            },
            None => Self::up_to_quote(bytes, at)?,
        };
        let mut end = open + 1;
        let mut references = false;
        loop {
            end = value_mark(bytes, end, quote)?;
            match bytes[end] {
                mark if mark == quote => break,
                b'<' => return None,
                b'&' => {
                    references = true;
                    end += reference_len(&bytes[end..])?;
                }
                // The other quote.
                _ => end += 1,
            }
        }
        let Name { end: name_end, word, prefixed } = name;
        Some(Self { name: at..name_end, word, value: open + 1..end, prefixed, references })
    }

    /// Its name, and the quote that its value begins with, with its place.
    fn up_to_quote(bytes: &[u8], at: usize) -> Option<(Name, usize, u8)> {
        let name = Name::read(bytes, at)?;
        let equals = behind_space(bytes, name.end);
        if *bytes.get(equals)? != b'=' {
            return None;
        }
        let open = behind_space(bytes, equals + 1);
        let quote = *bytes.get(open)?;
        matches!(quote, b'\'' | b'"').then_some((name, open, quote))
    }
}

/// Offset of the next byte that may be more than a character of a value between such quotes.
#[inline(always)]
fn value_mark(bytes: &[u8], at: usize, quote: u8) -> Option<usize> {
    let marks = |chunk: Chunk| {
        // The lowest bit is all in which `&` and `'` differ.
        chunk.with(1).equal(b'\'') | chunk.equal(b'"') | chunk.equal(b'<')
    };
    match chunk::find_near::<4>(bytes, at, marks) {
        Ok(at) => Some(at),
        Err(at) => Some(at + memchr::memchr3(quote, b'<', b'&', &bytes[at..])?),
    }
}

#[derive(Clone, Copy)]
struct Name {
    end: usize,
    word: u64,
    prefixed: bool,
}

impl Name {
    #[inline(always)]
    fn read(bytes: &[u8], at: usize) -> Option<Self> {
        match Self::of_letters(bytes, at) {
            Some(name) if CLASSES[usize::from(bytes[name.end])] == 0 => Some(name),
            _ => Self::read_any(bytes, at),
        }
    }

    /// One to seven small letters, whatever stands behind them.
    #[inline(always)]
    fn of_letters(bytes: &[u8], at: usize) -> Option<Self> {
        let eight = bytes.get(at..)?.first_chunk()?;
        let letters = chunk::small_letters(eight);
        if !matches!(letters, 1..=7) {
            return None;
        }
        let word = first_of(u64::from_le_bytes(*eight), letters);
        Some(Self { end: at + letters, word, prefixed: false })
    }

    /// Reads one that is longer, or has more than small letters, or stands at the end.
    fn read_any(bytes: &[u8], at: usize) -> Option<Self> {
        let mut end = at;
        let mut seen = 0;
        while let Some(class) = bytes.get(end).map(|byte| CLASSES[usize::from(*byte)]) {
            if class == 0 {
                break;
            }
            seen |= class;
            end += 1;
        }
        // Nearly all consist of ASCII letters, followed by digits and the like.
        let plain =
            seen & !(LETTER | INNER) == 0 && CLASSES[usize::from(*bytes.get(at)?)] == LETTER;
        let name = &bytes[at..end];
        if !plain && !is_qualified_name(str::from_utf8(name).ok()?) {
            return None;
        }
        let is_short = name.len() < 8 && name.iter().all(u8::is_ascii_lowercase);
        let word = if is_short { wide::short(name) } else { 0 };
        Some(Self { end, word, prefixed: seen & COLON != 0 })
    }
}

fn behind_space(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(|byte| is_space(*byte)) {
        at += 1;
    }
    at
}

/// What a byte may be in a name.
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = u8::MAX;
    while byte > 0 {
        classes[byte as usize] = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => LETTER,
            b'0'..=b'9' | b'-' | b'.' => INNER,
            b':' => COLON,
            0x80.. => OTHER,
            _ => 0,
        };
        byte -= 1;
    }
    classes
};
const LETTER: u8 = 1;
const INNER: u8 = 2;
const COLON: u8 = 4;
/// Part of a character beyond ASCII.
const OTHER: u8 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(tag: &str) -> Option<(Tag, Vec<(&str, &str)>)> {
        let mut attributes = Vec::new();
        let found = Tag::read(tag.as_bytes(), |a| {
            attributes.push((&tag[a.name.clone()], &tag[a.value.clone()]));
        })?;
        assert_eq!(found.attributes, attributes.len());
        Some((found, attributes))
    }

    #[test]
    fn a_tag_ends_at_its_bracket_and_not_in_a_value() {
        let written = "<iq a='>'\n b:c = \"x'/>y\" é=''/>";
        let behind = format!("{written}...");
        let (tag, attributes) = read(&behind).unwrap();
        assert_eq!(attributes, [("a", ">"), ("b:c", "x'/>y"), ("é", "")]);
        assert_eq!(tag.length, written.len());
        assert_eq!((tag.name_len, tag.empty, tag.prefixed), (2, true, false));
        let (tag, _) = read("<x:iq >").unwrap();
        assert_eq!((tag.length, tag.name_len, tag.empty, tag.prefixed), (7, 4, false, true));
        assert!(read("<iq a='&lt;&#10;&#x1F600;'>").is_some());
    }

    #[test]
    fn only_short_names_of_small_letters_are_words() {
        for behind in ["", " and what follows"] {
            for name in ["a", "to", "xmlns", "message"] {
                let tag = format!("<{name} {name}=''/>{behind}");
                let read = Tag::read(tag.as_bytes(), |it| assert_eq!(it.word, short(name)));
                assert_eq!(read.map(|tag| tag.word), Some(short(name)), "{tag}");
            }
            for name in ["presence", "presences", "To", "tO", "t1", "t-", "x:to", "to:x", "té"] {
                let tag = format!("<{name} {name}=''/>{behind}");
                let read = Tag::read(tag.as_bytes(), |it| assert_eq!(it.word, 0));
                assert_eq!(read.map(|tag| tag.word), Some(0), "{tag}");
            }
        }
    }

    fn short(name: &str) -> u64 {
        wide::short(name.as_bytes())
    }

    #[test]
    fn what_is_cut_is_not_a_tag_yet() {
        let tag = "<iq a='&amp;' b = \"c\" />";
        for cut in 0..tag.len() {
            assert_eq!(read(&tag[..cut]), None, "{cut}");
        }
        assert!(read(tag).is_some());
    }

    #[test]
    fn what_is_broken_is_not_a_tag() {
        for broken in [
            "<>",
            "a>",
            "< a>",
            "<1>",
            "<a:b:c>",
            "<:a>",
            "<iq a>",
            "<iq a=>",
            "<iq a=1>",
            "<iq a='1'b='2'>",
            "<iq a='<'>",
            "<iq a='&nbsp;'>",
            "<iq a='&'>",
            "<iq a='&#1;'>",
            "<iq 1='1'>",
            "<iq a:b:c='1'>",
            "<iq :a='1'>",
            "<iq a='1' /x>",
            "<iq a='1' / >",
            "<iq a='&#+65;'>",
            "<iq ='1'>",
            "<iq × ='1'>",
            "<iq'a'>",
        ] {
            assert_eq!(read(broken), None, "{broken}");
        }
    }
}
