//! In steady state a relayed stanza takes no memory from the heap.

use std::sync::Arc;

use allocation_counter::measure;
use core_tests::bench::exchanges::KINDS;
use core_tests::bench::proxy::Proxy;
use core_tests::bench::services;
use core_tests::bench::stanzas;
use core_tests::session::own_answers;
use core_tests::twin::PING;
use jat_core::jat::access::{Access, Pattern, Senders};
use jat_core::jat::dispatch::Dispatch;
use jat_core::jat::limit::{Limit, Per, Rate};
use jat_core::jat::settings::TokenIn;

#[test]
fn a_relayed_stanza_takes_no_memory() {
    let payloads = [
        stanzas::disco_request(),
        stanzas::disco_reply(),
        stanzas::tags(100_000),
        stanzas::text(100_000),
    ];
    for token_in in TokenIn::ALL {
        for dispatch in Dispatch::ALL {
            for payload in &payloads {
                for node in ["", "node@"] {
                    steady(token_in, dispatch, payload, node);
                }
            }
        }
    }
}

fn steady(token_in: TokenIn, dispatch: Dispatch, payload: &str, node: &str) {
    let mut proxy = Proxy::with(|settings| {
        settings.token_in = token_in;
        settings.dispatch = dispatch;
        // The number of senders who may not ask makes no difference.
        settings.access = Access { deny: senders(500), ..Access::default() };
        settings.limit = Some(Limit { rate: Rate { count: 1, per: Per::Hour }, burst: 100 });
    });
    let request = stanzas::request(payload).replacen("to='", &format!("to='{node}"), 1);
    let reply = stanzas::reply(&proxy.relay(&request), payload);
    for stanza in [request, reply] {
        let mut relay = |times| (0..times).for_each(|_| assert!(proxy.turn(stanza.as_bytes()) > 0));
        // Until buffers are as large as they get.
        relay(2);
        let taken = measure(|| relay(10));
        assert_eq!(taken.count_total, 0, "{token_in:?} {dispatch:?} {}", &stanza[..100]);
    }
    assert_eq!(proxy.counts(), (1 + 2 * 12, 0));
}

/// Requests alone, and everything both ways.
#[test]
fn no_kind_of_stanza_takes_memory() {
    for kind in &KINDS {
        let mut exchange = (kind.begin)();
        let mut relay = |times| (0..times).for_each(|_| assert!(exchange.turn() > 0));
        relay(2);
        let taken = measure(|| relay(10));
        assert_eq!(taken.count_total, 0, "{}: {taken:?}", kind.name);
        exchange.assert_all_relayed();
    }
}

/// Nor do requests that the proxy answers itself, or examines for that and then relays.
#[test]
fn own_answers_take_no_memory() {
    for own_answers in [own_answers(), None] {
        let answers = own_answers.is_some();
        let mut proxy = Proxy::with(|settings| settings.own_answers = own_answers);
        let query = |what| format!("<query xmlns='http://jabber.org/protocol/disco#{what}'/>");
        let version = "<query xmlns='jabber:iq:version'/>";
        for payload in [PING, &query("info"), &query("items"), version] {
            let request = stanzas::request(payload);
            let mut ask =
                |times| (0..times).for_each(|_| assert!(proxy.turn(request.as_bytes()) > 0));
            ask(2);
            assert_eq!(measure(|| ask(10)).count_total, 0, "{payload}");
        }
        let relayed = if answers { 12 } else { 4 * 12 };
        assert_eq!(proxy.counts(), (relayed, 4 * 12 - relayed));
    }
}

/// However many services there are.
#[test]
fn finding_a_service_takes_no_memory() {
    let mut proxy = Proxy::of(services::many(100, 20, services::fixed));
    for node in ["face0", "face99", "pattern00-x", "pattern19-x"] {
        let request = stanzas::request(&stanzas::disco_request());
        let request = request.replacen("to='", &format!("to='{node}@"), 1);
        let reply = stanzas::reply(&proxy.relay(&request), &stanzas::disco_reply());
        for stanza in [request, reply] {
            let mut relay =
                |times| (0..times).for_each(|_| assert!(proxy.turn(stanza.as_bytes()) > 0));
            relay(2);
            let taken = measure(|| relay(10));
            assert_eq!(taken.count_total, 0, "{}", &stanza[..100]);
        }
    }
    proxy.assert_all_relayed();
}

/// So many, of every kind.
fn senders(count: usize) -> Arc<Senders> {
    let pattern = |n: usize| match n % 3 {
        0 => format!("denied{n}.example"),
        1 => format!("*.denied{n}.example"),
        _ => format!("denied@{n}.example"),
    };
    Arc::new(Senders::new((0..count).map(|n| Pattern::new(&pattern(n)).unwrap())))
}

#[test]
fn what_is_measured_is_seen() {
    let taken = measure(|| drop(std::hint::black_box(vec![1])));
    assert_eq!(taken.count_total, 1);
}
