//! Who may ask: lists of senders, enforced and observed.

use std::sync::Arc;

use core_tests::twin::{PING, Proxy, TARGET, USER, get, settings};
use jat_core::jat::access::{Access, Mode, Pattern, Senders};
use jat_core::jat::reason::Reason;
use jat_core::jat::settings::Settings;
use jat_core::jat::traffic::Class::{Message, Presence, Reply};
use jat_core::jat::traffic::USER_REQUEST;

fn limited(allow: &[&str], deny: &[&str], mode: Mode) -> Settings {
    let list = |it: &[&str]| Arc::new(Senders::new(it.iter().map(|p| Pattern::new(p).unwrap())));
    let allow = (!allow.is_empty()).then(|| list(allow));
    Settings { access: Access { allow, deny: list(deny), mode }, ..settings() }
}

fn enforced(allow: &[&str], deny: &[&str]) -> Proxy {
    Proxy::with(limited(allow, deny, Mode::Enforce))
}

const FOREIGN: &str = "u@elsewhere.example/r";

#[test]
fn others_get_forbidden_before_anything_else_is_made_of_it() {
    let mut proxy = enforced(&["some-domain.example"], &[]);
    let head = format!("<iq type='error' id='7' to='{FOREIGN}' from='proxy.example'>");
    let from = format!("from='{FOREIGN}' to='proxy.example'");
    for request in [
        get(FOREIGN, "proxy.example", "7"),
        format!("<iq type='get' id='7' {from}/>"),
        format!("<iq type='weird' id='7' {from}>{PING}</iq>"),
        format!("<iq type='get' id='7' {from}><p:q/></iq>"),
        format!("<iq type='get' id='7' {from}>{}</iq>", "<x>".repeat(200) + &"</x>".repeat(200)),
    ] {
        let text = proxy.refused(&request, &head, "forbidden", USER_REQUEST, Reason::Forbidden);
        assert_eq!(text, "This service accepts nothing from your address.");
    }
    let message = format!("<message id='7' {from}><body>hi</body></message>");
    let head = format!("<message type='error' id='7' to='{FOREIGN}' from='proxy.example'>");
    proxy.refused(&message, &head, "forbidden", Message.inward(), Reason::Forbidden);
    // A subscription is answered as everybody's is.
    let said = proxy.exchange(format!("<presence type='subscribe' {from}/>"));
    assert_eq!(said.counted, [(Presence.inward(), Reason::Forbidden, 1)]);
    let answer = format!("<presence type='unsubscribed' to='{FOREIGN}' from='proxy.example'/>");
    assert_eq!(said.out, [answer]);
    // These are never answered.
    proxy.silent(format!("<message type='error' {from}/>"), Message.inward(), Reason::ErrorIgnored);
    proxy.silent(format!("<presence {from}/>"), Presence.inward(), Reason::PresenceIgnored);
    proxy.silent(
        format!("<iq type='result' id='7' {from}/>"),
        Reply.inward(),
        Reason::NotFromTarget,
    );
}

#[test]
fn no_spelling_gets_past() {
    for spelled in [
        "U@ELSEWHERE.example/r",
        "u@elsewhere.example./r",
        "u@else&#119;here.example",
        "u@ｅlsewhere.example/r",
        "u@else\u{200c}where.example/r",
        "u@ab--ü.elsewhere.example",
        "😀@Elsewhere.example",
        "elsewhere.example",
        "u@elsewhere.example/some-domain.example",
        "some-domain.example@elsewhere.example",
        "user@some-domain.example.elsewhere.example",
    ] {
        let request =
            format!("<iq type='get' id='7' from='{spelled}' to='proxy.example'>{PING}</iq>");
        for (allow, deny) in [
            (&[][..], &["elsewhere.example", "*.elsewhere.example"][..]),
            (&["some-domain.example", "*.some-domain.example"], &[]),
            (&["user@some-domain.example"], &[]),
        ] {
            let said = enforced(allow, deny).exchange(&request);
            assert_eq!(said.counted, [(USER_REQUEST, Reason::Forbidden, 1)], "{spelled}: {said:?}");
        }
    }
}

/// No answer would reach it, whatever the lists say: a server ends the stream if we try.
#[test]
fn a_sender_with_an_empty_part_is_dropped_whoever_is_denied() {
    for from in ["@elsewhere.example", "@elsewhere.example/r", "u@elsewhere.example/"] {
        let mut proxy = enforced(&[], &["elsewhere.example"]);
        let from = format!("from='{from}' to='proxy.example'");
        for (stanza, traffic) in [
            (format!("<iq type='get' id='7' {from}>{PING}</iq>"), USER_REQUEST),
            (format!("<iq type='result' id='7' {from}/>"), Reply.inward()),
            (format!("<message id='7' {from}><body>hi</body></message>"), Message.inward()),
            (format!("<message type='error' id='7' {from}/>"), Message.inward()),
            (format!("<presence type='subscribe' {from}/>"), Presence.inward()),
            (format!("<presence {from}/>"), Presence.inward()),
        ] {
            proxy.silent(stanza, traffic, Reason::NoFrom);
        }
    }
}

/// The target and its server need not be in a list to answer and to be heard.
#[test]
fn replies_and_the_presence_of_the_target_are_not_held_against_the_lists() {
    let mut proxy = enforced(&["user@some-domain.example"], &["some.example"]);
    let asked = proxy.forwarded(&get(USER, "proxy.example", "7"));
    proxy.reverted(&asked.result());
    let presence = |type_| format!("<presence type='{type_}' from='{TARGET}' to='proxy.example'/>");
    let said = proxy.exchange(presence("subscribe"));
    assert_eq!(said.counted, [(Presence.outward(), Reason::PresenceUsed, 1)]);
    assert_eq!(said.out.len(), 2, "{said:?}");
    // But its own request is a request like any other.
    let said = proxy.exchange(get(&format!("{TARGET}/a"), "proxy.example", "7"));
    assert_eq!(said.counted, [(USER_REQUEST, Reason::Forbidden, 1)]);
    proxy.still_serves();
}

#[test]
fn observed_stanzas_are_relayed_and_counted_separately() {
    let mut proxy = Proxy::with(limited(&["elsewhere.example"], &[], Mode::Observe));
    proxy.still_serves();
    let from = format!("from='{USER}' to='proxy.example'");
    let said = proxy.exchange(format!("<message {from}/>"));
    assert_eq!(said.counted, [(Message.inward(), Reason::MessageRefused, 1)]);
    // Subscriptions are refused whatever the lists say; replies and errors are not checked.
    proxy.exchange(format!("<presence type='subscribe' {from}/><message type='error' {from}/>"));
    let observed = proxy.translator().observed();
    assert_eq!(observed.stanzas(), 2);
    assert_eq!(observed.domains(), [("some-domain.example".to_owned(), 2)]);
    proxy.forwarded(&get(FOREIGN, "proxy.example", "7"));
    assert_eq!(proxy.translator().observed().stanzas(), 2);
}

#[test]
fn other_lists_are_in_force_at_once() {
    let mut proxy = Proxy::new();
    let open = proxy.forwarded(&get(USER, "proxy.example", "7"));
    proxy.reconfigure(&limited(&["elsewhere.example"], &[], Mode::Enforce));
    let said = proxy.exchange(get(USER, "proxy.example", "8"));
    assert_eq!(said.counted, [(USER_REQUEST, Reason::Forbidden, 1)]);
    // Replies to earlier requests are still relayed.
    proxy.reverted(&open.result());
    proxy.reconfigure(&settings());
    proxy.still_serves();
}
