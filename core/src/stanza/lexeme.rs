//! The lexemes of XML, found one after the other in bytes that come in pieces: where each ends,
//! not what is in it. `tag` reads a start tag that is whole.

use quick_xml::parser::{ElementParser, Parser};

use super::xml_error::XmlError;

/// A lexeme that is being read, with what must be remembered of its beginning.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lexeme {
    /// Up to the next `<`, or `&`, which are not part of it.
    Text,
    /// From `&` to `;`.
    Reference,
    /// After `<`: the next byte says what begins here.
    Markup,
    /// A start tag; `slash`: whether the last byte was a `/`.
    Start { parser: ElementParser, slash: bool },
    /// An end tag.
    End,
    /// After `<!`, so many bytes of `[CDATA[` were seen.
    Declaration { matched: usize },
    /// So many `]` were just seen.
    Cdata { brackets: u8 },
}

impl Lexeme {
    /// The lexeme that begins with `<` and this byte.
    pub(super) fn behind_bracket(byte: u8) -> Result<Self, XmlError> {
        Ok(match byte {
            b'/' => Self::End,
            b'?' => return Err(XmlError::ProcessingInstruction),
            b'!' => Self::Declaration { matched: 0 },
            b'>' => return Err(XmlError::Tag),
            b'\'' => Self::Start { parser: ElementParser::SingleQ, slash: false },
            b'"' => Self::Start { parser: ElementParser::DoubleQ, slash: false },
            _ => Self::Start { parser: ElementParser::Outside, slash: false },
        })
    }

    /// How many of the bytes in `rest`, the first that were not looked at, belong to it, if it
    /// ends there. `opaque`: references in text do not matter.
    pub(super) fn end(&mut self, rest: &[u8], opaque: bool) -> Option<usize> {
        match self {
            Self::Text if opaque => memchr::memchr(b'<', rest),
            Self::Text => memchr::memchr2(b'<', b'&', rest),
            Self::Reference => {
                rest.iter().position(|b| matches!(b, b';' | b'<' | b'&')).map(|n| n + 1)
            }
            Self::Markup => (!rest.is_empty()).then_some(1),
            Self::Start { parser, slash } => {
                let end = parser.feed(rest);
                let last = end.unwrap_or(rest.len()).checked_sub(1);
                if let Some(last) = last {
                    *slash = rest[last] == b'/';
                }
                end.map(|n| n + 1)
            }
            Self::End => memchr::memchr(b'>', rest).map(|n| n + 1),
            Self::Declaration { matched } => {
                let wanted = &CDATA[*matched..];
                let same = wanted.iter().zip(rest).take_while(|(a, b)| a == b).count();
                *matched += same;
                (same < rest.len() || *matched == CDATA.len()).then_some(same)
            }
            Self::Cdata { brackets } => cdata_end(rest, brackets),
        }
    }
}

/// The error in a declaration that is not a CDATA section, by what follows its `<!`.
pub(super) fn error_in_declaration(text: &[u8]) -> XmlError {
    match text.first() {
        Some(b'-') => XmlError::Comment,
        Some(b'[') => XmlError::Text,
        _ => XmlError::Doctype,
    }
}

/// What follows `<!` in a CDATA section.
pub(super) const CDATA: &[u8] = b"[CDATA[";

fn cdata_end(rest: &[u8], brackets: &mut u8) -> Option<usize> {
    let mut from = 0;
    while let Some(n) = memchr::memchr2(b']', b'>', &rest[from..]) {
        if n > 0 {
            *brackets = 0;
        }
        from += n + 1;
        match (rest[from - 1], *brackets) {
            (b']', seen) => *brackets = (seen + 1).min(2),
            (_, 2) => return Some(from),
            _ => *brackets = 0,
        }
    }
    if from < rest.len() {
        *brackets = 0;
    }
    None
}
