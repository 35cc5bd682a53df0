//! Finds where stanzas begin and end in a stream of bytes, however it is cut.
//!
//! Each byte is looked at a bounded number of times; what a stanza's payload says is checked
//! for being well-formed and otherwise left alone. A stanza over a limit is reported as soon as
//! it is over it, and skipped in constant memory.

use super::fault::Fault;
use super::legal::Legal;
use super::lexeme::{CDATA, Lexeme, fault_of_declaration};
use super::limits::Limits;
use super::markup::{is_reference, is_space, reference_len};
use super::nesting::Nesting;
use super::scope::Scope;
use super::tag::Tag;

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
    open: Nesting,
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
            open: Nesting::default(),
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

    /// Goes over the tags and references that are whole and as most are written. What is cut,
    /// rare or broken is left to be read lexeme by lexeme.
    fn leap(&mut self, buffer: &[u8]) -> Result<Option<Piece>, Fault> {
        if !matches!(self.lexeme, Lexeme::Text) || self.skipping.is_some() {
            return Ok(None);
        }
        if self.open.is_empty() && buffer[..self.legal.end].get(self.at) != Some(&b'<') {
            return Ok(None);
        }
        let window = &buffer[..self.element_window()];
        loop {
            let Some(length) = memchr::memchr2(b'<', b'&', &window[self.at..]) else {
                self.at = window.len();
                return Ok(None);
            };
            self.at += length;
            let at = self.at;
            let rest = &window[at..];
            let piece = match rest {
                [b'&', ..] => {
                    let Some(length) = reference_len(rest) else { return Ok(None) };
                    self.at += length;
                    None
                }
                [_, b'/', name @ ..] => {
                    let innermost = self.open.innermost(&buffer[self.start..]);
                    let name = innermost.filter(|innermost| {
                        name.starts_with(innermost) && name.get(innermost.len()) == Some(&b'>')
                    });
                    let Some(name) = name else { return Ok(None) };
                    self.at += name.len() + 3;
                    self.end_tag()
                }
                _ => {
                    let mut namespaces = false;
                    let tag = Tag::read(rest, |a| namespaces |= Scope::concerns(a, rest));
                    let Some(tag) = tag else { return Ok(None) };
                    self.at += tag.length;
                    self.start_tag(buffer, at, &tag, namespaces)?
                }
            };
            self.lexeme_start = self.at;
            if piece.is_some() || self.skipping.is_some() {
                return Ok(piece);
            }
        }
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
                    let tag = Tag::read(bytes, |_| {}).filter(|tag| tag.length == bytes.len());
                    return self.start_tag(buffer, from, &tag.ok_or(Fault::Tag)?, true);
                }
            },
            Lexeme::End => match self.skipping {
                Some(depth) => self.skip_to(depth.checked_sub(1).ok_or(Fault::EndTag)?),
                None => {
                    let name = bytes[2..bytes.len() - 1].trim_ascii_end();
                    return match self.open.innermost(&buffer[self.start..]) {
                        Some(innermost) if innermost == name => Ok(self.end_tag()),
                        Some(_) => Err(Fault::EndTag),
                        None => self.stream_end(name).map(Some),
                    };
                }
            },
        }
        Ok(None)
    }

    /// Enters the element whose start tag stands at offset `at`, and ends where we are.
    fn start_tag(
        &mut self,
        buffer: &[u8],
        at: usize,
        tag: &Tag,
        namespaces: bool,
    ) -> Result<Option<Piece>, Fault> {
        match self.open.depth() {
            0 => {
                if buffer[at..=at + tag.name_len].ends_with(b":stream") {
                    return Err(Fault::SecondHeader);
                }
                self.head_end = self.at;
                self.children = 0;
                self.sound = true;
                if tag.attributes > self.limits.max_attributes {
                    self.head_end = 0;
                    return Ok(Some(self.skip_behind(tag.empty)));
                }
            }
            1 => self.children += 1,
            _ => {}
        }
        if self.open.depth() >= self.limits.max_depth {
            return Ok(Some(self.skip_behind(tag.empty)));
        }
        let stanza = &buffer[self.start..];
        self.sound &= self.open.enter(stanza, at - self.start, tag, namespaces);
        Ok(self.open.is_empty().then(|| self.element()))
    }

    fn end_tag(&mut self) -> Option<Piece> {
        self.open.leave();
        self.open.is_empty().then(|| self.element())
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
mod tests {
    use proptest::prelude::*;

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

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn any_cut_gives_the_same(
            input in prop::collection::vec(
                prop::sample::select(vec![
                    "<iq>", "</iq>", "<x/>", "<y a='>'>", "</y>", "<y a='/'/>", "text é", "]]>",
                    "<![CDATA[", "&amp;", "&", "<", ">", "/", "'", " ", "<!-", "😀", "</stream:stream>",
                    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
                ]),
                0..30,
            ),
            mut cuts in prop::collection::vec(0usize..600, 0..12),
        ) {
            let input = input.concat();
            cuts.sort_unstable();
            prop_assert_eq!(split(input.as_bytes(), &cuts).0, whole(&input));
        }
    }
}
