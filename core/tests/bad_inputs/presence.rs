//! Presence of the target, of its server, and of those who claim to be it.

use std::time::Duration;

use core_tests::oracle;
use core_tests::twin::{Proxy, TARGET, USER, assert_error, get, settings};
use core_tests::xml::escaped;
use jat_core::jat::presence::Subscription;
use jat_core::jat::reason::Reason;
use jat_core::jat::traffic::Class::Presence;
use jat_core::jat::traffic::USER_REQUEST;

fn presence(type_: &str, from: &str) -> String {
    let type_ = if type_.is_empty() { String::new() } else { format!(" type='{type_}'") };
    format!("<presence{type_} to='proxy.example' from='{}'/>", escaped(from))
}

/// Feeds presence that is used and not answered.
fn told(proxy: &mut Proxy, presence: &str) {
    let said = proxy.exchange(presence);
    assert_eq!(said.counted, [(Presence.outward(), Reason::PresenceUsed, 1)], "{presence}");
    assert!(said.out.is_empty(), "{said:?}");
}

/// The error that a request gets while nobody is online.
fn nobody(proxy: &mut Proxy, reason: Reason) -> String {
    let said = proxy.exchange(get(USER, "proxy.example", "7"));
    assert_eq!(said.counted, [(USER_REQUEST, reason, 1)]);
    let head = format!("<iq type='error' id='7' to='{USER}' from='proxy.example'>");
    assert_error(&said.out[0], &head, "service-unavailable")
}

#[test]
fn who_is_unknown_can_go() {
    let mut proxy = Proxy::new();
    told(&mut proxy, &presence("unavailable", &format!("{TARGET}/unknown")));
    assert_eq!(proxy.online().len(), 2);
    proxy.still_serves();
}

#[test]
fn a_thousand_resources_and_one_of_1023_bytes() {
    let mut proxy = Proxy::new();
    for n in 0..1000 {
        told(&mut proxy, &presence("", &format!("{TARGET}/r{n}")));
    }
    for resource in ["r".repeat(1023), "<'&\">".into(), "😀 /@".into(), "\u{202e}".into()] {
        told(&mut proxy, &presence("", &format!("{TARGET}/{resource}")));
    }
    assert_eq!(proxy.online().len(), 1006);
    for _ in 0..50 {
        proxy.still_serves();
    }
    told(&mut proxy, &presence("unavailable", TARGET));
    let odd = format!("{TARGET}/{}", "<'&\">".repeat(200));
    told(&mut proxy, &presence("", &odd));
    let forwarded = proxy.forwarded(&get(USER, "proxy.example", "7"));
    assert_eq!(forwarded.to, odd);
    proxy.still_serves();
}

#[test]
fn resources_beyond_count_take_no_memory() {
    // Another server can send presence of any number of resources.
    let mut proxy = Proxy::new();
    let mut flood = String::new();
    for n in 0..11_000 {
        flood += &presence("", &format!("{TARGET}/{n}{}", "r".repeat(100)));
    }
    proxy.exchange(flood);
    assert!(proxy.online().len() <= 10_000, "{}", proxy.online().len());
    proxy.still_serves();
}

#[test]
fn presence_of_the_bare_address_never_adds_and_may_empty() {
    let mut proxy = Proxy::new();
    proxy.silent(presence("", TARGET), Presence.outward(), Reason::PresenceIgnored);
    for type_ in ["", "unavailable"] {
        proxy.silent(presence(type_, &format!("{TARGET}/")), Presence.inward(), Reason::NoFrom);
    }
    assert_eq!(proxy.online().len(), 2);
    told(&mut proxy, &presence("unavailable", TARGET));
    assert_eq!(nobody(&mut proxy, Reason::Offline), "The service is offline.");
    told(&mut proxy, &presence("", &format!("{TARGET}/c")));
    proxy.still_serves();
}

#[test]
fn a_bounced_subscription_leaves_the_list_alone() {
    let mut proxy = Proxy::new();
    let bounce = presence("error", TARGET).replace(
        "/>",
        "><error type='cancel'><remote-server-not-found \
         xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>",
    );
    told(&mut proxy, &bounce);
    assert_eq!(proxy.online().len(), 2);
    proxy.still_serves();
    // An error from a client says nothing about the subscription.
    let client = presence("error", &format!("{TARGET}/a"));
    proxy.silent(client, Presence.outward(), Reason::PresenceIgnored);
    // Before it was ever granted, it is the cause in the errors to users.
    let mut fresh = Proxy::connected(settings());
    told(&mut fresh, &bounce);
    let text = nobody(&mut fresh, Reason::NeverSubscribed);
    assert!(text.contains("remote-server-not-found"), "{text}");
}

#[test]
fn a_condition_that_no_rfc_knows_is_not_repeated_to_users() {
    for name in ["x".repeat(100_000), "a.b-c_é".into()] {
        let mut fresh = Proxy::connected(settings());
        let bounce = presence("error", TARGET)
            .replace("/>", &format!("><error><{name} xmlns='urn:x'/></error></presence>"));
        told(&mut fresh, &bounce);
        let text = nobody(&mut fresh, Reason::NeverSubscribed);
        assert!(text.contains("undefined-condition") && text.len() < 200, "{} bytes", text.len());
    }
}

