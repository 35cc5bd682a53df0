//! What there is at the top level of a stream.

/// What the splitter found next. Offsets are into the buffer it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A whole top-level element.
    Element(Element),
    /// A top-level element that exceeded a limit; its rest will be skipped. `start` to
    /// `head_end` is its start tag, if that was complete and itself within the limits.
    OverLimit { start: usize, head_end: Option<usize>, children: usize },
    /// The closing tag of the stream (RFC 6120 section 4.4).
    StreamEnd,
}

/// Where a top-level element stands: its start tag from `start` to `head_end`, all of it until
/// `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    pub start: usize,
    pub head_end: usize,
    pub end: usize,
    /// Number of child elements; text between them is not a child.
    pub children: usize,
    /// Are its namespaces such that every server takes it?
    pub sound: bool,
    /// So many bytes, from `start` on, make any parser look at all of it: a tag that comes in
    /// pieces may have to wait until its own length has come behind it
    /// (docs/servers.md#reparse-deferral).
    pub reach: usize,
}
