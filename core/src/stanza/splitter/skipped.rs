//! A stanza that is being skipped, on its way to another process: its beginning is gone, so this is
//! all that is left to find its end by.

use quick_xml::parser::ElementParser;
use serde::{Deserialize, Serialize};

use crate::stanza::lexeme::Lexeme;
use crate::stanza::limits::Limits;
use crate::stanza::markup::Legal;

use super::{Mode, Splitter};

/// Where within a stanza that is skipped the bytes end that were looked at.
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

impl Splitter {
    /// What a successor has to know of the stanza that is being skipped, if one is.
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

    /// Bytes at the beginning of the buffer that a successor does not need.
    pub fn needed(&self) -> usize {
        if self.is_skipping() { self.lexeme_start } else { self.start }
    }

    /// One that goes on skipping. `buffer` begins with what the other one [needed](Self::needed).
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
