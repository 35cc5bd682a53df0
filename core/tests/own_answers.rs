//! What a component answers in place of its target, byte for byte, through a whole session.

use std::sync::Arc;

use core_tests::faces::arrangement;
use core_tests::session::own_answers;
use core_tests::twin::{Proxy, TARGET, USER, answering, both_ways, settings};
use jat_core::jat::access::{Access, Pattern, Senders};
use jat_core::jat::own_answers::{Discovery, OwnAnswers};
use jat_core::jat::reason::Reason;
use jat_core::jat::settings::Settings;
use jat_core::jat::traffic::USER_REQUEST;

const PING: &str = "<ping xmlns='urn:xmpp:ping'/>";
const INFO: &str = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
const ITEMS: &str = "<query xmlns='http://jabber.org/protocol/disco#items'/>";
const VERSION: &str = "<query xmlns='jabber:iq:version'/>";
const TOLD: &str = "<iq type='result' id='7' to='user@some-domain.example/abc' from='proxy.example'>\
    <query xmlns='http://jabber.org/protocol/disco#info'>\
    <identity category='component' type='generic' name='Q &amp; A &lt;&quot;&apos;&gt;'/>\
    <feature var='http://jabber.org/protocol/disco#info'/>\
    <feature var='http://jabber.org/protocol/disco#items'/>\
    <feature var='urn:xmpp:ping'/>\
    <feature var='jabber:iq:version'/>\
    <feature var='urn:x?a&amp;b'/>\
    </query></iq>";
const LISTED: &str = "<iq type='result' id='7' to='user@some-domain.example/abc' from='proxy.example'>\
    <query xmlns='http://jabber.org/protocol/disco#items'>\
    <item jid='helper@proxy.example' name='&lt;Help&gt;'/>\
    <item jid='o&amp;apos;hara@proxy.example'/>\
    </query></iq>";

fn get(from: &str, to: &str, payload: &str) -> String {
    format!("<iq type='get' id='7' to='{to}' from='{from}'>{payload}</iq>")
}

fn answers(proxy: &mut Proxy, request: &str, answer: &str) {
    let said = proxy.exchange(request);
    assert_eq!(said.out, [answer], "{request}");
    assert_eq!(said.counted, [(USER_REQUEST, Reason::OwnAnswer, 1)], "{request}");
}

#[test]
fn pings_and_questions_are_answered() {
    let pong = "<iq type='result' id='7' to='user@some-domain.example/abc' from='proxy.example'/>";
    // While nobody is online, while somebody is, and where more is relayed.
    for mut proxy in [
        Proxy::connected(answering()),
        Proxy::with(answering()),
        Proxy::with(Settings { own_answers: own_answers(), ..both_ways() }),
    ] {
        for (payload, answer) in [(PING, pong), (INFO, TOLD), (ITEMS, LISTED)] {
            answers(&mut proxy, &get(USER, "proxy.example", payload), answer);
            answers(&mut proxy, &get(USER, "Proxy.EXAMPLE.", payload), answer);
        }
    }
}

#[test]
fn whoever_asks_is_answered_with_the_id_that_it_wrote() {
    let mut proxy = Proxy::with(answering());
    for (id, from) in [
        ("", "some-domain.example"),
        ("&apos;&quot;&lt;&gt;&amp;&#10;", "user@some-domain.example"),
        ("7", "user@some-domain.example/&lt;&apos;&amp;"),
        // The target may ask, too, though it is no user.
        ("7", &format!("{TARGET}/a")),
        (&"i".repeat(3_000), USER),
    ] {
        let request =
            format!("<iq type='get' id='{id}' to='proxy.example' from='{from}'>{PING}</iq>");
        let answer = format!("<iq type='result' id='{id}' to='{from}' from='proxy.example'/>");
        answers(&mut proxy, &request, &answer);
    }
}

#[test]
fn the_namespace_counts_however_it_is_written() {
    let mut proxy = Proxy::with(answering());
    for ping in [
        "<ping xmlns='urn:xmpp:pin&#103;'></ping>",
        "<p:ping xmlns:p='urn:xmpp:ping'/>",
        "\n <![CDATA[<x/>]]> <ping xmlns='urn:xmpp:ping' node='x'>text<y/></ping> ",
    ] {
        let pong = format!("<iq type='result' id='7' to='{USER}' from='proxy.example'/>");
        answers(&mut proxy, &get(USER, "proxy.example", ping), &pong);
    }
    for other in [
        "<ping xmlns='URN:XMPP:PING'/>",
        "<ping xmlns='urn:xmpp:ping '/>",
        "<ping/>",
        "<ping xmlns='jabber:component:accept' xmlns:p='urn:xmpp:ping'/>",
        "<x xmlns='urn:x'><ping xmlns='urn:xmpp:ping'/></x>",
    ] {
        proxy.forwarded(&get(USER, "proxy.example", other));
    }
}

