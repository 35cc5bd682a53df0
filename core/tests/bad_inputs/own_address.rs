//! The target's own address in what its server writes, in more places than any real server puts it.

use core_tests::twin::{Proxy, TARGET, USER, both_ways};
use jat_core::jat::reason::Reason;
use jat_core::jat::traffic::Class::{Message, Presence};

use super::both_ways::{addresses, mirror};

/// Within the limit as it came, over it with the longer addresses.
#[test]
fn what_becomes_too_large_is_refused() {
    let mut proxy = Proxy::with(both_ways());
    let mirror = mirror(&mut proxy, USER);
    let content = format!("<i j='{TARGET}/a'/>").repeat(14_000);
    let presence = format!("<presence to='{mirror}' from='{TARGET}/a'>{content}</presence>");
    assert!(presence.len() < 500_000);
    let said = proxy.exchange_whole(presence.as_bytes());
    assert_eq!(said.counted, [(Presence.outward(), Reason::OverLimit, 1)]);
    assert_eq!(said.out, [""; 0]);
    let message = format!("<message to='{mirror}' from='{TARGET}'>{content}</message>");
    let said = proxy.exchange_whole(message.as_bytes());
    assert_eq!(said.counted, [(Message.outward(), Reason::OverLimit, 1)]);
    let [answer] = &said.out[..] else { panic!("{} answers", said.out.len()) };
    assert_eq!(addresses(answer), [TARGET, &mirror]);
    proxy.still_serves();
}

#[test]
fn it_is_found_wherever_it_is() {
    let mut proxy = Proxy::with(both_ways());
    let mirror = mirror(&mut proxy, USER);
    let deep = (0..100).map(|n| format!("<d{n} a='{TARGET}/a'>")).collect::<String>()
        + &(0..100).rev().map(|n| format!("</d{n}>")).collect::<String>();
    let wide = (0..1_000).map(|n| format!(" a{n}='SERVICE@some.example/{n}'")).collect::<String>();
    let prefixes = (0..60).map(|n| format!(" xmlns:p{n}='urn:xmpp:delay'")).collect::<String>();
    let delays = (0..60).map(|n| format!("<p{n}:delay from='service&#64;x'/>")).collect::<String>();
    for content in [
        deep,
        format!("<x{wide}/>"),
        format!("<x{prefixes}>{delays}</x>"),
        format!("<x a='service&#64;some&#x2e;example'/><x a=\"{TARGET}/&lt;&#39;\"/>"),
        format!("<![CDATA[<x a='']]><x a='{TARGET}'/>"),
        format!("<x a='{TARGET}./b'/>"),
    ] {
        let presence = format!("<presence to='{mirror}' from='{TARGET}/a'>{content}</presence>");
        let said = proxy.exchange(&presence);
        assert_eq!(said.counted, [(Presence.outward(), Reason::Scrubbed, 1)], "{content}");
        let [out] = &said.out[..] else { panic!("{said:?}") };
        let lower = out.to_lowercase();
        assert!(!lower.contains("service@") && !lower.contains("service&#64;"), "{out}");
    }
    proxy.still_serves();
}

/// What a resource of the target writes is not changed, nor is text.
#[test]
fn what_the_target_says_of_itself_stays() {
    let mut proxy = Proxy::with(both_ways());
    let mirror = mirror(&mut proxy, USER);
    let content = format!("<x a='{TARGET}/a'>{TARGET}</x>");
    let message = format!("<message to='{mirror}' from='{TARGET}/a'>{content}</message>");
    let said = proxy.exchange(&message);
    assert_eq!(said.counted, [(Message.outward(), Reason::Relayed, 1)]);
    assert!(said.out[0].contains(&content), "{said:?}");
    let status = format!("<status>{TARGET}</status>");
    let presence = format!("<presence to='{mirror}' from='{TARGET}/a'>{status}</presence>");
    let said = proxy.exchange(&presence);
    assert_eq!(said.counted, [(Presence.outward(), Reason::Relayed, 1)]);
    assert!(said.out[0].contains(&status), "{said:?}");
}
