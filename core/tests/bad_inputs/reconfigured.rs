//! Stanzas that were translated before a change of the configuration can be answered after it,
//! whichever key changes.

use std::sync::Arc;

use core_tests::oracle;
use core_tests::session::two_way;
use core_tests::twin::{PING, Proxy, TARGET, USER, both_ways, get};
use jat_core::jat::access::{Access, Mode, Pattern, Senders};
use jat_core::jat::reason::Reason;
use jat_core::jat::settings::Settings;
use jat_core::jat::traffic::Class::{Message, Reply, Request};
use jat_core::jat::traffic::Traffic;
use jat_core::jat::two_way::{Faces, MessagesTo, TwoWay};

fn settings(two_way: TwoWay) -> Settings {
    Settings { two_way: Some(Arc::new(two_way)), ..both_ways() }
}

fn everybody() -> Arc<Senders> {
    Arc::new(Senders::new([Pattern::Everybody]))
}

fn message(to: &str, from: &str) -> String {
    format!("<message id='7' to='{to}' from='{from}'><body>x</body></message>")
}

/// A stanza that is relayed; its new addresses.
fn relayed(proxy: &mut Proxy, stanza: &str, traffic: Traffic) -> [String; 2] {
    let said = proxy.exchange(stanza);
    assert_eq!(said.counted, [(traffic, Reason::Relayed, 1)], "{stanza}: {said:?}");
    ["to", "from"].map(|name| oracle::attribute(&said.out[0], name).unwrap())
}

/// Sends everything to a face with the first settings, and answers it with the second.
fn survives(before: &Settings, after: &Settings, requests: bool, messages: bool) {
    let face = "helper@proxy.example";
    let mut proxy = Proxy::with(before.clone());
    let asked = proxy.forwarded(&get(USER, face, "asked"));
    let [peer, mirror] = relayed(&mut proxy, &message(face, USER), Message.inward());
    let request = format!("<iq type='get' id='v' to='{mirror}' from='{peer}'>{PING}</iq>");
    let [_, alias] = relayed(&mut proxy, &request, Request.outward());
    proxy.reconfigure(after);

    let user = proxy.reverted(&asked.result());
    assert_eq!(user, format!("<iq type='result' id='asked' to='{USER}' from='{face}'></iq>"));
    if requests {
        let reply = format!("<iq type='result' id='v' to='{alias}' from='{USER}'/>");
        let [to, from] = relayed(&mut proxy, &reply, Reply.inward());
        assert_eq!(to, peer);
        assert_eq!(from, mirror);
    }
    if messages {
        let [to, from] = relayed(&mut proxy, &message(&mirror, &peer), Message.outward());
        assert_eq!(to, USER);
        assert_eq!(from.split('/').next(), Some(face));
    }
}

#[test]
fn relay() {
    for (before, after) in [
        (two_way(&[1]), TwoWay { presence: false, ..two_way(&[1]) }),
        (TwoWay { presence: false, ..two_way(&[1]) }, two_way(&[1])),
    ] {
        survives(&settings(before), &settings(after), true, true);
    }
    let narrowed = TwoWay { requests: false, ..two_way(&[1]) };
    survives(&both_ways(), &settings(narrowed), true, true);
    let narrowed = TwoWay { messages: false, ..two_way(&[1]) };
    survives(&both_ways(), &settings(narrowed), true, false);
    // Back to users' requests alone.
    survives(&both_ways(), &Settings { two_way: None, ..both_ways() }, false, false);
    // And requests from before more was relayed.
    let mut proxy = Proxy::with(Settings { two_way: None, ..both_ways() });
    let asked = proxy.forwarded(&get(USER, "helper@proxy.example", "asked"));
    // A node that has been reserved for mirrors since then.
    let reserved = proxy.forwarded(&get(USER, r"a\40b@proxy.example", "reserved"));
    proxy.reconfigure(&both_ways());
    proxy.reverted(&asked.result());
    proxy.reverted(&reserved.result());
}

#[test]
fn faces() {
    let none = TwoWay { faces: Faces::default(), ..two_way(&[1]) };
    survives(&both_ways(), &settings(none), true, true);
}

#[test]
fn initiate() {
    let wide = settings(TwoWay { initiate: everybody(), ..two_way(&[1]) });
    // The reply comes from the user's present mirror.
    let mut proxy = Proxy::with(both_ways());
    let [peer, signed] = relayed(&mut proxy, &message("proxy.example", USER), Message.inward());
    let asked = proxy.forwarded(&get(USER, "proxy.example", "asked"));
    proxy.reconfigure(&wide);
    let [to, _] = relayed(&mut proxy, &message(&signed, &peer), Message.outward());
    assert_eq!(to, USER);
    proxy.reverted(&asked.result());
    // Narrowed, the target may not write first, but its replies arrive.
    let mut proxy = Proxy::with(wide);
    let asked = proxy.forwarded(&get(USER, "proxy.example", "asked"));
    proxy.reconfigure(&both_ways());
    proxy.reverted(&asked.result());
}

#[test]
fn allow_from_and_deny_from() {
    let user = Arc::new(Senders::new([Pattern::new("user@some-domain.example").unwrap()]));
    let others = Arc::new(Senders::new([Pattern::new("other.example").unwrap()]));
    for access in [
        Access { deny: user, ..Access::default() },
        Access { allow: Some(others), deny: Arc::default(), mode: Mode::Enforce },
    ] {
        survives(&both_ways(), &Settings { access, ..both_ways() }, true, true);
    }
}

#[test]
fn messages_to_and_account_queries() {
    let account = TwoWay { messages_to: MessagesTo::Account, ..two_way(&[1]) };
    survives(&both_ways(), &settings(account), true, true);
    let queries = TwoWay { account_queries: ["urn:xmpp:ping".into()].into(), ..two_way(&[1]) };
    survives(&both_ways(), &settings(queries.clone()), true, true);
    // The target's server answers an earlier request.
    let mut proxy = Proxy::with(settings(queries));
    let asked = proxy.forwarded(&get(USER, "helper@proxy.example", "asked"));
    assert_eq!(asked.to, TARGET);
    proxy.reconfigure(&both_ways());
    proxy.reverted(&asked.result());
}

#[test]
fn name_keys() {
    // An added key, which makes names only later.
    survives(&both_ways(), &settings(two_way(&[1, 2])), true, true);
    survives(&settings(two_way(&[1, 2])), &settings(two_way(&[1, 3, 2])), true, true);
    // As the first key it gives users other mirrors, from which no library expects replies.
    survives(&settings(two_way(&[1, 2])), &settings(two_way(&[2, 1])), false, true);
}
