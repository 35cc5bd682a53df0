//! What there is at the top level of a stream.

use crate::stanza::head::Head;
use crate::stanza::tag::Attribute;
use crate::stanza::xml_error::XmlError;

/// What the splitter found next. Offsets are into the buffer it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'s> {
    /// A whole top-level element.
    Element(Element<'s>),
    /// A top-level element that exceeded a limit, after this many children; the rest of it will be
    /// skipped. There is no start tag if that was cut off, or was itself over a limit.
    OverLimit { tag: Option<StartTag<'s>>, children: usize },
    /// The closing tag of the stream (RFC 6120 section 4.4).
    StreamEnd,
}

/// A top-level element, from the start of its `tag` to `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'s> {
    pub tag: StartTag<'s>,
    pub end: usize,
    /// Number of child elements; text between them is not a child.
    pub children: usize,
    /// Whether its namespaces are such that every server takes it.
    pub namespaces_ok: bool,
    /// How many bytes, from its start on, make any parser look at all of it: a tag that comes in
    /// pieces may have to wait until as many bytes as it has itself have come after it
    /// (docs/servers.md#reparse-deferral).
    pub reach: usize,
}

/// The start tag of a top-level element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartTag<'s> {
    pub start: usize,
    pub end: usize,
    /// The attributes in it, with offsets from its start.
    pub attributes: &'s [Attribute],
}

impl StartTag<'_> {
    /// Decodes the tag, which stands in `buffer`.
    ///
    /// # Errors
    /// Those of [`Head::new`].
    #[inline(always)]
    pub fn head<'b>(&self, buffer: &'b [u8]) -> Result<Head<'b>, XmlError> {
        let tag = str::from_utf8(&buffer[self.start..self.end]).map_err(|_| XmlError::Utf8)?;
        Head::new(tag, self.attributes)
    }
}
