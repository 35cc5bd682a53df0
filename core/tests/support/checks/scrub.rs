//! Scrubbing an account's address from a payload: only the affected attributes change, both in what
//! a parser sees and in the bytes.

use jat_core::jat::address::{Address, normal_resource};
use jat_core::jat::alias::{self, Holder};
use jat_core::jat::disguise::Disguise;
use jat_core::stanza::escape::write_escaped;
use jat_core::stanza::head::{Head, Kind};
use jat_core::stanza::scrub::{Scrubbed, Scrubber, is_suspect};
use jat_core::stanza::splitter::{Element, Piece};
use jid::BareJid;
use rxml::{Event, Namespace};

use super::splitter::{LARGE, split, unspaced};
use super::texts;
use crate::oracle;
use crate::session::two_way;
use crate::twin::TARGET;

/// Checks the first element of the first part. The second is the account; [`TARGET`] if there is
/// none.
pub fn check(data: &[u8]) {
    let Some([xml, account]) = texts(data) else { return };
    let account = if account.is_empty() { TARGET } else { account };
    let Some((stanza, element)) = only_element(xml) else { return };
    let Ok(account) = BareJid::new(account) else { return };
    let length = element.tag.end - element.tag.start;
    let (tag, payload) = stanza.split_at(length);
    let (before, error) = oracle::events(stanza.as_bytes());
    // A stanza that is relayed.
    let kind = Head::parse(tag).map_or(Kind::Other, |head| head.kind);
    let well_formed = error.is_none() && element.namespaces_ok && kind != Kind::Other;
    if !well_formed || Address::new(account.as_str()).is_bare(FACE) {
        return;
    }
    let holder = Holder { face: FACE, target: account.as_str() };
    let disguise = Disguise { holder, names: two_way(&[1]).names };
    let (output, scrubbed) = scrub(&disguise, tag, payload);
    let shown = || format!("{stanza} became {output}");
    assert_eq!(scrubbed.changed, output != payload, "{}", shown());
    assert!(
        !scrubbed.changed || is_suspect(payload.as_bytes(), disguise.account()),
        "the quick look errs: {stanza}"
    );

    let after = format!("{tag}{output}");
    let (events, error) = oracle::events(after.as_bytes());
    assert!(error.is_none(), "{error:?}: {}", shown());
    let wanted = before.iter().enumerate().map(|(at, (event, _))| match at {
        // The start tag of the stanza is not its payload.
        0 => legible(event.clone()),
        _ => legible(expected(event.clone(), &disguise)),
    });
    let found = events.iter().map(|(event, _)| legible(event.clone()));
    assert!(found.eq(wanted), "{}", shown());
    same_bytes(payload, &output);

    let (_, element) = only_element(&after).expect("well formed");
    assert_eq!(element.reach, (2 * length).max(length + scrubbed.reach), "{}", shown());
    let (again, scrubbed) = scrub(&disguise, tag, &output);
    assert_eq!((&again, scrubbed.changed), (&output, false), "twice: {}", shown());
}

/// The first element of a stream.
fn only_element(xml: &str) -> Option<(&str, Element<'static>)> {
    match split([xml.as_bytes()], LARGE).pieces.into_iter().next()? {
        Piece::Element(element) => Some((&xml[element.tag.start..element.end], element)),
        _ => None,
    }
}

fn scrub(disguise: &Disguise<'_>, tag: &str, payload: &str) -> (String, Scrubbed) {
    let mut output = Vec::new();
    let replace = |value: &str, output: &mut String| {
        let replaced = disguise.replace(&legible_address(value), output);
        if replaced {
            output.push_str(MARK);
        }
        replaced
    };
    let scrubbed =
        Scrubber::default().write(tag.as_bytes(), payload.as_bytes(), replace, &mut output);
    (String::from_utf8(output).expect("text"), scrubbed)
}

