//! Requests that the proxy answers itself: malformed, from senders who may not ask, or too many.

use std::sync::Arc;
use std::time::Duration;

use core_tests::session::own_answers;
use core_tests::twin::{PING, Proxy, USER, answering, assert_error, both_ways, get, settings};
use jat_core::jat::access::{Access, Pattern, Senders};
use jat_core::jat::own_answers::{Discovery, OwnAnswers};
use jat_core::jat::reason::Reason;
use jat_core::jat::settings::Settings;
use jat_core::jat::traffic::Class::{Message, Presence, Reply};
use jat_core::jat::traffic::{Traffic, USER_REQUEST};
use jat_core::stanza::discovery::Item;

const INFO: &str = "http://jabber.org/protocol/disco#info";
const ITEMS: &str = "http://jabber.org/protocol/disco#items";

fn refused(proxy: &mut Proxy, request: &str, condition: &str, reason: Reason) {
    let said = proxy.exchange(request);
    let shown: String = request.chars().take(300).collect();
    assert_eq!(said.counted, [(USER_REQUEST, reason, 1)], "{shown}");
    let [answer] = &said.out[..] else { panic!("{shown}: {said:?}") };
    let head = format!("<iq type='error' id='7' to='{USER}' from='proxy.example'>");
    assert_error(answer, &head, condition);
    serves(proxy);
}

fn silent(proxy: &mut Proxy, stanza: &str, traffic: Traffic, reason: Reason) {
    let said = proxy.exchange(stanza);
    let shown: String = stanza.chars().take(300).collect();
    assert_eq!((said.out, said.counted), (vec![], vec![(traffic, reason, 1)]), "{shown}");
    serves(proxy);
}

/// Checks that it answers, and that it relays other requests.
fn serves(proxy: &mut Proxy) {
    let said = proxy.exchange(get(USER, "proxy.example", "good"));
    let answer = format!("<iq type='result' id='good' to='{USER}' from='proxy.example'/>");
    assert_eq!(said.out, [answer]);
    let relayed = proxy.forwarded(&get(USER, "node@proxy.example", "good"));
    proxy.reverted(&relayed.result());
}

fn iq(type_: &str, payload: &str) -> String {
    format!("<iq type='{type_}' id='7' to='proxy.example' from='{USER}'>{payload}</iq>")
}

#[test]
fn what_the_protocols_do_not_have_is_a_bad_request() {
    let mut proxy = Proxy::with(answering());
    for (type_, payload) in [
        ("set", PING),
        ("set", &format!("<query xmlns='{INFO}'/>")),
        ("set", &format!("<query xmlns='{ITEMS}' node='x'/>")),
        ("get", "<pong xmlns='urn:xmpp:ping'/>"),
        ("get", "<PING xmlns='urn:xmpp:ping'/>"),
        ("get", &format!("<ping xmlns='{INFO}'/>")),
        ("get", &format!("<identity xmlns='{INFO}' node='x'/>")),
        ("get", &format!("<q:item xmlns:q='{ITEMS}'/>")),
    ] {
        refused(&mut proxy, &iq(type_, payload), "bad-request", Reason::MalformedQuery);
    }
}

/// The answer does not contain the node.
#[test]
fn no_node_is_known() {
    let mut proxy = Proxy::with(answering());
    let long = "n".repeat(50_000);
    for node in [
        "x",
        " ",
        "&lt;&apos;&quot;&amp;&#10;&#9;",
        "\u{202e}\u{1f600}\u{fffd}",
        "proxy.example",
        &long,
    ] {
        for namespace in [INFO, ITEMS] {
            let request = iq("get", &format!("<query xmlns='{namespace}' node='{node}'/>"));
            refused(&mut proxy, &request, "item-not-found", Reason::UnknownNode);
        }
    }
    // The same as no node (XEP-0030 knows no empty one).
    let said = proxy.exchange(iq("get", &format!("<query node='' xmlns='{INFO}'/>")));
    assert_eq!(said.counted, [(USER_REQUEST, Reason::OwnAnswer, 1)]);
}

#[test]
fn what_no_server_may_relay_is_refused_as_everywhere() {
    let mut proxy = Proxy::with(answering());
    let deep = "<x>".repeat(200) + &"</x>".repeat(200);
    let large = "x".repeat(600_000);
    for (request, condition, reason) in [
        (iq("weird", PING), "bad-request", Reason::BadType),
        (iq("get", ""), "bad-request", Reason::ChildCount),
        (iq("get", &PING.repeat(2)), "bad-request", Reason::ChildCount),
        (iq("get", "text"), "bad-request", Reason::ChildCount),
        (
            iq("get", "<ping xmlns='urn:xmpp:ping'><p:x/></ping>"),
            "bad-request",
            Reason::BadNamespace,
        ),
        (
            iq("get", &format!("<ping xmlns='urn:xmpp:ping'>{deep}</ping>")),
            "policy-violation",
            Reason::OverLimit,
        ),
        (
            iq("get", &format!("<query xmlns='{INFO}'>{large}</query>")),
            "policy-violation",
            Reason::OverLimit,
        ),
    ] {
        let said = proxy.exchange_whole(request.as_bytes());
        assert_eq!(said.counted, [(USER_REQUEST, reason, 1)]);
        let head = format!("<iq type='error' id='7' to='{USER}' from='proxy.example'>");
        assert_error(&said.out[0], &head, condition);
    }
    let said = proxy.exchange_whole(iq("get", PING).replace(" id='7'", "").as_bytes());
    assert_eq!(said.counted, [(USER_REQUEST, Reason::NoId, 1)]);
}

