//! Finds where stanzas begin and end in a stream of bytes, however it is cut.
//!
//! Each byte is looked at a bounded number of times; what a stanza's payload says is checked
//! for being well-formed and otherwise left alone. A stanza over a limit is reported as soon as
//! it is over it, and skipped in constant memory.

use super::fault::Fault;
use super::legal::Legal;
use super::lexeme::{CDATA, Lexeme, fault_of_declaration};
use super::limits::Limits;
use super::markup;
use super::scope::Scope;

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
}

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
    children: usize,
    /// Names of the open elements: offsets from `start`, and lengths.
    open: Vec<(usize, usize)>,
    scope: Scope,
    sound: bool,
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
            children: 0,
            open: Vec::new(),
            scope: Scope::default(),
            sound: true,
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
                return Ok(Some(self.skip(self.open.len())));
            }
            self.let_go(buffer)?;
            return self.legal.fault.map_or(Ok(None), Err);
        }
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
        let text = || str::from_utf8(&buffer[from..end]).map_err(|_| Fault::Utf8);
        match lexeme {
            Lexeme::Text => {
                if self.is_between() {
                    self.check_blank(&buffer[from..end])?;
                    self.start = end;
                }
                // The delimiter belongs to the lexeme that it begins.
                self.at = end + 1;
                let reference = buffer[end] == b'&';
                self.lexeme = if reference { Lexeme::Reference } else { Lexeme::Markup };
            }
            Lexeme::Reference => {
                if !markup::is_reference(text()?) {
                    return Err(Fault::Entity);
                }
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
                None => return self.start_tag(buffer, text()?, slash),
            },
            Lexeme::End => match self.skipping {
                Some(depth) => self.skip_to(depth.checked_sub(1).ok_or(Fault::EndTag)?),
                None => return self.end_tag(buffer, text()?),
            },
        }
        Ok(None)
    }

    fn start_tag(&mut self, buffer: &[u8], tag: &str, empty: bool) -> Result<Option<Piece>, Fault> {
        let inner = &tag[1..tag.len() - 1 - usize::from(empty)];
        let name_len = markup::name_len(inner);
        let name = &inner[..name_len];
        if !markup::is_qualified_name(name) {
            return Err(Fault::Tag);
        }
        let attributes = markup::check_attributes(inner, name_len, |_, _| {}).ok_or(Fault::Tag)?;
        let end = self.at;
        match self.open.len() {
            0 => {
                if name.ends_with(":stream") {
                    return Err(Fault::SecondHeader);
                }
                self.head_end = end;
                self.children = 0;
                self.sound = true;
                self.scope.leave(0);
                if attributes > self.limits.max_attributes {
                    self.head_end = 0;
                    return Ok(Some(self.skip_behind(empty)));
                }
            }
            1 => self.children += 1,
            _ => {}
        }
        if self.open.len() >= self.limits.max_depth {
            return Ok(Some(self.skip_behind(empty)));
        }
        let level = self.open.len();
        let at = end - tag.len() + 1 - self.start;
        self.sound &= self.scope.enter(&buffer[self.start..], at, inner, level);
        if !empty {
            self.open.push((at, name_len));
            return Ok(None);
        }
        self.scope.leave(level);
        Ok(self.open.is_empty().then(|| self.element()))
    }

    fn end_tag(&mut self, buffer: &[u8], tag: &str) -> Result<Option<Piece>, Fault> {
        let name = tag[2..tag.len() - 1].trim_end_matches([' ', '\t', '\r', '\n']);
        let Some((at, length)) = self.open.pop() else {
            let stream = name == "stream" || name.ends_with(":stream");
            self.start = self.at;
            return if stream { Ok(Some(Piece::StreamEnd)) } else { Err(Fault::EndTag) };
        };
        self.scope.leave(self.open.len());
        let opened = &buffer[self.start + at..self.start + at + length];
        if opened != name.as_bytes() {
            return Err(Fault::EndTag);
        }
        Ok(self.open.is_empty().then(|| self.element()))
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
        })
    }

    /// How far may be looked: to the end, or to the limit of the current element.
    fn window(&self) -> usize {
        let limited = self.skipping.is_none() && !self.is_blank();
        let limit = if limited { self.start + self.limits.max_bytes } else { usize::MAX };
        // A limit that shrank in the midst of a stanza may lie behind us.
        self.legal.end.min(limit.max(self.at))
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
        let depth = self.open.len() + usize::from(!empty);
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
            self.check_blank(&buffer[self.lexeme_start..self.at])?;
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

    fn check_blank(&self, text: &[u8]) -> Result<(), Fault> {
        text.iter().all(|b| markup::is_space(*b)).then_some(()).ok_or(Fault::Text)
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

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { max_bytes: 200, max_depth: 4, max_attributes: 3 };

    /// What the splitter says of `input` when it arrives in `cuts`, each element as its text,
    /// and the most bytes it held at once.
    fn split(input: &[u8], cuts: &[usize]) -> (Vec<String>, usize) {
        let mut splitter = Splitter::new(LIMITS);
        let mut buffer = Vec::new();
        let mut said = Vec::new();
        let mut held = 0;
        let mut from = 0;
        let ends = cuts.iter().copied().chain([input.len()]);
        for end in ends.map(|cut| cut.min(input.len())) {
            buffer.extend(&input[from..end.max(from)]);
            from = end.max(from);
            loop {
                let text = |from, to| String::from_utf8_lossy(&buffer[from..to]).into_owned();
                match splitter.next(&buffer) {
                    Ok(None) => break,
                    Ok(Some(Piece::Element(e))) => {
                        let tail = text(e.head_end, e.end);
                        let sound = if e.sound { "" } else { " unsound" };
                        said.push(format!(
                            "{}|{tail} {}{sound}",
                            text(e.start, e.head_end),
                            e.children
                        ));
                    }
                    Ok(Some(Piece::OverLimit { start, head_end, children })) => {
                        let head = head_end.map(|end| text(start, end));
                        said.push(format!("over {head:?} {children}"));
                    }
                    Ok(Some(Piece::StreamEnd)) => said.push("end".into()),
                    Err(fault) => {
                        said.push(fault.to_string());
                        return (said, held);
                    }
                }
            }
            let done = splitter.done();
            buffer.drain(..done);
            splitter.rebase();
            held = held.max(buffer.len());
        }
        (said, held)
    }

    fn whole(input: &str) -> Vec<String> {
        let bytes: Vec<usize> = (0..input.len()).collect();
        let (said, _) = split(input.as_bytes(), &[]);
        assert_eq!(split(input.as_bytes(), &bytes).0, said, "byte by byte: {input}");
        said
    }

    #[test]
    fn elements_are_cut_out_as_they_are() {
        assert_eq!(
            whole(" <iq a='>/'><x/>t<z/></iq>\n<foo/></stream:stream>"),
            ["<iq a='>/'>|<x/>t<z/></iq> 2", "<foo/>| 0", "end"]
        );
        assert_eq!(
            whole("<a><![CDATA[</a>]]]]><b>]]&gt;&#10;é😀</b ></a>"),
            ["<a>|<![CDATA[</a>]]]]><b>]]&gt;&#10;é😀</b ></a> 1"]
        );
    }

    #[test]
    fn what_is_over_a_limit_is_reported_once_and_skipped() {
        let long = format!("<iq id='1'><x/>{}</iq><ok/>", "y&amp;".repeat(99));
        assert_eq!(whole(&long), ["over Some(\"<iq id='1'>\") 1", "<ok/>| 0"]);
        let deep = format!("<iq>{}{}</iq><ok/>", "<x>".repeat(9), "</x>".repeat(9));
        assert_eq!(whole(&deep), ["over Some(\"<iq>\") 1", "<ok/>| 0"]);
        let edge = "<iq><x><x><x/></x></x></iq><iq><x><x><x><x/></x></x></x></iq><ok/>";
        assert_eq!(
            whole(edge),
            ["<iq>|<x><x><x/></x></x></iq> 1", "over Some(\"<iq>\") 1", "<ok/>| 0"]
        );
        let head =
            format!("<iq id='{}'/><iq id='{}'><x/></iq><ok/>", "x".repeat(300), "/>".repeat(150));
        assert_eq!(whole(&head), ["over None 0", "over None 0", "<ok/>| 0"]);
        let attributes =
            "<iq a='' b='' c=''/><iq a='' b='' c='' d=''/><iq a='' b='' c='' d=''><x/></iq><ok/>";
        assert_eq!(
            whole(attributes),
            ["<iq a='' b='' c=''/>| 0", "over None 0", "over None 0", "<ok/>| 0"]
        );
    }

    #[test]
    fn unsound_namespaces_are_told() {
        assert_eq!(
            whole(
                "<iq xmlns:p='u'><p:a><p:b/></p:a></iq><iq><p:a/></iq><iq><a><b q:c='1'/></a></iq>"
            ),
            [
                "<iq xmlns:p='u'>|<p:a><p:b/></p:a></iq> 1",
                "<iq>|<p:a/></iq> 1 unsound",
                "<iq>|<a><b q:c='1'/></a></iq> 1 unsound"
            ]
        );
    }

    #[test]
    fn the_byte_limit_is_exact() {
        let of = |bytes: usize| format!("<iq>{}</iq>", "x".repeat(bytes - 9));
        assert!(whole(&of(200))[0].starts_with("<iq>|"));
        assert_eq!(whole(&of(201)), ["over Some(\"<iq>\") 0"]);
    }

    #[test]
    fn skipping_holds_nothing() {
        let endless = format!("<iq>{}", "<x a='b'><![CDATA[ ]] ]]>&amp;".repeat(50_000));
        let cuts: Vec<usize> = (0..endless.len()).step_by(100).collect();
        let (said, held) = split(endless.as_bytes(), &cuts);
        assert_eq!(said, ["over Some(\"<iq>\") 1"]);
        assert!(held <= LIMITS.max_bytes, "{held}");
        let (said, held) = split(" ".repeat(100_000).as_bytes(), &cuts);
        assert_eq!((said.len(), held), (0, 0));
    }

    #[test]
    fn what_no_server_may_send_ends_the_stream() {
        for (input, fault) in [
            ("<a><!-- x --></a>", Fault::Comment),
            ("<?xml version='1.0'?>", Fault::ProcessingInstruction),
            ("<!DOCTYPE a [<!ENTITY b 'c'>]>", Fault::Doctype),
            ("<a>&nbsp;</a>", Fault::Entity),
            ("<a>&#1;</a>", Fault::Entity),
            ("<a b='&nbsp;'/>", Fault::Tag),
            ("<a b=c/>", Fault::Tag),
            ("<a b='1' / >", Fault::Tag),
            ("<>", Fault::Tag),
            ("< a/>", Fault::Tag),
            ("<1/>", Fault::Tag),
            ("<a></b>", Fault::EndTag),
            ("</a>", Fault::EndTag),
            ("x", Fault::Text),
            ("&amp;", Fault::Text),
            ("<![CDATA[x]]>", Fault::Text),
            ("<stream:stream>", Fault::SecondHeader),
            ("<a>\u{1}</a>", Fault::Character),
            ("<a>\u{ffff}</a>", Fault::Character),
        ] {
            let mut said = whole(&format!("<ok/>{input}"));
            // Garbage may be noticed in the midst of what would be a stanza.
            assert_eq!(said.pop(), Some(fault.to_string()), "{input}");
            assert_eq!(said, ["<ok/>| 0"], "{input}");
        }
    }

    #[test]
    fn broken_utf8_ends_the_stream_and_a_cut_character_does_not() {
        for broken in [&b"\xff"[..], b"\xc0\xaf", b"\xed\xa0\x80", b"\xf0\x9f\x98<"] {
            let input = [b"<ok/><a>", broken, b"</a>"].concat();
            let expected = vec!["<ok/>| 0".to_owned(), Fault::Utf8.to_string()];
            assert_eq!(split(&input, &[]).0, expected);
            assert_eq!(split(&input, &(0..input.len()).collect::<Vec<_>>()).0, expected);
        }
        assert_eq!(whole("<a>😀</a>"), ["<a>|😀</a> 0"]);
    }
}
