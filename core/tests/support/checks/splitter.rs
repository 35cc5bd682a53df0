//! The splitter: any cut gives the same pieces, and they begin and end where a strict parser
//! and a plain count of tags find them.

use jat_core::stanza::head::{Head, Kind};
use jat_core::stanza::limits::Limits;
use jat_core::stanza::splitter::{Element, Piece, Splitter, StartTag};
use jat_core::stanza::xml_error::XmlError;
use rxml::error::EndOrError;
use rxml::{Event, Namespace, Options, Parse, RawEvent, RawParser, WithOptions};

use super::Stream;
use crate::oracle;

/// Small enough that short inputs exceed them.
pub const SMALL: Limits = Limits { max_bytes: 900, max_tag: 700, max_depth: 5, max_attributes: 9 };

/// Larger than any input.
pub const LARGE: Limits =
    Limits { max_bytes: 4 << 20, max_tag: 4 << 20, max_depth: 10_000, max_attributes: 10_000 };

/// Checks a stream; see [`Stream`] for how it is cut.
pub fn check(data: &[u8]) {
    let stream = Stream::new(data);
    let whole = split([stream.bytes], LARGE);
    for limits in [SMALL, LARGE] {
        let whole = split([stream.bytes], limits);
        assert_eq!(split(stream.bytes.chunks(1), limits), whole, "byte by byte");
        assert_eq!(split(stream.pieces(), limits), whole, "in pieces");
    }
    skipping_ends_where_the_element_does(stream.bytes, &whole);
    boundaries_are_those_of_others(stream.bytes, &whole);
    for piece in &whole.pieces {
        if let Piece::Element(element) = piece {
            says_what_a_strict_parser_says(stream.bytes, element);
        }
    }
}

/// What the splitter finds in a stream, with offsets from its beginning.
#[derive(Debug, PartialEq)]
pub struct Found {
    /// All except the end of the stream, without attributes.
    pub pieces: Vec<Piece<'static>>,
    pub stream_end: bool,
    pub fault: Option<XmlError>,
}

/// Splits what arrives in `pieces`. Bytes that are no longer needed are discarded.
pub fn split<'i>(pieces: impl IntoIterator<Item = &'i [u8]>, limits: Limits) -> Found {
    let mut splitter = Splitter::new(limits);
    let mut found = Found { pieces: Vec::new(), stream_end: false, fault: None };
    let (mut buffer, mut base) = (Vec::new(), 0);
    for piece in pieces {
        buffer.extend(piece);
        loop {
            match splitter.next(&buffer) {
                Ok(Some(Piece::StreamEnd)) => found.stream_end = true,
                Ok(Some(piece)) => {
                    found.pieces.push(moved(piece, base));
                    continue;
                }
                Ok(None) => break,
                Err(fault) => found.fault = Some(fault),
            }
            return found;
        }
        let done = splitter.done();
        base += done;
        buffer.drain(..done);
        splitter.rebase();
        assert!(buffer.len() <= most_held(limits), "{} bytes held", buffer.len());
    }
    found
}

/// How many bytes may be held at most, including an incomplete character.
pub fn most_held(limits: Limits) -> usize {
    limits.max_bytes + 3
}

fn moved(piece: Piece<'_>, by: usize) -> Piece<'static> {
    let moved =
        |tag: StartTag<'_>| StartTag { start: tag.start + by, end: tag.end + by, attributes: &[] };
    match piece {
        Piece::Element(element) => {
            Piece::Element(Element { tag: moved(element.tag), end: element.end + by, ..element })
        }
        Piece::OverLimit { tag, children } => Piece::OverLimit { tag: tag.map(moved), children },
        Piece::StreamEnd => Piece::StreamEnd,
    }
}

/// Checks that with small limits the same elements are found, or skipped.
fn skipping_ends_where_the_element_does(bytes: &[u8], large: &Found) {
    let small = split([bytes], SMALL);
    assert!(small.pieces.len() >= large.pieces.len(), "{small:?} {large:?}");
    for (small, large) in small.pieces.iter().zip(&large.pieces) {
        match (small, large) {
            (Piece::OverLimit { tag, .. }, Piece::Element(element)) => {
                assert!(tag.is_none_or(|tag| tag == element.tag), "{small:?} {large:?}");
            }
            _ => assert_eq!(small, large),
        }
    }
}

fn boundaries_are_those_of_others(bytes: &[u8], found: &Found) {
    let elements = found.pieces.iter().map(|piece| match piece {
        Piece::Element(element) => (element.tag.start, element.end),
        _ => panic!("{piece:?} below all limits"),
    });
    let mut last = 0;
    for (start, end) in elements.clone() {
        assert!(bytes[last..start].iter().all(|b| b" \t\r\n".contains(b)), "a gap at {last}");
        assert_eq!(element_len(&bytes[start..]), Some(end - start), "by a count of tags");
        last = end;
    }
    // The strict parser does not count the bytes of an empty section.
    if memchr::memmem::find(bytes, b"<![CDATA[]]>").is_some() {
        return;
    }
    let strict = by_oracle(bytes);
    for (ours, theirs) in elements.zip(&strict) {
        assert_eq!(ours, *theirs, "by a strict parser");
    }
    // The splitter alone refuses some things between stanzas.
    let between = matches!(found.fault, Some(XmlError::Text | XmlError::SecondHeader));
    if !between && !found.stream_end {
        assert!(found.pieces.len() >= strict.len(), "{found:?}, and a strict parser {strict:?}");
    }
}

/// The length of the element that `bytes` begin with, by a count of tags alone.
pub fn element_len(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0, 0);
    loop {
        at += memchr::memchr(b'<', &bytes[at..])?;
        if let Some(section) = bytes[at..].strip_prefix(b"<![CDATA[") {
            at = bytes.len() - section.len() + memchr::memmem::find(section, b"]]>")? + 3;
            continue;
        }
        let mut quote = None;
        let closing = bytes.get(at + 1) == Some(&b'/');
        let length = bytes[at..].iter().position(|byte| match (quote, byte) {
            (None, b'>') => true,
            (None, b'\'' | b'"') if !closing => {
                quote = Some(*byte);
                false
            }
            _ => {
                quote = quote.filter(|quote| quote != byte);
                false
            }
        })?;
        at += length + 1;
        let empty = !closing && bytes[at - 2] == b'/';
        depth += i32::from(!closing) - i32::from(closing || empty);
        if depth == 0 {
            return Some(at);
        }
    }
}

