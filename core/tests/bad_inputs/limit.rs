//! A limit for each asker: a flood costs its sender, and nobody else.

use std::time::Duration;

use core_tests::oracle;
use core_tests::twin::{PING, Proxy, TARGET, USER, both_ways, get, settings};
use jat_core::jat::access::{Access, Pattern, Senders};
use jat_core::jat::limit::{ASKERS, Limit, Rate};
use jat_core::jat::reason::Reason;
use jat_core::jat::settings::Settings;
use jat_core::jat::traffic::Class::{Message, Presence, Reply, Request};
use jat_core::jat::traffic::{Traffic, USER_REQUEST};

const FLOOD: &str = "flood@some-domain.example/r";
const FROM_FLOOD: &str = "from='flood@some-domain.example/r' to='proxy.example'";

fn limited(settings: Settings, rate: &str, burst: u32) -> Settings {
    Settings { limit: Some(Limit { rate: Rate::parse(rate).unwrap(), burst }), ..settings }
}

fn strict() -> Settings {
    limited(settings(), "1/h", 2)
}

/// How the stanza is counted.
fn counted(proxy: &mut Proxy, stanza: &str) -> (Traffic, Reason) {
    let said = proxy.exchange(stanza);
    let [(traffic, reason, 1)] = said.counted[..] else { panic!("{stanza}: {said:?}") };
    (traffic, reason)
}

/// Requests until one is refused.
fn use_up(proxy: &mut Proxy, from: &str) {
    for _ in 0..2 {
        proxy.forwarded(&get(from, "proxy.example", "7"));
    }
    let refused = (USER_REQUEST, Reason::OverRate);
    assert_eq!(counted(proxy, &get(from, "proxy.example", "7")), refused);
}

const TEXT: &str = "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>Your address \
                    has sent too much within a short time: try again later.</text>";

/// The error by which a stanza of this kind is refused.
fn error(name: &str) -> String {
    format!(
        "<{name} type='error' id='7' to='{FLOOD}' from='proxy.example'>\
         <error type='wait' by='proxy.example'>\
         <policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>{TEXT}</error></{name}>"
    )
}

#[test]
fn what_is_over_is_answered_and_others_are_served() {
    let mut proxy = Proxy::with(strict());
    use_up(&mut proxy, FLOOD);
    let said = proxy.exchange(get(FLOOD, "proxy.example", "7"));
    assert_eq!(said.out, [error("iq")]);
    // Whatever else is wrong with the request, and whatever its address.
    for request in [
        format!("<iq type='get' id='7' {FROM_FLOOD}/>"),
        format!("<iq type='weird' id='7' {FROM_FLOOD}>{PING}</iq>"),
        format!("<iq type='get' id='7' {FROM_FLOOD}><p:q/></iq>"),
        format!(
            "<iq type='get' id='7' {FROM_FLOOD}>{}</iq>",
            "<x>".repeat(200) + &"</x>".repeat(200)
        ),
    ] {
        let said = proxy.exchange(&request);
        assert_eq!(said.counted, [(USER_REQUEST, Reason::OverRate, 1)], "{request}");
        assert_eq!(said.out, [error("iq")]);
    }
    let said = proxy.exchange(format!("<message id='7' {FROM_FLOOD}><body>hi</body></message>"));
    assert_eq!(said.counted, [(Message.inward(), Reason::OverRate, 1)]);
    assert_eq!(said.out, [error("message")]);
    // As everybody's subscription is, where presence is not relayed.
    let said = proxy.exchange(format!("<presence type='subscribe' {FROM_FLOOD}/>"));
    assert_eq!(said.counted, [(Presence.inward(), Reason::OverRate, 1)]);
    let answer = format!("<presence type='unsubscribed' to='{FLOOD}' from='proxy.example'/>");
    assert_eq!(said.out, [answer]);
    // Replies and errors do not count.
    proxy.silent_only(
        format!("<message type='error' {FROM_FLOOD}/>"),
        Message.inward(),
        Reason::ErrorIgnored,
    );
    let ignored = (Presence.inward(), Reason::PresenceIgnored);
    assert_eq!(counted(&mut proxy, &format!("<presence {FROM_FLOOD}/>")), ignored);
    proxy.still_serves();
}

