//! The golden cases of tests/data/two-way-v1.toml, through a whole session, and against the script
//! that wrote them.

use std::collections::BTreeSet;
use std::fs;

use core_tests::said::Said;
use core_tests::two_way::{self, Case};
use core_tests::{interpreter, oracle, repository};
use jat_core::jat::reason::Reason;

#[test]
fn each_stanza_leads_to_what_its_case_says() {
    let failed: Vec<String> = two_way::load().iter().filter_map(failure).collect();
    assert!(failed.is_empty(), "{} cases fail:\n\n{}", failed.len(), failed.join("\n\n"));
}

#[test]
fn each_case_has_a_title_of_its_own() {
    let cases = two_way::load();
    let titles: BTreeSet<_> = cases.iter().map(Case::title).collect();
    assert_eq!(titles.len(), cases.len());
}

/// Every reason that occurs only where more is relayed has a case.
#[test]
fn every_reason_has_a_case() {
    let cases = two_way::load();
    let seen: BTreeSet<_> = cases.iter().map(|case| case.reason.as_str()).collect();
    let reasons = [
        Reason::ToAccount,
        Reason::AliasTooLong,
        Reason::ProbeRefused,
        Reason::FaceReserved,
        Reason::NoSuchFace,
        Reason::MirrorTooLong,
        Reason::GroupchatRefused,
        Reason::MirrorMalformed,
        Reason::OwnFace,
        Reason::OwnMirror,
        Reason::NotTarget,
        Reason::NotInitiated,
        Reason::MirrorSignature,
        Reason::MirrorOldKey,
        Reason::RequestRefused,
        Reason::NoReplyAddress,
        Reason::NoAlias,
        Reason::ErrorUnrouted,
        Reason::PresenceError,
        Reason::Scrubbed,
    ];
    let missing = reasons.into_iter().filter(|reason| !seen.contains(reason.name()));
    assert_eq!(missing.collect::<Vec<_>>(), []);
}

#[test]
#[ignore = "needs python3"]
fn the_script_writes_exactly_the_cases() {
    let script = repository().join("tests/data/make_two_way_cases.py");
    let written = interpreter::run(interpreter::PYTHON, &[script.to_str().unwrap()], "");
    let stored = fs::read_to_string(repository().join(two_way::FILE)).expect(two_way::FILE);
    assert!(written == stored, "run the script again, or revert {}", two_way::FILE);
}

/// How the result of a case differs from what it says, if it does, also when fed byte by byte.
fn failure(case: &Case) -> Option<String> {
    let now = case.now();
    let said = Said::to(&mut case.side(), [case.given.as_bytes()], now);
    let cut = Said::to(&mut case.side(), case.given.as_bytes().chunks(1), now);
    assert_eq!(said, cut, "{}, cut at every byte", case.title());
    let counted: Vec<_> = said
        .counted
        .iter()
        .map(|(traffic, reason, count)| {
            assert!(reason.occurs_in(*traffic), "{traffic} has no {reason:?}: {}", case.title());
            format!("{traffic} {} {count}", reason.name())
        })
        .collect();
    let due = [format!("{} {} {} 1", case.stanza, case.way, case.reason)];
    let is = |stanzas: &[String]| stanzas.iter().map(|it| content(it)).collect::<Vec<_>>();
    let good = is(&said.out) == is(&case.out) && counted == due && said.ended.is_none();
    (!good).then(|| {
        let Case { given, out, .. } = case;
        let shown = |stanzas: &[String]| stanzas.join("\n       ");
        let (title, out, is) = (case.title(), shown(out), shown(&said.out));
        format!(
            "{title}\n  in   {given}\n  due  {out}\n  is   {is}\n  due  {due:?}\n  is   {counted:?}"
        )
    })
}

/// The parts of a stanza that are compared: name and attributes of its start tag as a parser reads
/// them, and the bytes after it, without the text of our own errors.
fn content(xml: &str) -> (String, Vec<(String, String)>, String) {
    let tag = &xml[..=end_of_tag(xml)];
    let (events, error) = oracle::events(tag.as_bytes());
    assert!(error.is_none(), "{error:?}: {xml}");
    let Some((rxml::Event::StartElement(_, (_, name), attributes), _)) = events.into_iter().next()
    else {
        panic!("{xml}")
    };
    let attributes =
        attributes.into_iter().map(|((ns, name), value)| (format!("{{{ns}}}{name}"), value));
    let mut attributes: Vec<_> = attributes.collect();
    attributes.sort();
    let mut rest = xml[tag.len()..].to_owned();
    if rest.contains(" by='") && rest.contains(TEXT) {
        let start = rest.find(TEXT).expect("it is there");
        let end = rest.find("</text>").expect("its end") + "</text>".len();
        rest.replace_range(start..end, "");
    }
    (name.to_string(), attributes, rest)
}

/// Where the start tag ends that `xml` begins with.
fn end_of_tag(xml: &str) -> usize {
    let mut quote = None;
    let end = xml.bytes().position(|byte| match (quote, byte) {
        (None, b'\'' | b'"') => {
            quote = Some(byte);
            false
        }
        (Some(open), _) => {
            quote = quote.filter(|_| byte != open);
            false
        }
        (None, _) => byte == b'>',
    });
    end.expect("a whole start tag")
}

const TEXT: &str = "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>";
