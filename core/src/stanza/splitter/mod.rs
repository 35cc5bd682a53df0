//! Finds where stanzas begin and end in a stream of bytes, however it is cut.
//!
//! Each byte is looked at a bounded number of times. The payload of a stanza is checked for being
//! well-formed and otherwise left alone. A stanza over a limit is reported as soon as it exceeds
//! it, and skipped in constant memory.

mod leap;
mod piece;
mod skipping;

use super::lexeme::{CDATA, Lexeme, error_in_declaration};
use super::limits::Limits;
use super::markup::{Legal, is_reference, is_space};
use super::nesting::{Nesting, Scope};
use super::tag::{Attribute, Tag};
use super::xml_error::XmlError;

pub use piece::{Element, Piece, StartTag};
pub use skipping::Skipped;

/// An incremental scanner over one stream's bytes after login.
#[derive(Clone, Debug)]
pub struct Splitter {
    limits: Limits,
    lexeme: Lexeme,
    /// Start of the top-level element that is being read.
    start: usize,
    /// Start of the lexeme that is being read.
    lexeme_start: usize,
    /// Next byte to look at.
    at: usize,
    /// How much of the buffer may be looked at.
    legal: Legal,
    mode: Mode,
    /// Attributes of the start tag of the top-level element.
    attributes: Vec<Attribute>,
    /// [`Element::children`], and so on, of what was read of it.
    children: usize,
    namespaces_ok: bool,
    reach: usize,
    open: Nesting,
}

/// Where the lexeme that is being read stands.
#[derive(Clone, Copy, Debug)]
enum Mode {
    /// Between top-level elements; it may be the start tag of one.
    Between,
    /// In a top-level element, behind its start tag.
    Inside { tag_end: usize },
    /// In a top-level element that is over a limit: the end of `depth` open elements is looked
    /// for, and nothing of them is kept or checked.
    Skipping { depth: usize },
}

/// A [`Piece`] without what it borrows from the splitter.
enum Found {
    Element { start: usize, tag_end: usize },
    OverLimit { start: usize, tag_end: Option<usize> },
    StreamEnd,
}

