//! Finds where stanzas begin and end in a stream of bytes, however it is cut.
//!
//! Each byte is looked at a bounded number of times; what a stanza's payload says is checked
//! for being well-formed and otherwise left alone. A stanza over a limit is reported as soon as
//! it is over it, and skipped in constant memory.

mod leap;
mod piece;
mod skipped;

use super::fault::Fault;
use super::legal::Legal;
use super::lexeme::{CDATA, Lexeme, fault_of_declaration};
use super::limits::Limits;
use super::markup::{is_reference, is_space};
use super::nesting::Nesting;
use super::scope::Scope;
use super::tag::{Attribute, Tag};

pub use piece::{Element, Piece};
pub use skipped::Skipped;

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
    head_end: usize,
    /// Attributes of its start tag.
    attributes: Vec<Attribute>,
    children: usize,
    open: Nesting,
    sound: bool,
    /// [`Element::reach`] of what was read of it.
    reach: usize,
    /// Open elements of a top-level element that is being skipped.
    skipping: Option<usize>,
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
            head_end: 0,
            attributes: Vec::new(),
            children: 0,
            open: Nesting::default(),
            sound: true,
            reach: 0,
            skipping: None,
        }
    }

    /// The next piece in `buffer`, which holds all bytes from [`Self::done`] on and may have
    /// grown since the last call; `None`: more bytes are needed.
    ///
    /// # Errors
    /// What ends the stream. All pieces before it were returned.
    pub fn next(&mut self, buffer: &[u8]) -> Result<Option<Piece>, Fault> {
        self.legal.extend(buffer);
        loop {
            if let Some(piece) = self.leap(buffer)? {
                return Ok(Some(piece));
            }
            // A stanza is looked at up to the limit and no further, as if it was cut there.
            let window = self.window();
            if let Some(end) = self.lexeme_end(&buffer[..window]) {
                if let Some(piece) = self.finish_lexeme(buffer, end)? {
                    return Ok(Some(piece));
                }
                continue;
            }
            self.at = window;
            if window < self.legal.end {
                return Ok(Some(self.skip(self.open.depth())));
            }
            self.let_go(buffer)?;
            return self.legal.fault.map_or(Ok(None), Err);
        }
    }

    /// The attributes of the start tag in the [`Piece`] that was just returned, if it has one;
    /// until the next call of [`Self::next`].
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// Bytes at the beginning of the buffer that are no longer needed.
    pub fn done(&self) -> usize {
        self.start
    }

    /// Tells that the first [`Self::done`] bytes of the buffer were removed.
    pub fn rebase(&mut self) {
        let done = std::mem::take(&mut self.start);
        self.lexeme_start = self.lexeme_start.saturating_sub(done);
        self.at -= done;
        self.legal.end -= done;
        self.head_end = self.head_end.saturating_sub(done);
    }

    /// Is an element being skipped, so that more is known of it than bytes tell?
    pub fn is_skipping(&self) -> bool {
        self.skipping.is_some()
    }

    /// Takes new limits, which hold for what is still to come of the current element too.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Offset behind the current lexeme in `bytes`, if it ends there.
    fn lexeme_end(&mut self, bytes: &[u8]) -> Option<usize> {
        // While skipping, and between stanzas, a reference is as good as any other text.
        let opaque = self.skipping.is_some() || self.open.is_empty();
        self.lexeme.end(&bytes[self.at..], opaque).map(|length| self.at + length)
    }

    /// Acts on the lexeme that ends at `end`.
    fn finish_lexeme(&mut self, buffer: &[u8], end: usize) -> Result<Option<Piece>, Fault> {
        let lexeme = std::mem::replace(&mut self.lexeme, Lexeme::Text);
        let from = std::mem::replace(&mut self.lexeme_start, end);
        self.at = end;
        let bytes = &buffer[from..end];
        match lexeme {
            Lexeme::Text => {
                if self.is_between() {
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
                    return Err(Fault::Entity);
                }
                self.reach_behind(end - from);
            }
            Lexeme::Markup => {
                self.lexeme_start = from;
                self.lexeme = Lexeme::behind_bracket(buffer[end - 1])?;
            }
            Lexeme::Declaration { matched } => {
                if matched < CDATA.len() || self.is_between() {
                    return Err(fault_of_declaration(&buffer[from + 2..]));
                }
                self.lexeme_start = from;
                self.lexeme = Lexeme::Cdata { brackets: 0 };
            }
            Lexeme::Cdata { .. } => {}
            Lexeme::Start { slash, .. } => match self.skipping {
                Some(depth) => self.skip_to(depth + usize::from(!slash)),
                None => {
                    let read = self.read_tag(bytes);
                    let read = read.filter(|(tag, _)| tag.length == bytes.len());
                    let (tag, namespaces) = read.ok_or(Fault::Tag)?;
                    return self.start_tag(buffer, from, &tag, namespaces);
                }
            },
            Lexeme::End => match self.skipping {
                Some(depth) => self.skip_to(depth.checked_sub(1).ok_or(Fault::EndTag)?),
                None => {
                    let name = bytes[2..bytes.len() - 1].trim_ascii_end();
                    return match self.open.innermost(&buffer[self.start..]) {
                        Some(innermost) if innermost == name => Ok(self.end_tag(bytes.len())),
                        Some(_) => Err(Fault::EndTag),
                        None => self.stream_end(name).map(Some),
                    };
                }
            },
        }
        Ok(None)
    }

    /// Reads the start tag at the beginning of `bytes`; does it concern [`Scope`]?
    fn read_tag(&mut self, bytes: &[u8]) -> Option<(Tag, bool)> {
        let top = self.open.is_empty();
        if top {
            self.attributes.clear();
        }
        let mut namespaces = false;
        let tag = Tag::read(bytes, |attribute| {
            namespaces |= Scope::concerns(attribute, bytes);
            if top && self.attributes.len() < self.limits.max_attributes {
                self.attributes.push(attribute.clone());
            }
        })?;
        Some((tag, namespaces || tag.prefixed))
    }

    /// Enters the element whose start tag, just read, stands at offset `tag_start`.
    fn start_tag(
        &mut self,
        buffer: &[u8],
        tag_start: usize,
        tag: &Tag,
        namespaces: bool,
    ) -> Result<Option<Piece>, Fault> {
        match self.open.depth() {
            0 => {
                if buffer[tag_start..=tag_start + tag.name_len].ends_with(b":stream") {
                    return Err(Fault::SecondHeader);
                }
                self.head_end = self.at;
                self.children = 0;
                self.sound = true;
                self.reach = 0;
                if tag.attributes > self.limits.max_attributes || tag.length > self.limits.max_tag {
                    self.head_end = 0;
                    return Ok(Some(self.skip_behind(tag.empty)));
                }
            }
            1 => self.children += 1,
            _ => {}
        }
        if self.open.depth() >= self.limits.max_depth || tag.length > self.limits.max_tag {
            return Ok(Some(self.skip_behind(tag.empty)));
        }
        self.reach_behind(tag.length);
        let stanza = &buffer[self.start..];
        self.sound &= self.open.enter(stanza, tag_start - self.start, tag, namespaces);
        Ok(self.open.is_empty().then(|| self.element()))
    }

    /// Leaves the innermost element, whose end tag has so many bytes.
    fn end_tag(&mut self, length: usize) -> Option<Piece> {
        self.reach_behind(length);
        self.open.leave();
        self.open.is_empty().then(|| self.element())
    }

    /// A tag or reference of so many bytes has just ended.
    fn reach_behind(&mut self, length: usize) {
        self.reach = self.reach.max(self.at - self.start + length);
    }

    /// An end tag with this name that ends no element.
    fn stream_end(&mut self, name: &[u8]) -> Result<Piece, Fault> {
        self.start = self.at;
        let stream = name == b"stream" || name.ends_with(b":stream");
        if stream { Ok(Piece::StreamEnd) } else { Err(Fault::EndTag) }
    }

    fn element(&mut self) -> Piece {
        let start = std::mem::replace(&mut self.start, self.at);
        let head_end = std::mem::take(&mut self.head_end);
        Piece::Element(Element {
            start,
            head_end,
            end: self.at,
            children: self.children,
            sound: self.sound,
            reach: self.reach,
        })
    }

    /// How far may be looked: to the end, or to the limit of the current element.
    fn window(&self) -> usize {
        let limited = self.skipping.is_none() && !self.is_blank();
        if limited { self.element_window() } else { self.legal.end }
    }

    /// How far an element that is not skipped may be looked at.
    fn element_window(&self) -> usize {
        // A limit that shrank in the midst of a stanza may lie behind us.
        self.legal.end.min((self.start + self.limits.max_bytes).max(self.at))
    }

    /// Skips from within the current lexeme, below `depth` open elements.
    fn skip(&mut self, depth: usize) -> Piece {
        if matches!(self.lexeme, Lexeme::Reference) {
            self.lexeme = Lexeme::Text;
        }
        self.open.clear();
        self.skipping = Some(depth);
        let head_end = Some(std::mem::take(&mut self.head_end)).filter(|end| *end > 0);
        Piece::OverLimit { start: self.start, head_end, children: self.children }
    }

    /// Skips from behind a start tag.
    fn skip_behind(&mut self, empty: bool) -> Piece {
        let depth = self.open.depth() + usize::from(!empty);
        let piece = self.skip(depth);
        self.skip_to(depth);
        piece
    }

    /// Goes on skipping at `depth`; at the top the element is over.
    fn skip_to(&mut self, depth: usize) {
        self.skipping = (depth > 0).then_some(depth);
        if depth == 0 {
            self.start = self.at;
        }
    }

    /// Lets go of bytes that a skipped element, or whitespace, no longer needs.
    fn let_go(&mut self, buffer: &[u8]) -> Result<(), Fault> {
        if self.is_blank() {
            check_blank(&buffer[self.lexeme_start..self.at])?;
        } else if self.skipping.is_none() {
            return Ok(());
        }
        // The first bytes of `<![CDATA[` and the like are looked at again.
        if !matches!(self.lexeme, Lexeme::Markup | Lexeme::Declaration { .. }) {
            self.lexeme_start = self.at;
        }
        self.start = self.lexeme_start;
        Ok(())
    }

    /// Is no top-level element open, not even one that is skipped?
    fn is_between(&self) -> bool {
        self.open.is_empty() && self.skipping.is_none()
    }

    /// Is there nothing but text, that is whitespace, between stanzas?
    fn is_blank(&self) -> bool {
        self.is_between() && matches!(self.lexeme, Lexeme::Text)
    }
}

fn check_blank(text: &[u8]) -> Result<(), Fault> {
    text.iter().all(|b| is_space(*b)).then_some(()).ok_or(Fault::Text)
}

#[cfg(test)]
mod tests;
