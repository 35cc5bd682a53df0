//! Messages, presence and requests both ways: what a user gets can be answered, and the answer
//! reaches its addressee, through any replica, whatever changed in the name keys in between.

use std::sync::Arc;

use core_tests::oracle;
use core_tests::said::Said;
use core_tests::session::{START, Side, two_way};
use core_tests::twin::{TARGET, settings};
use core_tests::xml::escaped;
use jat_core::jat::access::{Pattern, Senders};
use jat_core::jat::address::Address;
use jat_core::jat::settings::Settings;
use jat_core::jat::two_way::TwoWay;
use jat_core::session::Bounds;
use proptest::prelude::*;
use proptest::sample::select;
use rxml::Event;

use crate::generators::{Sent, payload, request, sent};
use crate::people::{face, person};
use crate::translation::infoset;

/// Rings of name keys, each of which opens what the previous one made.
fn rings() -> impl Strategy<Value = [Vec<u8>; 3]> {
    select(vec![
        [vec![1], vec![1], vec![1]],
        [vec![1], vec![1, 2], vec![2, 1]],
        [vec![1], vec![2, 1], vec![2, 1]],
        [vec![2, 1], vec![3, 1, 2], vec![3, 2]],
    ])
}

/// Settings of a component that relays everything, for any face. `initiate`: whether the target may
/// write to everybody first.
fn relaying(name_keys: &[u8], initiate: bool) -> Settings {
    let patterns = initiate.then_some(Pattern::Everybody);
    let initiate = Arc::new(Senders::new(patterns));
    Settings { two_way: Some(Arc::new(TwoWay { initiate, ..two_way(name_keys) })), ..settings() }
}

/// Another replica gets a stanza, and passes on one; returns its addresses, and the whole of it.
fn passed_on(settings: &Settings, stanza: &str) -> (String, String, String) {
    let said = taken(settings, stanza);
    let [(_, reason, 1)] = said.counted[..] else { panic!("{stanza}: {said:?}") };
    let [xml] = &said.out[..] else { panic!("{stanza}: {said:?}") };
    assert!(reason.is_relay(), "{stanza}: {said:?}");
    let [to, from] = ["to", "from"].map(|name| oracle::attribute(xml, name).unwrap());
    (to, from, xml.clone())
}

fn taken(settings: &Settings, stanza: &str) -> Said {
    let mut side = Side::new(settings.clone(), Bounds::default());
    let online = |r: &str| format!("<presence to='proxy.example' from='{TARGET}/{r}'/>");
    assert_eq!(side.take((online("a") + &online("b")).as_bytes(), START), None);
    side.output(START);
    Said::to(&mut side, [stanza.as_bytes()], START)
}

/// An address as a server that does not prepare it may pass it on.
fn shouted(address: &str) -> String {
    let (bare, resource) = match address.split_once('/') {
        Some((bare, resource)) => (bare, format!("/{resource}")),
        None => (address, String::new()),
    };
    // Parts that a profile refuses are compared unchanged.
    let bare = if bare.is_ascii() { bare.to_ascii_uppercase() } else { bare.to_owned() };
    bare + &resource
}

fn stanza(name: &str, to: &str, from: &str, attributes: &str, payload: &str) -> String {
    let [to, from] = [to, from].map(escaped);
    format!("<{name} {attributes} to='{to}' from='{from}'>{payload}</{name}>")
}

