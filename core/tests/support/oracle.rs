//! A strict XMPP parser that shares no code with the program judges its output.

use rxml::error::EndOrError;
use rxml::parser::EventMetrics;
use rxml::{Event, Options, Parse, Parser, WithOptions};

/// What a component's stream begins with.
pub const HEADER: &str = "<stream:stream xmlns='jabber:component:accept' \
    xmlns:stream='http://etherx.jabber.org/streams'>";

/// The events of `content` under a stream header, and where each ends in it; the error that
/// ended them, if any did.
pub fn events(content: &[u8]) -> (Vec<(Event, usize)>, Option<rxml::Error>) {
    events_below(HEADER, content)
}

/// The same under another stream header.
pub fn events_below(header: &str, content: &[u8]) -> (Vec<(Event, usize)>, Option<rxml::Error>) {
    let options = Options { max_token_length: 4 * 1024 * 1024, ..Options::default() };
    let mut parser = Parser::with_options(options);
    let mut events = Vec::new();
    let document = [header.as_bytes(), content].concat();
    let mut rest = &document[..];
    let mut at = 0;
    loop {
        match parser.parse(&mut rest, false) {
            Ok(Some(event)) => {
                at += event.metrics().len();
                if at > header.len() {
                    events.push((without_metrics(event), at - header.len()));
                }
            }
            Ok(None) | Err(EndOrError::NeedMoreData) => return (events, None),
            Err(EndOrError::Error(e)) => return (events, Some(e)),
        }
    }
}

/// The top-level elements of `content`, which must be whole and well formed.
pub fn stanzas(content: &[u8]) -> Vec<String> {
    let (events, error) = events(content);
    let shown = || String::from_utf8_lossy(&content[..content.len().min(2000)]).into_owned();
    assert!(error.is_none(), "{error:?}: {}", shown());
    let mut stanzas = Vec::new();
    let (mut depth, mut start, mut last) = (0, 0, 0);
    for (event, end) in events {
        match event {
            Event::StartElement(..) => {
                if depth == 0 {
                    start = last;
                }
                depth += 1;
            }
            Event::EndElement(_) => {
                depth -= 1;
                if depth == 0 {
                    stanzas.push(String::from_utf8(content[start..end].to_vec()).unwrap());
                }
            }
            _ => {}
        }
        last = end;
    }
    assert_eq!(depth, 0, "not whole: {}", shown());
    stanzas
}

/// The child elements of the element that `xml` is.
pub fn children(xml: &str) -> Vec<String> {
    let open = xml.find('>').unwrap();
    let end = if xml[..open].ends_with('/') { open + 1 } else { xml.rfind("</").unwrap() };
    stanzas(&xml.as_bytes()[open + 1..end.max(open + 1)])
}

/// An attribute without namespace of the element that `xml` is, as a parser reads it.
pub fn attribute(xml: &str, name: &str) -> Option<String> {
    let (events, error) = events(xml.as_bytes());
    assert!(error.is_none(), "{error:?}");
    let (Event::StartElement(_, _, attributes), _) = &events[0] else { panic!("{xml}") };
    attributes.get(rxml::Namespace::none(), name).cloned()
}

fn without_metrics(event: Event) -> Event {
    let none = EventMetrics::zero();
    match event {
        Event::XmlDeclaration(_, version) => Event::XmlDeclaration(none, version),
        Event::StartElement(_, name, attributes) => Event::StartElement(none, name, attributes),
        Event::EndElement(_) => Event::EndElement(none),
        Event::Text(_, text) => Event::Text(none, text),
    }
}