impl Splitter {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            lexeme: Lexeme::Text,
            start: 0,
            lexeme_start: 0,
            at: 0,
            legal: Legal::default(),
            mode: Mode::Between,
            attributes: Vec::new(),
            children: 0,
            namespaces_ok: true,
            reach: 0,
            open: Nesting::default(),
        }
    }

    /// The next piece in `buffer`, which holds all bytes from [`Self::done`] on and may have
    /// grown since the last call; `None`: more bytes are needed.
    ///
    /// # Errors
    /// What ends the stream. All pieces before it have been returned.
    #[inline(always)]
    pub fn next(&mut self, buffer: &[u8]) -> Result<Option<Piece<'_>>, XmlError> {
        let found = self.find(buffer)?;
        let tag = |start, end| StartTag { start, end, attributes: &self.attributes };
        Ok(found.map(|found| match found {
            Found::Element { start, tag_end } => Piece::Element(Element {
                tag: tag(start, tag_end),
                end: self.at,
                children: self.children,
                namespaces_ok: self.namespaces_ok,
                reach: self.reach,
            }),
            Found::OverLimit { start, tag_end } => Piece::OverLimit {
                tag: tag_end.map(|end| tag(start, end)),
                children: self.children,
            },
            Found::StreamEnd => Piece::StreamEnd,
        }))
    }

    /// Bytes at the beginning of the buffer that are no longer needed.
    pub fn done(&self) -> usize {
        self.start
    }

    /// To be called when the first [`Self::done`] bytes of the buffer were removed.
    pub fn rebase(&mut self) {
        let done = std::mem::take(&mut self.start);
        self.lexeme_start = self.lexeme_start.saturating_sub(done);
        self.at -= done;
        self.legal.end -= done;
        if let Mode::Inside { tag_end } = &mut self.mode {
            *tag_end -= done;
        }
    }

    /// Takes new limits, which hold for what is still to come of the current element too.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// The next piece, as [`Self::next`] gives it.
    fn find(&mut self, buffer: &[u8]) -> Result<Option<Found>, XmlError> {
        if self.start == buffer.len() {
            // Nothing of an element is there.
            return Ok(None);
        }
        self.legal.extend(buffer);
        loop {
            if let Some(found) = self.leap(buffer)? {
                return Ok(Some(found));
            }
            // A stanza is looked at up to the limit and no further, as if it was cut there.
            let window = self.window();
            if let Some(end) = self.lexeme_end(&buffer[..window]) {
                if let Some(found) = self.finish_lexeme(buffer, end)? {
                    return Ok(Some(found));
                }
                continue;
            }
            self.at = window;
            if window < self.legal.end {
                return Ok(Some(self.skip(self.open.depth())));
            }
            self.let_go(buffer)?;
            return self.legal.error.map_or(Ok(None), Err);
        }
    }

    /// Offset behind the current lexeme in `bytes`, if it ends there.
    fn lexeme_end(&mut self, bytes: &[u8]) -> Option<usize> {
        // Elsewhere references are text like any other.
        let opaque = !matches!(self.mode, Mode::Inside { .. });
        self.lexeme.end(&bytes[self.at..], opaque).map(|length| self.at + length)
    }

    /// Acts on the lexeme that ends at `end`.
    fn finish_lexeme(&mut self, buffer: &[u8], end: usize) -> Result<Option<Found>, XmlError> {
        let lexeme = std::mem::replace(&mut self.lexeme, Lexeme::Text);
        let from = std::mem::replace(&mut self.lexeme_start, end);
        self.at = end;
        let bytes = &buffer[from..end];
        match lexeme {
            Lexeme::Text => {
                if matches!(self.mode, Mode::Between) {
                    check_blank(bytes)?;
                    self.start = end;
                }
                // The delimiter belongs to the lexeme that it begins.
                self.at = end + 1;
                let reference = buffer[end] == b'&';
                self.lexeme = if reference { Lexeme::Reference } else { Lexeme::Markup };
            }
            Lexeme::Reference => {
                if !str::from_utf8(bytes).is_ok_and(is_reference) {
                    return Err(XmlError::Entity);
                }
                self.reach_behind(end - from);
            }
            Lexeme::Markup => {
                self.lexeme_start = from;
                self.lexeme = Lexeme::behind_bracket(buffer[end - 1])?;
            }
            Lexeme::Declaration { matched } => {
                if matched < CDATA.len() || matches!(self.mode, Mode::Between) {
                    return Err(error_in_declaration(&buffer[from + 2..]));
                }
                self.lexeme_start = from;
                self.lexeme = Lexeme::Cdata { brackets: 0 };
            }
            Lexeme::Cdata { .. } => {}
            Lexeme::Start { slash, .. } => match self.mode {
                Mode::Skipping { depth } => self.skip_to(depth + usize::from(!slash)),
                Mode::Between | Mode::Inside { .. } => return self.cut_tag(buffer, from),
            },
            Lexeme::End => match self.mode {
                Mode::Skipping { depth } => {
                    self.skip_to(depth.checked_sub(1).ok_or(XmlError::EndTag)?);
                }
                Mode::Between | Mode::Inside { .. } => {
                    let name = bytes[2..bytes.len() - 1].trim_ascii_end();
                    return match self.open.innermost(&buffer[self.start..]) {
                        Some(innermost) if innermost == name => Ok(self.end_tag(bytes.len())),
                        Some(_) => Err(XmlError::EndTag),
                        None => self.stream_end(name).map(Some),
                    };
                }
            },
        }
        Ok(None)
    }

    /// Enters the element whose start tag, which came in pieces, stands from `tag_start` on up to where
    /// we are.
    #[cold]
    fn cut_tag(&mut self, buffer: &[u8], tag_start: usize) -> Result<Option<Found>, XmlError> {
        let bytes = &buffer[tag_start..self.at];
        let read = self.read_tag(bytes).filter(|(tag, _)| tag.length == bytes.len());
        let (tag, namespaces) = read.ok_or(XmlError::Tag)?;
        self.start_tag(buffer, tag_start, &tag, namespaces)
    }

    /// Reads the start tag at the beginning of `bytes`; gives whether it concerns [`Scope`], too.
    #[inline(always)]
    fn read_tag(&mut self, bytes: &[u8]) -> Option<(Tag, bool)> {
        let mut namespaces = false;
        let tag = if matches!(self.mode, Mode::Between) {
            self.attributes.clear();
            Tag::read(bytes, |attribute| {
                namespaces |= Scope::concerns(attribute, bytes);
                if self.attributes.len() < self.limits.max_attributes {
                    self.attributes.push(attribute.clone());
                }
            })?
        } else {
            Tag::read(bytes, |attribute| namespaces |= Scope::concerns(attribute, bytes))?
        };
        Some((tag, namespaces || tag.prefixed))
    }

    /// Enters the element whose start tag, just read, stands at offset `tag_start`.
    #[inline(always)]
    fn start_tag(
        &mut self,
        buffer: &[u8],
        tag_start: usize,
        tag: &Tag,
        namespaces: bool,
    ) -> Result<Option<Found>, XmlError> {
        match self.open.depth() {
            0 => {
                if buffer[tag_start..=tag_start + tag.name_len].ends_with(b":stream") {
                    return Err(XmlError::SecondHeader);
                }
                self.children = 0;
                self.namespaces_ok = true;
                self.reach = 0;
                if tag.attributes > self.limits.max_attributes || tag.length > self.limits.max_tag {
                    return Ok(Some(self.skip_behind(tag.empty)));
                }
                self.mode = Mode::Inside { tag_end: self.at };
            }
            1 => self.children += 1,
            _ => {}
        }
        if self.open.depth() >= self.limits.max_depth || tag.length > self.limits.max_tag {
            return Ok(Some(self.skip_behind(tag.empty)));
        }
        self.reach_behind(tag.length);
        let stanza = &buffer[self.start..];
        self.namespaces_ok &= self.open.enter(stanza, tag_start - self.start, tag, namespaces);
        Ok(self.element())
    }

    /// Leaves the innermost element, whose end tag has so many bytes.
    fn end_tag(&mut self, length: usize) -> Option<Found> {
        self.reach_behind(length);
        self.open.leave();
        self.element()
    }

    /// A tag or reference of so many bytes has just ended.
    fn reach_behind(&mut self, length: usize) {
        self.reach = self.reach.max(self.at - self.start + length);
    }

    /// An end tag with this name that ends no element.
    fn stream_end(&mut self, name: &[u8]) -> Result<Found, XmlError> {
        self.start = self.at;
        let stream = name == b"stream" || name.ends_with(b":stream");
        if stream { Ok(Found::StreamEnd) } else { Err(XmlError::EndTag) }
    }

    /// The top-level element, if the tag that was just read is its last.
    fn element(&mut self) -> Option<Found> {
        match self.mode {
            Mode::Inside { tag_end } if self.open.is_empty() => {
                self.mode = Mode::Between;
                Some(Found::Element { start: std::mem::replace(&mut self.start, self.at), tag_end })
            }
            _ => None,
        }
    }

    /// How far to look: to the end, or to the limit of the current element.
    fn window(&self) -> usize {
        let limited = !self.is_skipping() && !self.is_blank();
        if limited { self.element_window() } else { self.legal.end }
    }

    /// How far an element that is not skipped may be looked at.
    fn element_window(&self) -> usize {
        // A limit that was lowered in the middle of a stanza may already be exceeded.
        self.legal.end.min((self.start + self.limits.max_bytes).max(self.at))
    }

    /// Drops bytes that a skipped element, or white space, no longer needs.
    fn let_go(&mut self, buffer: &[u8]) -> Result<(), XmlError> {
        if self.is_blank() {
            check_blank(&buffer[self.lexeme_start..self.at])?;
        } else if !self.is_skipping() {
            return Ok(());
        }
        // The first bytes of `<![CDATA[` and the like are looked at again.
        if !matches!(self.lexeme, Lexeme::Markup | Lexeme::Declaration { .. }) {
            self.lexeme_start = self.at;
        }
        self.start = self.lexeme_start;
        Ok(())
    }

    /// Whether the lexeme is text between stanzas, which is whitespace.
    fn is_blank(&self) -> bool {
        matches!((self.mode, self.lexeme), (Mode::Between, Lexeme::Text))
    }
}

fn check_blank(text: &[u8]) -> Result<(), XmlError> {
    text.iter().all(|b| is_space(*b)).then_some(()).ok_or(XmlError::Text)
}

#[cfg(test)]
mod tests;
