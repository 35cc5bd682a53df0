//! The rewriting of a start tag: `to`, `from` and `id` change, and nothing else that a parser sees.

use jat_core::stanza::head::{Head, Kind, Rewrite, Value};
use jat_core::stanza::splitter::Piece;
use rxml::{Event, Namespace};

use super::splitter::{SMALL, split};
use super::texts;
use crate::oracle;

/// Checks the first element of the first part; its `to`, `from` and, unless empty, `id` become
/// the other parts.
pub fn check(data: &[u8]) {
    let Some([xml, to, from, id]) = texts(data) else { return };
    if [to, from, id].iter().any(|text| !is_xml(text)) {
        // Addresses and ids always come from XML.
        return;
    }
    let Some(Piece::Element(element)) = split([xml.as_bytes()], SMALL).pieces.into_iter().next()
    else {
        return;
    };
    let Ok(head) = Head::parse(&xml[element.tag.start..element.tag.end]) else { return };
    let (before, error) = oracle::events(&xml.as_bytes()[element.tag.start..element.end]);
    if error.is_some() || head.kind == Kind::Other {
        return;
    }
    let id = Some(id).filter(|id| !id.is_empty());
    let mut output = Vec::new();
    head.rewrite(&Rewrite { to, from: from.into(), id: id.map(Value::from) }, &mut output);
    output.extend(&xml.as_bytes()[element.tag.end..element.end]);

    // An element with a default namespace of its own is now in that of the stream.
    let ([.., old_id], namespace, before) = infoset(before);
    let header = oracle::HEADER.replace("jabber:component:accept", &namespace);
    let (after, error) = oracle::events_below(&header, &output);
    assert!(error.is_none(), "{error:?}: {}", output.escape_ascii());
    let (taken, _, after) = infoset(after);
    let new_id = id.map(str::to_owned).or(old_id);
    assert_eq!(taken, [Some(to.to_owned()), Some(from.to_owned()), new_id]);
    assert_eq!(after, before, "{}", output.escape_ascii());
}

/// What a parser sees of a stanza: `to`, `from` and `id`, the namespace of its start tag, and
/// all the rest.
pub fn infoset(events: Vec<(Event, usize)>) -> ([Option<String>; 3], String, Vec<Event>) {
    let mut events: Vec<Event> = events.into_iter().map(|(event, _)| event).collect();
    let Some(Event::StartElement(_, (namespace, _), attributes)) = events.first_mut() else {
        panic!("{events:?}")
    };
    let taken = ["to", "from", "id"].map(|name| attributes.remove(Namespace::none(), name));
    (taken, namespace.to_string(), events)
}

/// Whether all of the text may stand in a document (XML 1.0 production 2).
fn is_xml(text: &str) -> bool {
    text.chars().all(|c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..))
}