/// Where the top-level elements begin and end, by a parser without namespaces, up to its first
/// error.
fn by_oracle(bytes: &[u8]) -> Vec<(usize, usize)> {
    let options = Options { max_token_length: 4 << 20, ..Options::default() };
    let mut parser = RawParser::with_options(options);
    let header = oracle::HEADER.len();
    let document = [oracle::HEADER.as_bytes(), bytes].concat();
    let mut rest = &document[..];
    let (mut at, mut depth, mut start) = (0, 0, 0);
    let mut found = Vec::new();
    loop {
        let event = match parser.parse(&mut rest, false) {
            Ok(Some(event)) => event,
            Ok(None) | Err(EndOrError::NeedMoreData | EndOrError::Error(_)) => return found,
        };
        let from = at;
        at += event.metrics().len();
        match event {
            RawEvent::ElementHeadOpen(..) => {
                if depth == 1 {
                    start = from;
                }
                depth += 1;
            }
            RawEvent::ElementFoot(_) => {
                depth -= 1;
                match depth {
                    0 => return found,
                    1 => found.push((start - header, at - header)),
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

/// Compares the namespaces of an element and the attributes of its start tag with those of a parser
/// with namespaces, if that accepts the element.
fn says_what_a_strict_parser_says(bytes: &[u8], element: &Element<'_>) {
    let stanza = &bytes[element.tag.start..element.end];
    let shown = || stanza.escape_ascii();
    let (events, error) = oracle::events(&without_carriage_returns(stanza));
    match error {
        Some(rxml::Error::UndeclaredNamespacePrefix(_)) => {
            return assert!(!element.namespaces_ok, "{}", shown());
        }
        Some(_) => return,
        None => {}
    }
    assert!(element.namespaces_ok || may_be_refused(stanza), "{}", shown());
    assert_eq!(element.children, children(&events), "{}", shown());
    let head = str::from_utf8(&bytes[element.tag.start..element.tag.end]).unwrap();
    let Ok(head) = Head::parse(head) else {
        // The strict parser allows a namespace to be declared twice.
        return assert!(head.matches("xmlns").nth(1).is_some(), "{head}");
    };
    let Event::StartElement(_, (namespace, name), attributes) = &events[0].0 else {
        panic!("{}", shown())
    };
    let read = [("id", &head.id), ("to", &head.to), ("from", &head.from), ("type", &head.type_)];
    for (name, ours) in read {
        let theirs = attributes.get(Namespace::none(), name);
        assert_eq!(ours.as_deref().map(unspaced), theirs.map(|v| unspaced(v)), "{}", shown());
    }
    let kind = match name.as_str() {
        _ if !STANZAS.contains(&namespace.as_str()) || head.name().contains(':') => Kind::Other,
        "iq" => Kind::Iq,
        "message" => Kind::Message,
        "presence" => Kind::Presence,
        _ => Kind::Other,
    };
    assert_eq!(head.kind, kind, "{}", shown());
}

/// White space in an attribute is read as a space (XML 1.0, section 3.3.3), but this parser drops a
/// carriage return before a quote, and then reads another namespace.
fn without_carriage_returns(stanza: &[u8]) -> Vec<u8> {
    stanza.iter().map(|byte| if *byte == b'\r' { b' ' } else { *byte }).collect()
}

/// Parsers allow the XML namespace to be declared under its own name, and any number of
/// namespaces; servers do not.
fn may_be_refused(stanza: &[u8]) -> bool {
    let found = |text: &str| memchr::memmem::find_iter(stanza, text.as_bytes()).count();
    let spelled_out = found("xmlns") > 0 && found("&#") > 0;
    found("http://www.w3.org/") > 0 || spelled_out || found("xmlns:") > 64
}

fn children(events: &[(Event, usize)]) -> usize {
    let mut depth = 0;
    let starts = events.iter().map(|(event, _)| match event {
        Event::StartElement(..) => {
            depth += 1;
            usize::from(depth == 2)
        }
        Event::EndElement(_) => {
            depth -= 1;
            0
        }
        _ => 0,
    });
    starts.sum()
}

/// Prosody writes white space in attributes raw. A parser reads spaces, and this one reads a
/// carriage return as a space or as nothing, depending on what follows.
pub fn unspaced(value: &str) -> String {
    value.replace([' ', '\t', '\n', '\r'], "")
}

const STANZAS: [&str; 3] = ["jabber:component:accept", "jabber:client", "jabber:server"];