#[test]
fn no_spelling_and_no_other_resource_gets_past() {
    let mut proxy = Proxy::with(strict());
    use_up(&mut proxy, FLOOD);
    for from in [
        "flood@some-domain.example",
        "flood@some-domain.example/other",
        "FLOOD@Some-Domain.example./r",
        "ｆlood@some-domain.example/r",
    ] {
        let refused = (USER_REQUEST, Reason::OverRate);
        assert_eq!(counted(&mut proxy, &get(from, "node@proxy.example/x", "7")), refused, "{from}");
    }
    proxy.still_serves();
}

#[test]
fn time_gives_the_rate_back() {
    let mut proxy = Proxy::with(limited(settings(), "1/min", 2));
    use_up(&mut proxy, FLOOD);
    proxy.after(Duration::from_secs(60));
    let refused = (USER_REQUEST, Reason::OverRate);
    proxy.forwarded(&get(FLOOD, "proxy.example", "7"));
    assert_eq!(counted(&mut proxy, &get(FLOOD, "proxy.example", "7")), refused);
}

/// Replies have to be relayed, and the target serves everybody.
#[test]
fn replies_and_the_target_are_not_limited() {
    let mut proxy = Proxy::with(strict());
    for from in [FLOOD, USER] {
        let asked = proxy.forwarded(&get(from, "proxy.example", "7"));
        (0..9).for_each(|_| drop(proxy.reverted(&asked.result())));
    }
    let by_target = get(&format!("{TARGET}/a"), "proxy.example", "7");
    (0..9).for_each(|_| drop(proxy.forwarded(&by_target)));
    let bounce = format!("<message id='7' from='{TARGET}/a' to='proxy.example'><body/></message>");
    for _ in 0..9 {
        let reason = counted(&mut proxy, &bounce).1;
        assert!(matches!(reason, Reason::MessageRefused | Reason::Throttled), "{reason:?}");
    }
    for _ in 0..9 {
        let online = format!("<presence to='proxy.example' from='{TARGET}/a'/>");
        assert_eq!(counted(&mut proxy, &online).1, Reason::PresenceUsed);
    }
}

#[test]
fn both_ways_everything_of_the_asker_counts_but_errors_and_replies() {
    let mut proxy = Proxy::with(limited(both_ways(), "1/h", 3));
    let message = format!("<message id='7' {FROM_FLOOD}><body>hi</body></message>");
    let said = proxy.exchange(&message);
    assert_eq!(said.counted, [(Message.inward(), Reason::Relayed, 1)]);
    let address = |name| oracle::attribute(&said.out[0], name).unwrap();
    let (peer, mirror) = (address("to"), address("from"));
    let subscribe = format!("<presence type='subscribe' {FROM_FLOOD}/>");
    assert_eq!(counted(&mut proxy, &subscribe), (Presence.inward(), Reason::Relayed));
    // The target asks the user, who replies, again and again.
    let ask = format!("<iq type='get' id='v' to='{mirror}' from='{peer}'>{PING}</iq>");
    let said = proxy.exchange(&ask);
    let alias = oracle::attribute(&said.out[0], "from").unwrap();
    let reply = format!("<iq type='result' id='v' to='{alias}' from='{FLOOD}'/>");
    for _ in 0..9 {
        assert_eq!(counted(&mut proxy, &reply), (Reply.inward(), Reason::Relayed));
        let bounced = format!("<message type='error' id='7' to='{alias}' from='{FLOOD}'/>");
        assert_eq!(counted(&mut proxy, &bounced), (Message.inward(), Reason::RelayedError));
        assert_eq!(counted(&mut proxy, &ask), (Request.outward(), Reason::Relayed));
        let answer = format!("<message to='{mirror}' from='{peer}'><body>x</body></message>");
        assert_eq!(counted(&mut proxy, &answer), (Message.outward(), Reason::Relayed));
    }
    proxy.forwarded(&get(FLOOD, "proxy.example", "7"));

    // That was the third.
    assert_eq!(proxy.exchange(&message).out, [error("message")]);
    assert_eq!(proxy.exchange(get(FLOOD, "proxy.example", "7")).out, [error("iq")]);
    for type_ in ["", "type='subscribe'", "type='probe'", "type='unavailable'"] {
        // A subscription over the limit is not answered with an error.
        let presence = format!("<presence {type_} {FROM_FLOOD}/>");
        proxy.silent_only(presence, Presence.inward(), Reason::OverRate);
    }
    proxy.still_serves();
}