/// What a start tag has to become.
fn expected(event: Event, disguise: &Disguise<'_>) -> Event {
    let Event::StartElement(metrics, name, mut attributes) = event else { return event };
    if name.0 == "urn:xmpp:delay" && name.1 == "delay" {
        attributes.remove(Namespace::none(), "from");
    }
    for value in attributes.values_mut() {
        *value = legible_address(value);
        let (bare, resource) = value.split_once('/').unwrap_or((value, ""));
        // The library does not know A-labels, nor a final dot.
        let own = BareJid::new(bare.strip_suffix('.').unwrap_or(bare))
            .is_ok_and(|bare| bare.as_str() == disguise.account());
        let has_label = || bare.contains("--") && Address::new(bare).is_bare(disguise.account());
        if own || has_label() {
            let (key, holder) = (disguise.names.first(), &disguise.holder);
            let mut alias = String::new();
            let new = match alias::write(key, holder, &normal_resource(resource), &mut alias) {
                Ok(()) => format!("{FACE}/{alias}{MARK}"),
                Err(_) => format!("{FACE}{MARK}"),
            };
            *value = new;
        }
    }
    Event::StartElement(metrics, name, attributes)
}

/// Without the white space in attributes, which the parser changes.
fn legible(event: Event) -> Event {
    let Event::StartElement(metrics, name, mut attributes) = event else { return event };
    attributes.values_mut().for_each(|value| *value = unspaced(value));
    Event::StartElement(metrics, name, attributes)
}

/// The same for a resource; otherwise the one that the parser reads would have another alias.
fn legible_address(text: &str) -> String {
    match text.split_once('/') {
        Some((bare, resource)) => format!("{bare}/{}", unspaced(resource)),
        None => text.to_owned(),
    }
}

/// Compares the bytes of a payload with those of its copy. Only values that are the face's may
/// differ, and only attributes called `from` may be missing; the parser has checked which.
fn same_bytes(payload: &str, copy: &str) {
    let shown = || format!("{payload} became {copy}");
    let (attributes, mut end) = attributes(payload);
    let (copied, copied_end) = self::attributes(copy);
    let mut copied = copied.into_iter().peekable();
    // What precedes a missing attribute, without a space.
    let mut left = String::new();
    for (before, value) in attributes {
        let before = joined(&mut left, before);
        if let Some((_, new)) = copied.next_if(|(same, _)| *same == before) {
            assert!(new == value || is_face(&new), "{value} became {new}: {}", shown());
            continue;
        }
        let name = before.rfind("from").filter(|at| {
            before[at + "from".len()..].chars().all(|c| " \t\r\n='\"".contains(c))
                && before[..*at].ends_with([' ', '\t', '\r', '\n'])
        });
        let name = name.unwrap_or_else(|| panic!("{before} is missing: {}", shown()));
        left.push_str(&before[..name - 1]);
        // Something always follows, at least the end of the tag.
        left.push(MISSING);
    }
    end = joined(&mut left, end);
    assert_eq!((copied.next(), copied_end), (None, end), "{}", shown());
}

/// What follows a missing attribute, without the quote at its end.
fn joined(left: &mut String, follows: String) -> String {
    match left.strip_suffix(MISSING) {
        Some(before) => {
            let whole = format!("{before}{}", &follows[1..]);
            left.clear();
            whole
        }
        None => follows,
    }
}

fn is_face(written: &str) -> bool {
    let mut mark = Vec::new();
    write_escaped(MARK, &mut mark);
    let mark = str::from_utf8(&mark).expect("text");
    let face = written.strip_suffix(mark).and_then(|written| written.strip_prefix(FACE));
    face.is_some_and(|alias| alias.is_empty() || alias.starts_with('/'))
}

/// The values of all attributes as they are written, each with what precedes it, and what follows
/// the last one.
fn attributes(payload: &str) -> (Vec<(String, String)>, String) {
    let mut attributes = Vec::new();
    let (mut at, mut done) = (0, 0);
    while let Some(start) = payload[at..].find('<') {
        at += start;
        let section = payload[at..].starts_with("<![CDATA[");
        if section || payload[at..].starts_with("</") {
            let end = if section { "]]>" } else { ">" };
            at += payload[at..].find(end).expect("an end") + end.len();
            continue;
        }
        loop {
            at += payload[at..].find(['\'', '"', '>']).expect("an end") + 1;
            let quote = &payload[at - 1..at];
            if quote == ">" {
                break;
            }
            let end = at + payload[at..].find(quote).expect("an end");
            attributes.push((payload[done..at].to_owned(), payload[at..end].to_owned()));
            done = end;
            at = end + 1;
        }
    }
    (attributes, payload[done..].to_owned())
}

/// A character that does not occur in XML.
const MISSING: char = '\0';
/// Follows each new value, to check that it is escaped.
const MARK: &str = "<'&\">";
/// The address that the account has for users.
const FACE: &str = "helper@proxy.example";