/// With the id escaped, an answer would be too large for the server.
#[test]
fn an_id_that_no_answer_has_room_for_is_dropped() {
    let mut proxy = Proxy::with(answering());
    let request =
        get(USER, "proxy.example", "7").replace("'7'", &format!("'{}'", "\"".repeat(50_000)));
    let said = proxy.exchange_whole(request.as_bytes());
    assert_eq!((said.out, said.counted), (vec![], vec![(USER_REQUEST, Reason::HeadTooLarge, 1)]));
}

#[test]
fn only_requests_are_answered_and_only_to_others() {
    let mut proxy = Proxy::with(answering());
    let from = format!("id='7' to='proxy.example' from='{USER}'");
    let result = format!("<iq type='result' {from}>{PING}</iq>");
    silent(&mut proxy, &result, Reply.inward(), Reason::NotFromTarget);
    let error = format!("<message type='error' {from}>{PING}</message>");
    silent(&mut proxy, &error, Message.inward(), Reason::ErrorIgnored);
    let presence = format!("<presence {from}>{PING}</presence>");
    silent(&mut proxy, &presence, Presence.inward(), Reason::PresenceIgnored);
    for (from, reason) in [
        ("", Reason::NoFrom),
        ("from=''", Reason::NoFrom),
        ("from='@some-domain.example'", Reason::NoFrom),
        ("from='proxy.example'", Reason::OwnAddress),
        ("from='node@Proxy.example/x'", Reason::OwnAddress),
    ] {
        let ping = format!("<iq type='get' id='7' to='proxy.example' {from}>{PING}</iq>");
        silent(&mut proxy, &ping, USER_REQUEST, reason);
    }
    let elsewhere = format!("<iq type='get' id='7' to='x.proxy.example' from='{USER}'>{PING}</iq>");
    silent(&mut proxy, &elsewhere, USER_REQUEST, Reason::NotOurDomain);
}

#[test]
fn who_may_not_ask_learns_nothing() {
    let deny = Arc::new(Senders::new([Pattern::new("some-domain.example").unwrap()]));
    let access = Access { deny, ..Access::default() };
    for base in [settings(), both_ways()] {
        let settings = Settings { own_answers: own_answers(), access: access.clone(), ..base };
        let mut proxy = Proxy::with(settings);
        for payload in [PING, &format!("<query xmlns='{INFO}'/>")] {
            let said = proxy.exchange(iq("get", payload));
            assert_eq!(said.counted, [(USER_REQUEST, Reason::Forbidden, 1)]);
        }
    }
}

/// Answers and errors to one sender share one limit, whatever it asks; relayed stanzas have none.
#[test]
fn a_flood_gets_no_more_answers_than_errors() {
    let mut proxy = Proxy::with(answering());
    let own = |count| (USER_REQUEST, Reason::OwnAnswer, count);
    let throttled = |count| (USER_REQUEST, Reason::Throttled, count);
    let info = iq("get", &format!("<query xmlns='{INFO}'/>"));
    let said =
        proxy.exchange_whole((get(USER, "proxy.example", "7") + &info).repeat(250).as_bytes());
    assert_eq!(said.counted, [own(200), throttled(300)]);
    assert_eq!(said.out.len(), 200);
    let said = proxy.exchange_whole(iq("set", PING).as_bytes());
    assert_eq!(said.counted, [throttled(1)]);
    // Another resource is the same sender; another account is none.
    let other = get("user@some-domain.example/other", "proxy.example", "7");
    assert_eq!(proxy.exchange_whole(other.as_bytes()).counted, [throttled(1)]);
    let other = get("other@some-domain.example/abc", "proxy.example", "7");
    assert_eq!(proxy.exchange_whole(other.as_bytes()).counted, [own(1)]);
    let relayed = get(USER, "node@proxy.example", "7").repeat(500);
    let said = proxy.exchange_whole(relayed.as_bytes());
    assert_eq!(said.counted, [(USER_REQUEST, Reason::Relayed, 500)]);
    proxy.now = proxy.now.plus(Duration::from_secs(1));
    let said = proxy.exchange_whole(info.repeat(50).as_bytes());
    assert_eq!(said.counted, [own(20), throttled(30)]);
}

/// Otherwise small requests could cause a flood of large answers.
#[test]
fn long_lists_are_given_seldom() {
    let item = |n| Item { address: format!("face{n}@proxy.example"), name: None };
    let discovery = Discovery { items: (0..1_000).map(item).collect(), ..Discovery::default() };
    let own_answers = OwnAnswers::new(true, Some(discovery)).map(Arc::new);
    let mut proxy = Proxy::with(Settings { own_answers, ..settings() });
    let list = iq("get", &format!("<query xmlns='{ITEMS}'/>"));
    let said = proxy.exchange_whole(list.repeat(100).as_bytes());
    let counted = [(USER_REQUEST, Reason::OwnAnswer, 3), (USER_REQUEST, Reason::Throttled, 97)];
    assert_eq!((said.out.len(), &said.counted[..]), (3, &counted[..]));
    assert!(said.out.iter().all(|list| list.matches("<item ").count() == 1_000));
    proxy.now = proxy.now.plus(Duration::from_secs(4));
    let said = proxy.exchange_whole(list.repeat(2).as_bytes());
    let counted = [(USER_REQUEST, Reason::OwnAnswer, 1), (USER_REQUEST, Reason::Throttled, 1)];
    assert_eq!(said.counted, counted);
}

#[test]
fn nothing_follows_the_end_of_the_stream() {
    let mut proxy = Proxy::with(answering());
    proxy.close();
    let said = proxy.exchange(iq("get", PING));
    assert_eq!(said.out, Vec::<String>::new());
    assert_eq!(said.counted, [(USER_REQUEST, Reason::ArrivedAfterClose, 1)]);
}