#[test]
fn who_may_not_ask_is_told_so_and_has_no_place_in_the_table() {
    let deny = Senders::new([Pattern::new("flood@some-domain.example").unwrap()]);
    let access = Access { deny: deny.into(), ..Access::default() };
    let mut proxy = Proxy::with(Settings { access, ..strict() });
    for _ in 0..9 {
        let forbidden = (USER_REQUEST, Reason::Forbidden);
        assert_eq!(counted(&mut proxy, &get(FLOOD, "proxy.example", "7")), forbidden);
    }
    proxy.reconfigure(&strict());
    use_up(&mut proxy, FLOOD);
}

/// Errors to one sender are limited too; beyond that limit there is none.
#[test]
fn a_flood_does_not_become_a_flood_of_errors() {
    let mut proxy = Proxy::with(strict());
    use_up(&mut proxy, FLOOD);
    let said = proxy.exchange(get(FLOOD, "proxy.example", "7").repeat(500));
    let counts = [(USER_REQUEST, Reason::OverRate, 199), (USER_REQUEST, Reason::Throttled, 301)];
    assert_eq!((said.out.len(), &said.counted[..]), (199, &counts[..]));
    proxy.still_serves();
}

/// Changing senders fill the table, whose size does not change; all of them are served, and a
/// sender that has used up the limit stays limited.
#[test]
fn a_crowd_locks_nobody_out_and_sets_nobody_free() {
    let mut proxy = Proxy::with(strict());
    use_up(&mut proxy, FLOOD);
    let crowd = 3 * ASKERS as u64;
    for begin in (0..crowd).step_by(1024) {
        let ask = |n| get(&format!("u{n}@crowd.example/r"), "proxy.example", "7");
        let requests: String = (begin..begin + 1024).map(ask).collect();
        let said = proxy.exchange_whole(requests.as_bytes());
        assert_eq!(said.counted, [(USER_REQUEST, Reason::Relayed, 1024)]);
    }
    let said = proxy.exchange_whole(get(FLOOD, "proxy.example", "7").as_bytes());
    assert_eq!(said.counted, [(USER_REQUEST, Reason::OverRate, 1)]);
    let said = proxy.exchange_whole(get(USER, "proxy.example", "7").as_bytes());
    assert_eq!(said.counted, [(USER_REQUEST, Reason::Relayed, 1)]);
}

#[test]
fn a_reload_keeps_what_was_sent_unless_the_limit_is_another() {
    let mut proxy = Proxy::with(strict());
    use_up(&mut proxy, FLOOD);
    let refused = (USER_REQUEST, Reason::OverRate);
    let ask = get(FLOOD, "proxy.example", "7");
    proxy.reconfigure(&Settings { reply_ttl: 7, ..strict() });
    assert_eq!(counted(&mut proxy, &ask), refused);
    // With the new limit nobody has to wait for the old one's pause of an hour.
    for settings in [limited(settings(), "1/s", 2), strict(), limited(settings(), "1/h", 3)] {
        proxy.reconfigure(&settings);
        proxy.forwarded(&ask);
        proxy.forwarded(&ask);
    }
    proxy.forwarded(&ask);
    assert_eq!(counted(&mut proxy, &ask), refused);
    proxy.reconfigure(&settings());
    (0..9).for_each(|_| drop(proxy.forwarded(&ask)));
}