proptest! {
    #![proptest_config(crate::cases())]

    /// A message, an answer to its mirror, and an answer to that one's alias.
    #[test]
    fn a_message_can_be_answered_and_the_answer_too(
        user in person(),
        other in person(),
        (written_to, face) in face(),
        rings in rings(),
        initiate in any::<bool>(),
        shouts in any::<bool>(),
        Sent { head, content } in sent(),
        to_bare in any::<bool>(),
    ) {
        let [first, second, third] = rings.map(|ring| relaying(&ring, initiate));
        let written = |to: &str, from: &str| {
            let [to, from] = [to, from].map(escaped);
            format!("<message to='{to}' {head} from='{from}'>{content}</message>")
        };
        let message = written(&written_to, &user.stamped);
        let (resource, mirror, xml) = passed_on(&first, &message);
        prop_assert!(resource.starts_with(&format!("{TARGET}/")), "{}", resource);
        prop_assert_eq!(infoset(&xml).1, infoset(&message).1);
        prop_assert_eq!(&infoset(&xml).0[2], &infoset(&message).0[2]);
        let bare = |address: &str| address.split('/').next().unwrap().to_owned();
        if user.bare != other.bare {
            let (_, others, _) = passed_on(&first, &written(&written_to, &other.stamped));
            prop_assert_ne!(bare(&mirror), bare(&others));
        }

        let to = if to_bare { bare(&mirror) } else { mirror.clone() };
        let answer = written(&if shouts { shouted(&to) } else { to }, &resource);
        let (to, alias, xml) = passed_on(&second, &answer);
        prop_assert_eq!(to, if to_bare { user.bare.clone() } else { user.full() });
        prop_assert!(alias.starts_with(&format!("{face}/")), "{} {}", alias, face);
        prop_assert!(!xml.contains(TARGET) || content.contains(TARGET));
        prop_assert_eq!(infoset(&xml).1, infoset(&answer).1);

        let again = written(&alias, &user.stamped);
        let (to, mirror, _) = passed_on(&third, &again);
        prop_assert_eq!(to, resource.clone());
        let (to, ..) = passed_on(&third, &written(&mirror, &resource));
        prop_assert_eq!(to, user.full());
    }

    /// The target sends a request, and its resource gets the reply, with its id.
    #[test]
    fn a_request_of_the_target_is_answered_where_it_was_asked(
        user in person(),
        (written_to, _) in face(),
        appended in any::<bool>(),
        initiate in any::<bool>(),
        resource in select(vec!["a", "new", "Ä/b@c", "'<&", "😀"]),
        content in payload(),
        error in any::<bool>(),
    ) {
        let before = relaying(&[1], initiate);
        let after = relaying(if appended { &[1, 2] } else { &[1] }, initiate);
        let message = stanza("message", &written_to, &user.stamped, "", "");
        let (_, mirror, _) = passed_on(&before, &message);
        let peer = format!("{TARGET}/{resource}");
        let written = |to: &str, from: &str, type_: &str, content: &str| {
            let [to, from] = [to, from].map(escaped);
            format!("<iq to='{to}' id='&apos;v' from='{from}' type='{type_}'>{content}</iq>")
        };
        let (to, alias, xml) = passed_on(&before, &written(&mirror, &peer, "get", "<x xmlns='urn:x'/>"));
        prop_assert_eq!(&to, &user.full());
        prop_assert!(!xml.contains(TARGET), "{}", xml);
        let type_ = if error { "error" } else { "result" };
        let reply = written(&alias, &user.stamped, type_, &content);
        let (to, from, xml) = passed_on(&after, &reply);
        prop_assert_eq!(to, peer);
        prop_assert_eq!(from, mirror);
        prop_assert_eq!(infoset(&xml).1, infoset(&reply).1);
        let [_, _, id] = infoset(&xml).0;
        prop_assert_eq!(id.as_deref(), Some("'v"));
    }

    /// A request of a user, as usual, but with the token as its id.
    #[test]
    fn forward_and_revert_restore_the_infoset_through_a_mirror(
        request in request(),
        error in any::<bool>(),
        initiate in any::<bool>(),
    ) {
        let before = relaying(&[1], initiate);
        let (to, mirror, xml) = passed_on(&before, &request.xml);
        prop_assert_eq!(infoset(&xml).1, infoset(&request.plain).1);
        let token = infoset(&xml).0[2].clone().unwrap();
        // A token names the user, whatever happened to the mirrors.
        let after = relaying(&[2, 1], !initiate);
        let type_ = if error { "error" } else { "result" };
        let content = "<x xmlns='urn:x' a='&#10;'>text</x>";
        let reply = stanza("iq", &mirror, &to, &format!("type='{type_}' id='{token}'"), content);
        let (_, _, reverted) = passed_on(&after, &reply);
        let ([to, from, id], arrived) = infoset(&reverted);
        prop_assert_eq!(arrived, infoset(&reply).1);
        prop_assert_eq!(to, Some(request.user.clone()));
        prop_assert_eq!(from, Some(request.to.replace("PROXY.", "proxy.")));
        prop_assert_eq!(id, Some(request.id.clone()));
    }

    /// Subscriptions are between bare addresses, presence comes from aliases, and both come back.
    #[test]
    fn presence_comes_back_to_whom_it_came_from(
        user in person(),
        (written_to, face) in face(),
        initiate in any::<bool>(),
        type_ in select(vec!["subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe"]),
    ) {
        let settings = relaying(&[1], initiate);
        let typed = format!("type='{type_}'");
        let (to, mirror, _) =
            passed_on(&settings, &stanza("presence", &written_to, &user.stamped, &typed, ""));
        prop_assert_eq!(&to, TARGET);
        prop_assert!(!mirror.contains('/'), "{}", mirror);
        let (to, from, _) = passed_on(&settings, &stanza("presence", &mirror, TARGET, &typed, ""));
        prop_assert_eq!((&to, &from), (&user.bare, &face));
        let resource = format!("{TARGET}/a");
        let (to, alias, _) = passed_on(&settings, &stanza("presence", &mirror, &resource, "", ""));
        prop_assert_eq!(&to, &user.bare);
        prop_assert!(alias.starts_with(&format!("{face}/")), "{}", alias);
        let (to, from, _) =
            passed_on(&settings, &stanza("presence", &alias, &user.stamped, "", ""));
        prop_assert_eq!(&to, &resource);
        prop_assert_eq!(Address::new(&from).bare(), mirror.as_str());
    }

    /// Whatever the target's server writes, no attribute that a user gets names the target.
    #[test]
    fn nothing_that_the_targets_server_wrote_names_it_to_a_user(
        user in person(),
        (written_to, _) in face(),
        payload in hinting(),
        kind in select(vec!["message", "presence", "bare presence", "unavailable"]),
    ) {
        let settings = relaying(&[1], true);
        let (_, mirror, _) =
            passed_on(&settings, &stanza("message", &written_to, &user.stamped, "", ""));
        let resource = format!("{TARGET}/a");
        let written = match kind {
            "message" => stanza("message", &mirror, TARGET, "type='headline'", &payload),
            "presence" => stanza("presence", &mirror, &resource, "", &payload),
            "bare presence" => stanza("presence", &mirror, TARGET, "", &payload),
            _ => stanza("presence", &mirror, &resource, "type='unavailable'", &payload),
        };
        let said = taken(&settings, &written);
        prop_assert_eq!(said.out.len(), 1, "{:?}", said);
        let (events, error) = oracle::events(said.out[0].as_bytes());
        prop_assert!(error.is_none());
        let before = oracle::events(written.as_bytes()).0;
        prop_assert_eq!(events.len(), before.len());
        for ((event, _), (written, _)) in events.iter().zip(&before) {
            let (Event::StartElement(_, name, attributes), Event::StartElement(_, same, old)) =
                (event, written)
            else {
                prop_assert_eq!(event, written);
                continue;
            };
            prop_assert_eq!(name, same);
            for ((ns, name), value) in attributes.iter() {
                prop_assert!(!names_the_target(value), "{}={} of {}", name, value, said.out[0]);
                let was = old.get(ns, name).unwrap();
                let is_address = names_the_target(was) || ["to", "from"].contains(&name.as_str());
                prop_assert!(value == was || is_address, "{} was {}", value, was);
            }
        }
    }
}