/// Requests to an address with a node or a resource go to the target, and so do all that the proxy
/// does not answer.
#[test]
fn all_else_goes_to_the_target() {
    let mut proxy = Proxy::with(answering());
    for to in ["helper@proxy.example", "proxy.example/x", "helper@proxy.example/x"] {
        for payload in [PING, INFO, ITEMS] {
            let asked = proxy.forwarded(&get(USER, to, payload));
            proxy.reverted(&asked.result());
        }
    }
    proxy.forwarded(&get(USER, "proxy.example", VERSION));
    let ping = OwnAnswers::new(true, None);
    let only_ping = Settings { own_answers: ping.map(Into::into), ..settings() };
    let mut proxy = Proxy::with(only_ping);
    proxy.forwarded(&get(USER, "proxy.example", INFO));
    proxy.forwarded(&get(USER, "proxy.example", ITEMS));
    let said = proxy.exchange(get(USER, "proxy.example", PING));
    assert_eq!(said.counted, [(USER_REQUEST, Reason::OwnAnswer, 1)]);
}

#[test]
fn what_is_not_answered_is_no_feature() {
    let discovery = Some(Discovery::default());
    let own_answers = OwnAnswers::new(false, discovery);
    let mut proxy =
        Proxy::with(Settings { own_answers: own_answers.map(Into::into), ..settings() });
    let told = "<iq type='result' id='7' to='user@some-domain.example/abc' from='proxy.example'>\
        <query xmlns='http://jabber.org/protocol/disco#info'>\
        <identity category='component' type='generic'/>\
        <feature var='http://jabber.org/protocol/disco#info'/>\
        <feature var='http://jabber.org/protocol/disco#items'/>\
        </query></iq>";
    answers(&mut proxy, &get(USER, "proxy.example", INFO), told);
    let none = "<iq type='result' id='7' to='user@some-domain.example/abc' from='proxy.example'>\
        <query xmlns='http://jabber.org/protocol/disco#items'></query></iq>";
    answers(&mut proxy, &get(USER, "proxy.example", ITEMS), none);
    proxy.forwarded(&get(USER, "proxy.example", PING));
}

#[test]
fn a_reload_changes_it_at_once_and_requests_on_their_way_get_their_replies() {
    let mut proxy = Proxy::new();
    let asked = proxy.forwarded(&get(USER, "proxy.example", INFO));
    proxy.reconfigure(&answering());
    answers(&mut proxy, &get(USER, "proxy.example", INFO), TOLD);
    let reply = asked.answer("result", "<query xmlns='http://jabber.org/protocol/disco#info'/>");
    assert!(proxy.reverted(&reply).contains(" id='7' "));
    proxy.reconfigure(&settings());
    proxy.forwarded(&get(USER, "proxy.example", INFO));
    proxy.still_serves();
}

#[test]
fn a_domain_without_a_target_has_the_lists_of_the_component() {
    let deny = |domain: &str| {
        let list = Senders::new([Pattern::Domain(domain.to_owned())]);
        Access { deny: Arc::new(list), ..Access::default() }
    };
    let own = own_answers().map(Arc::unwrap_or_clone).expect("answers");
    let own = Some(Arc::new(own.with_access(deny("stranger.example"))));
    let mut arrangement = arrangement(None, &[("help", TARGET)], false);
    for (_, settings) in &mut arrangement.faces {
        settings.own_answers.clone_from(&own);
        settings.access = deny("some-domain.example");
    }
    let mut proxy = Proxy::arranged(&arrangement);
    for (from, at_domain, at_face) in [
        (USER, Reason::OwnAnswer, Reason::Forbidden),
        ("user@stranger.example/abc", Reason::Forbidden, Reason::Relayed),
    ] {
        for (to, reason) in [("proxy.example", at_domain), ("help@proxy.example", at_face)] {
            let said = proxy.exchange(get(from, to, PING));
            assert_eq!(said.counted, [(USER_REQUEST, reason, 1)], "{from} to {to}: {said:?}");
        }
    }
}
