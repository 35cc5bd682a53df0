//! Skipping a stanza that is over a limit, down to its end, in constant memory.

use quick_xml::parser::ElementParser;
use serde::{Deserialize, Serialize};

use crate::stanza::lexeme::Lexeme;
use crate::stanza::limits::Limits;
use crate::stanza::markup::Legal;

use super::{Found, Mode, Splitter};

impl Splitter {
    /// Whether an element is being skipped, so that the bytes alone do not hold all that is known.
    pub(super) fn is_skipping(&self) -> bool {
        matches!(self.mode, Mode::Skipping { .. })
    }

    /// Begins to skip in the middle of the current lexeme, inside `depth` open elements.
    pub(super) fn skip(&mut self, depth: usize) -> Found {
        if matches!(self.lexeme, Lexeme::Reference) {
            self.lexeme = Lexeme::Text;
        }
        self.open.clear();
        let tag_end = match std::mem::replace(&mut self.mode, Mode::Skipping { depth }) {
            Mode::Inside { tag_end } => Some(tag_end),
            Mode::Between | Mode::Skipping { .. } => None,
        };
        Found::OverLimit { start: self.start, tag_end }
    }

    /// Begins to skip after a start tag.
    pub(super) fn skip_behind(&mut self, empty: bool) -> Found {
        let depth = self.open.depth() + usize::from(!empty);
        let found = self.skip(depth);
        self.skip_to(depth);
        found
    }

    /// A tag has left so many elements open of the one that is being skipped.
    pub(super) fn skip_to(&mut self, depth: usize) {
        if depth > 0 {
            self.mode = Mode::Skipping { depth };
        } else {
            self.mode = Mode::Between;
            self.start = self.at;
        }
    }

    /// What the next process has to know of the stanza that is being skipped, if one is.
    pub fn skipped(&self) -> Option<Skipped> {
        let Mode::Skipping { depth } = self.mode else { return None };
        let within = match self.lexeme {
            Lexeme::Text | Lexeme::Reference => Within::Text,
            Lexeme::Markup => Within::Markup,
            Lexeme::Start { parser: ElementParser::Outside, slash } => Within::Tag { slash },
            Lexeme::Start { parser: ElementParser::SingleQ, slash } => {
                Within::SingleQuotes { slash }
            }
            Lexeme::Start { parser: ElementParser::DoubleQ, slash } => {
                Within::DoubleQuotes { slash }
            }
            Lexeme::End => Within::EndTag,
            Lexeme::Declaration { matched } => Within::Declaration { matched },
            Lexeme::Cdata { brackets } => Within::Cdata { brackets },
        };
        Some(Skipped { depth, within, seen: self.at - self.needed() })
    }

    /// Bytes at the beginning of the buffer that the next process does not need.
    pub fn needed(&self) -> usize {
        if self.is_skipping() { self.lexeme_start } else { self.start }
    }

    /// One that continues to skip. `buffer` begins with what the other one [needed](Self::needed).
    pub fn resume(limits: Limits, skipped: &Skipped, buffer: &[u8]) -> Self {
        let start = |parser, slash| Lexeme::Start { parser, slash };
        let lexeme = match skipped.within {
            Within::Text => Lexeme::Text,
            Within::Markup => Lexeme::Markup,
            Within::Tag { slash } => start(ElementParser::Outside, slash),
            Within::SingleQuotes { slash } => start(ElementParser::SingleQ, slash),
            Within::DoubleQuotes { slash } => start(ElementParser::DoubleQ, slash),
            Within::EndTag => Lexeme::End,
            Within::Declaration { matched } => Lexeme::Declaration { matched },
            Within::Cdata { brackets } => Lexeme::Cdata { brackets },
        };
        let mut legal = Legal::default();
        legal.extend(buffer);
        // What was looked at was legal.
        let at = skipped.seen.min(legal.end);
        let mode = Mode::Skipping { depth: skipped.depth };
        Self { lexeme, at, legal, mode, ..Self::new(limits) }
    }
}

/// How far into a skipped stanza the splitter has looked, for another process: the stanza's
/// beginning is gone, so its end can only be found with this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Open elements, its own among them.
    depth: usize,
    within: Within,
    /// How many of the bytes from [`Splitter::needed`] on were looked at.
    seen: usize,
}

/// The [`Lexeme`] there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Within {
    Text,
    Markup,
    Tag { slash: bool },
    SingleQuotes { slash: bool },
    DoubleQuotes { slash: bool },
    EndTag,
    Declaration { matched: usize },
    Cdata { brackets: u8 },
}
