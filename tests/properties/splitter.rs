//! What the strict parser accepts, the splitter accepts with the same boundaries and attributes.

use jat_proxy::stanza::fault::Fault;
use jat_proxy::stanza::head::Head;
use jat_proxy::stanza::limits::Limits;
use jat_proxy::stanza::splitter::{Piece, Splitter};
use proptest::prelude::*;
use rxml::error::EndOrError;
use rxml::{Event, Namespace, Options, Parse, RawEvent, RawParser, WithOptions};

use crate::generators::{Bytes, damaged_stream};
use crate::oracle;

/// A top-level element: from where to where.
#[derive(Debug, PartialEq)]
struct Found {
    start: usize,
    end: usize,
}

/// What the splitter finds, with the soundness of each, and what ended it.
fn split(input: &[u8]) -> (Vec<Found>, Vec<bool>, Option<Fault>) {
    let mut splitter = Splitter::new(Limits { max_depth: 1_000, ..Limits::default() });
    let (mut found, mut sound) = (Vec::new(), Vec::new());
    loop {
        match splitter.next(input) {
            Ok(Some(Piece::Element(e))) => {
                found.push(Found { start: e.start, end: e.end });
                sound.push(e.sound);
            }
            Ok(Some(Piece::StreamEnd) | None) => return (found, sound, None),
            Ok(Some(piece)) => panic!("{piece:?}"),
            Err(fault) => return (found, sound, Some(fault)),
        }
    }
}

/// The top-level elements that a parser that knows no namespaces finds, until its first error.
fn by_oracle(input: &[u8]) -> Vec<Found> {
    let options = Options { max_token_length: 4 * 1024 * 1024, ..Options::default() };
    let mut parser = RawParser::with_options(options);
    let document = [oracle::HEADER.as_bytes(), input].concat();
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
                    1 => found.push(Found {
                        start: start - oracle::HEADER.len(),
                        end: at - oracle::HEADER.len(),
                    }),
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

/// Prosody writes white space in attributes raw; a parser makes it spaces, and this one none of
/// a carriage return.
fn spaced(value: &str) -> String {
    value.replace('\r', "").replace(['\t', '\n'], " ")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6_000))]

    #[test]
    fn boundaries_are_those_of_a_strict_parser(Bytes(input) in damaged_stream()) {
        // The other parser does not count the bytes of an empty section.
        prop_assume!(memchr::memmem::find(&input, b"<![CDATA[]]>").is_none());
        let (found, sound, fault) = split(&input);
        let expected = by_oracle(&input);
        // What the splitter alone refuses stands between stanzas.
        let between = matches!(fault, Some(Fault::Text | Fault::SecondHeader));
        if !between && !ends_early(&input) {
            prop_assert!(found.len() >= expected.len(), "{fault:?}: {found:?} {expected:?}");
        }
        for (ours, theirs) in found.iter().zip(&expected) {
            prop_assert_eq!(ours, theirs);
        }
        for (stanza, sound) in found.iter().zip(sound) {
            let bytes = &input[stanza.start..stanza.end];
            let (events, error) = oracle::events(bytes);
            match error {
                // A parser that knows namespaces takes what we call sound.
                Some(rxml::Error::UndeclaredNamespacePrefix(_)) => prop_assert!(!sound),
                Some(_) => {}
                None => {
                    prop_assert!(sound || names_reserved(bytes));
                    let text = str::from_utf8(bytes).unwrap();
                    // The other parser lets a namespace be declared twice.
                    let Ok(head) = Head::parse(&text[..head_len(text)]) else { continue };
                    let Event::StartElement(_, _, attributes) = &events[0].0 else { panic!() };
                    let read = [&head.id, &head.to, &head.from, &head.type_];
                    for (name, ours) in ["id", "to", "from", "type"].into_iter().zip(read) {
                        let theirs = attributes.get(Namespace::none(), name);
                        prop_assert_eq!(ours.as_deref().map(spaced), theirs.map(|v| spaced(v)));
                    }
                }
            }
        }
    }
}

/// Is there a closing tag of the stream? What follows it is not looked at.
fn ends_early(input: &[u8]) -> bool {
    memchr::memmem::find(input, b"</stream").is_some()
}

/// Parsers allow the XML namespace to be declared under its own name; servers do not.
fn names_reserved(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, b"http://www.w3.org/").is_some()
}

/// Length of the start tag at the beginning of an element.
fn head_len(text: &str) -> usize {
    let mut quote = None;
    let end = text.bytes().position(|b| match (quote, b) {
        (None, b'>') => true,
        (None, b'\'' | b'"') => {
            quote = Some(b);
            false
        }
        (Some(q), b) if q == b => {
            quote = None;
            false
        }
        _ => false,
    });
    end.unwrap() + 1
}