fn names_the_target(value: &str) -> bool {
    Address::new(value).is_bare(TARGET)
}

/// Payloads with the target's address everywhere a server may write it.
fn hinting() -> impl Strategy<Value = String> {
    let address = select(vec![
        "service@some.example",
        "service@some.example/a",
        "SERVICE@Some.Example/A",
        "service&#64;some.example/x",
        "&#115;ervice@some.example",
        "service@some.example./y",
        "\u{ff53}ervice@some.example",
        "service@some&#x2e;example/&lt;é",
        "xservice@some.example",
        "service@some.example.org",
        "some.example",
        "",
        "a@b",
    ]);
    let attribute = select(vec!["jid", "from", "publisher", "p:by"]);
    let quote = select(vec!['\'', '"']);
    let element = (select(vec!["x", "delay", "item"]), attribute, address, quote, any::<bool>())
        .prop_map(|(name, attribute, address, quote, delay)| {
            let namespace = if delay { "urn:xmpp:delay" } else { "urn:x" };
            format!(
                "<{name} xmlns='{namespace}' xmlns:p='urn:p' {attribute}={quote}{address}{quote} \
                 z='service'>service@some.example</{name}>"
            )
        });
    prop::collection::vec(element, 0..4).prop_map(|elements| {
        format!("<status>x</status>{}<e>{}</e>", elements.concat(), elements.concat())
    })
}
