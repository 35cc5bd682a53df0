//! Programs that answer each of our errors with something new.

use std::time::Duration;

use core_tests::said::Said;
use core_tests::twin::{PING, Proxy, USER, get};
use jat_core::jat::reason::Reason;
use jat_core::jat::traffic::Class::{Message, Presence};
use jat_core::jat::traffic::{Traffic, USER_REQUEST};

/// How often a sender that repeats `stanza` after each answer is answered within 3 s.
fn rounds(proxy: &mut Proxy, stanza: &str) -> usize {
    let answers = |said: &Said| said.out.iter().filter(|it| it.contains(" to='loop@")).count();
    let mut rounds = 0;
    // A withheld answer ends the loop, but a program may also repeat its stanza every 10 ms.
    for pause in std::iter::once(0).chain(std::iter::repeat_n(10, 299)) {
        proxy.after(Duration::from_millis(pause));
        while answers(&proxy.exchange(stanza)) > 0 {
            rounds += 1;
            assert!(rounds < 1_000, "it goes on for ever");
        }
    }
    rounds
}

#[test]
fn a_loop_is_slow_and_others_are_served_meanwhile() {
    let from = "from='loop@some-domain.example/bot' to='proxy.example'";
    let withheld = |proxy: &mut Proxy, stanza: &str, traffic: Traffic| {
        let said = proxy.exchange(stanza);
        assert_eq!(said.counted, [(traffic, Reason::Throttled, 1)], "{stanza}");
        assert_eq!(said.out, Vec::<String>::new());
    };
    for (stanza, traffic, most) in [
        (format!("<message id='l' {from}><body>what?</body></message>"), Message.inward(), 8),
        (format!("<presence type='subscribe' {from}/>"), Presence.inward(), 8),
        (format!("<iq type='get' id='l' {from}>{PING}{PING}</iq>"), USER_REQUEST, 260),
    ] {
        let mut proxy = Proxy::new();
        let rounds = rounds(&mut proxy, &stanza);
        assert!((most - 3..=most).contains(&rounds), "{rounds} rounds of {stanza}");
        withheld(&mut proxy, &stanza, traffic);
        // Its own requests are served, too.
        proxy.still_serves();
        proxy.forwarded(&get("loop@some-domain.example/bot", "proxy.example", "7"));
        let other = stanza.replace("loop@", "honest@");
        assert_eq!(proxy.exchange(&other).out.len(), 1);
        // It is answered again once it has paused.
        proxy.after(Duration::from_secs(1));
        assert_eq!(proxy.exchange(&stanza).out.len(), 1);
    }
}

#[test]
fn each_of_many_requests_in_flight_is_answered_while_nobody_is_online() {
    let mut proxy = Proxy::connected(core_tests::twin::settings());
    for _ in 0..3 {
        let burst: String = (0..100).map(|n| get(USER, "proxy.example", &n.to_string())).collect();
        let said = proxy.exchange(&burst);
        assert_eq!(said.counted, [(USER_REQUEST, Reason::SubscriptionPending, 100)]);
        proxy.after(Duration::from_secs(5));
    }
}