#[test]
fn denied_empties_the_list() {
    let mut proxy = Proxy::new();
    told(&mut proxy, &presence("unsubscribed", TARGET));
    assert!(proxy.online().is_empty());
    let text = nobody(&mut proxy, Reason::SubscriptionDenied);
    assert!(text.contains("denied"), "{text}");
    proxy.exchange(presence("subscribed", TARGET));
    told(&mut proxy, &presence("", &format!("{TARGET}/a")));
    proxy.still_serves();
}

#[test]
fn a_hundred_flaps_a_second_are_followed() {
    let mut proxy = Proxy::new();
    for n in 0..100 {
        told(&mut proxy, &presence("unavailable", &format!("{TARGET}/a")));
        told(&mut proxy, &presence("", &format!("{TARGET}/a")));
        proxy.now = proxy.now.plus(Duration::from_millis(10));
        if n % 10 == 0 {
            proxy.still_serves();
        }
    }
    assert_eq!(proxy.online().len(), 2);
}

#[test]
fn who_claims_to_be_the_target_is_not() {
    let mut proxy = Proxy::new();
    let cyrillic = "servicе@some.example/a";
    for from in [
        USER,
        "some.example",
        "service@some.example.org/a",
        cyrillic,
        "xservice@some.example/a",
        "service@some.example@x/a",
        "service",
    ] {
        for type_ in ["", "unavailable", "subscribed", "unsubscribed", "probe", "error"] {
            proxy.silent(presence(type_, from), Presence.inward(), Reason::PresenceIgnored);
        }
    }
    assert_eq!(proxy.online().len(), 2);
    assert_eq!(proxy.translator().presence().subscription(), &Subscription::Subscribed);
    // To a node of our domain even the target's presence has no effect.
    let node = presence("unavailable", TARGET).replace("to='", "to='n@");
    proxy.silent(node, Presence.outward(), Reason::PresenceIgnored);
}

#[test]
fn with_nobody_online_the_cause_is_told_and_the_bare_address_left_alone() {
    let mut proxy = Proxy::connected(settings());
    let mut texts = vec![nobody(&mut proxy, Reason::SubscriptionPending)];
    let failed = "<error><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    told(&mut proxy, &presence("error", TARGET).replace("/>", &format!(">{failed}</presence>")));
    texts.push(nobody(&mut proxy, Reason::NeverSubscribed));
    told(&mut proxy, &presence("unsubscribed", TARGET));
    texts.push(nobody(&mut proxy, Reason::SubscriptionDenied));
    // After a denial an unrequested consent leads to a new request.
    let said = proxy.exchange(presence("subscribed", TARGET));
    assert_eq!(oracle::attribute(&said.out[0], "type").unwrap(), "subscribe");
    let said = proxy.exchange(presence("subscribed", TARGET));
    assert_eq!(oracle::attribute(&said.out[0], "type").unwrap(), "probe");
    texts.push(nobody(&mut proxy, Reason::Offline));
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), 4, "{texts:?}");
    told(&mut proxy, &presence("", &format!("{TARGET}/a")));
    proxy.still_serves();
}

#[test]
fn odd_presence_of_the_target_is_read_as_far_as_it_can_be() {
    let mut proxy = Proxy::new();
    for payload in [
        "<show>nonsense</show>",
        "<show/>",
        "<priority>-128</priority>",
        "<priority>100000</priority><priority>x</priority>",
        "<show><show>dnd</show></show>",
        "<x xmlns='urn:x'><show>dnd</show></x>",
        "<p:undeclared/>",
        &"<status>x</status>".repeat(1000),
    ] {
        let from = format!("{TARGET}/a");
        told(&mut proxy, &presence("", &from).replace("/>", &format!(">{payload}</presence>")));
        assert!(proxy.translator().presence().resources.iter().all(|r| !r.dnd), "{payload}");
        proxy.still_serves();
    }
    proxy.silent(
        presence("weird", &format!("{TARGET}/a")),
        Presence.outward(),
        Reason::PresenceIgnored,
    );
    // Presence that is too large to be read still shows that the resource is online.
    let large = presence("", &format!("{TARGET}/c"));
    let status = "x".repeat(600_000);
    told(&mut proxy, &large.replace("/>", &format!("><status>{status}</status></presence>")));
    assert_eq!(proxy.online().len(), 3);
    proxy.still_serves();
}

#[test]
fn one_who_drains_gets_nothing_new() {
    let mut proxy = Proxy::new();
    for show in ["dnd", " dnd\n", "<![CDATA[dnd]]>", "d&#110;d"] {
        let from = format!("{TARGET}/a");
        let dnd = presence("", &from).replace("/>", &format!("><show>{show}</show></presence>"));
        told(&mut proxy, &dnd);
        for _ in 0..20 {
            let forwarded = proxy.forwarded(&get(USER, "proxy.example", "7"));
            assert_eq!(forwarded.to, format!("{TARGET}/b"), "{show}");
        }
        told(&mut proxy, &presence("", &from));
    }
    proxy.still_serves();
}
