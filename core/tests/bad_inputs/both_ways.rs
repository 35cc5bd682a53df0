//! What users and the target can do to each other, and to themselves, where everything is relayed.

use std::time::Duration;

use core_tests::oracle;
use core_tests::said::Said;
use core_tests::twin::{PING, Proxy, TARGET, USER, both_ways};
use core_tests::xml::escaped;
use jat_core::jat::address::Address;
use jat_core::jat::reason::Reason;
use jat_core::jat::traffic::Class::{Message, Presence, Request};

fn message(to: &str, from: &str, content: &str) -> String {
    format!("<message id='7' to='{to}' from='{from}'>{content}</message>")
}

/// The mirror of somebody for the component's domain.
pub fn mirror(proxy: &mut Proxy, user: &str) -> String {
    let said = proxy.exchange(message("proxy.example", &escaped(user), ""));
    oracle::attribute(&said.out[0], "from").unwrap()
}

pub fn addresses(xml: &str) -> [String; 2] {
    ["to", "from"].map(|name| oracle::attribute(xml, name).unwrap_or_default())
}

/// Every kind and type of stanza, from everybody to everything.
#[test]
fn no_stanza_has_a_forbidden_effect() {
    let mut proxy = Proxy::with(both_ways());
    let user = mirror(&mut proxy, USER);
    let signed = user.split('/').next().unwrap().to_owned();
    let said = proxy.exchange(message(&user, &format!("{TARGET}/a"), ""));
    let [_, alias] = addresses(&said.out[0]);
    let asked = proxy.forwarded(&core_tests::twin::get(USER, "proxy.example", "7"));
    let own = "service\\40some.example@proxy.example";
    let senders = [
        USER,
        "user@some-domain.example",
        "some-domain.example",
        TARGET,
        &format!("{TARGET}/a"),
        "SERVICE@Some.Example/new",
        "some.example",
        "proxy.example/x",
        "x@proxy.example",
        &user,
        "@x",
        "",
    ];
    let places = [
        "proxy.example",
        "proxy.example/x",
        "helper@PROXY.example",
        &alias,
        &user,
        &signed,
        &asked.from,
        own,
        "x\\40proxy.example@proxy.example/r",
        "user\\40some-domain.example@proxy.example/abc",
        "\\40@proxy.example",
        "@proxy.example",
        "proxy.example/",
        "other.example",
        "a@b@proxy.example",
    ];
    let ids = ["", " id='7'", &format!(" id='{}'", asked.id)];
    let kinds = [("iq", ["get", "set", "result", "error", "weird"])]
        .into_iter()
        .chain([("message", ["chat", "groupchat", "headline", "error", ""])])
        .chain([("presence", ["subscribe", "unsubscribed", "probe", "error", "unavailable"])]);
    let kinds: Vec<_> = kinds.flat_map(|(name, types)| types.map(|type_| (name, type_))).collect();
    let mut stanzas = 0;
    for (name, type_) in kinds {
        // The target may leave, and comes back.
        let mut proxy = Proxy::with(both_ways());
        for from in senders {
            for to in places {
                for id in ids {
                    let type_ =
                        if type_.is_empty() { String::new() } else { format!(" type='{type_}'") };
                    let stanza =
                        format!("<{name}{type_}{id} to='{to}' from='{from}'>{PING}</{name}>");
                    judge(&stanza, from, &proxy.exchange(&stanza));
                    stanzas += 1;
                }
            }
            proxy.after(Duration::from_secs(60));
            let at = format!("to='proxy.example' from='{TARGET}");
            proxy.exchange(format!("<presence type='subscribed' {at}'/><presence {at}/a'/>"));
        }
        proxy.still_serves();
    }
    assert_eq!(stanzas, 15 * senders.len() * places.len() * ids.len());
}

/// Checks the effects that any stanza may have.
fn judge(stanza: &str, from: &str, said: &Said) {
    assert_eq!(said.ended, None, "{stanza}");
    let [(_, reason, 1)] = said.counted[..] else { panic!("{stanza}: {said:?}") };
    let is_target = |address: &str| Address::new(address).is_bare(TARGET);
    for xml in &said.out {
        let [to, out_from] = addresses(xml);
        if reason == Reason::PresenceUsed {
            assert!(is_target(&to), "{stanza}: {xml}");
            continue;
        }
        let shown = format!("{stanza}\n{reason:?}\n{xml}");
        assert!(Address::new(&out_from).is_at("proxy.example"), "in whose name? {shown}");
        assert!(!Address::new(&to).is_at("proxy.example"), "it would come back: {shown}");
        let answered = xml.contains(" by='proxy.example'") || !reason.is_relay();
        if answered {
            assert_eq!(Address::new(&to).bare(), Address::new(from).bare(), "{shown}");
            assert!(!stanza.contains("type='error'"), "an error is answered: {shown}");
            assert!(!stanza.contains("type='result'"), "a result is answered: {shown}");
        } else if !is_target(from) {
            assert!(is_target(&to), "{shown}");
        }
        if !is_target(&to) {
            assert!(!xml.to_lowercase().contains(TARGET), "it names the target: {shown}");
        }
    }
    // To the target's subscription, and with our own presence.
    let most = if reason == Reason::PresenceUsed { 2 } else { 1 };
    assert!(said.out.len() <= most, "{stanza}: {said:?}");
}

#[test]
fn the_target_does_not_reach_itself() {
    let mut proxy = Proxy::with(both_ways());
    let peer = format!("{TARGET}/a");
    for to in [
        "service\\40some.example@proxy.example",
        "SERVICE\\40Some.Example\\2fhelper@proxy.example/a",
        "proxy.example",
        "helper@proxy.example",
        "x\\40proxy.example@proxy.example",
        "\\40proxy.example\\2fhelper@proxy.example/r",
    ] {
        let reason = if to.contains("\\40") { Reason::OwnMirror } else { Reason::OwnFace };
        let head = format!("<message type='error' id='7' to='{peer}' from='{to}'>");
        proxy.refused(
            &message(to, &peer, "<body>x</body>"),
            &head,
            "not-allowed",
            Message.outward(),
            reason,
        );
        let error = format!("<message type='error' to='{to}' from='{peer}'/>");
        proxy.silent(error, Message.outward(), reason);
        proxy.after(Duration::from_secs(60));
    }
    // As a user of its own service it may ask, and is answered.
    let request = format!("<iq type='get' id='7' to='proxy.example' from='{peer}'>{PING}</iq>");
    let asked = proxy.forwarded(&request);
    let reverted = proxy.reverted(&asked.result());
    assert_eq!(
        reverted,
        format!("<iq type='result' id='7' to='{peer}' from='proxy.example'></iq>")
    );
}

#[test]
fn unknown_types() {
    let mut proxy = Proxy::with(both_ways());
    for type_ in ["weird", "CHAT", "", "error ", "&#10;", "😀"] {
        // RFC 6121 section 5.2.2: as a normal one.
        let said = proxy.exchange(format!(
            "<message type='{type_}' to='proxy.example' from='{USER}'><body>x</body></message>"
        ));
        assert_eq!(said.counted, [(Message.inward(), Reason::Relayed, 1)], "{type_:?}");
        let presence = format!("<presence type='{type_}' to='proxy.example' from='{USER}'/>");
        proxy.silent(presence, Presence.inward(), Reason::PresenceIgnored);
    }
    let mirror = mirror(&mut proxy, USER);
    let presence = format!("<presence type='weird' to='{mirror}' from='{TARGET}/a'/>");
    proxy.silent(presence, Presence.outward(), Reason::PresenceIgnored);
    let head = format!("<iq type='error' id='7' to='{TARGET}/a' from='{mirror}'>");
    for type_ in ["weird", "GET", ""] {
        let request =
            format!("<iq type='{type_}' id='7' to='{mirror}' from='{TARGET}/a'>{PING}</iq>");
        proxy.refused(&request, &head, "bad-request", Request.outward(), Reason::BadType);
    }
}

/// Ten thousand subscribers get the target's presence, and so many users write, probe and come.
#[test]
fn floods_pass_in_bounded_memory() {
    let mut proxy = Proxy::with(both_ways());
    let mirror = mirror(&mut proxy, USER);
    let bare = mirror.split('/').next().unwrap();
    let to_all = format!("<presence to='{bare}' from='{TARGET}/a'><show>away</show></presence>");
    let from_all =
        |n: usize| format!("<presence to='helper@proxy.example' from='u{n}@a.example/r'/>");
    for (round, stanza) in (0..10_000).map(|n| (n, from_all(n))) {
        let flood = [to_all.as_str(), &stanza].concat();
        proxy.feed_in_pieces(flood.as_bytes(), 4_096);
        if round % 1_000 == 0 {
            let held = proxy.session().output().len() + proxy.session().input().capacity();
            assert!(held < 1 << 20, "{held} bytes after {round}");
        }
    }
    assert_eq!(proxy.online().len(), 2);
    for (stanza, traffic) in [(to_all, Presence.outward()), (from_all(0), Presence.inward())] {
        let said = proxy.exchange(stanza);
        assert_eq!(said.counted, [(traffic, Reason::Relayed, 1)]);
    }
}

/// If it answers each of our errors with another stanza, it gets fewer errors.
#[test]
fn the_target_that_answers_errors_is_slowed_down() {
    let mut proxy = Proxy::with(both_ways());
    let stanza = message("x\\40@proxy.example", &format!("{TARGET}/a"), "<body>what?</body>");
    let mut answered = 0;
    while !proxy.exchange(&stanza).out.is_empty() {
        answered += 1;
        assert!(answered < 1_000, "it goes on for ever");
    }
    let said = proxy.exchange(&stanza);
    assert_eq!(said.counted, [(Message.outward(), Reason::Throttled, 1)]);
    // Its messages to users, and theirs to it, are still relayed.
    let mirror = mirror(&mut proxy, USER);
    let said = proxy.exchange(message(&mirror, &format!("{TARGET}/a"), ""));
    assert_eq!(said.counted, [(Message.outward(), Reason::Relayed, 1)]);
    proxy.still_serves();
}

/// Stanzas over the limit, or only with the longer addresses; payloads that may not be sent on.
#[test]
fn what_may_not_be_sent_on_is_refused_where_it_comes_from() {
    let mut proxy = Proxy::with(both_ways());
    let mirror = mirror(&mut proxy, USER);
    let peer = format!("{TARGET}/a");
    let said = proxy.exchange(message(&mirror, &peer, ""));
    let [_, alias] = addresses(&said.out[0]);
    let large = |size: usize| format!("<body>{}</body>", "x".repeat(size));
    let nearly = |to: &str, from: &str| 500_000 - message(to, from, &large(0)).len();
    for (to, from, traffic) in
        [("proxy.example", USER, Message.inward()), (&*mirror, &*peer, Message.outward())]
    {
        for (content, reason) in [
            (large(500_000), Reason::OverLimit),
            (large(nearly(to, from)), Reason::OverLimit),
            ("<x:y/>".to_owned(), Reason::BadNamespace),
            ("<x>".repeat(200) + &"</x>".repeat(200), Reason::OverLimit),
        ] {
            let stanza = message(to, from, &content);
            let said = proxy.exchange_whole(stanza.as_bytes());
            // In the target's own stanzas the new addresses are shorter.
            if traffic == Message.outward() && stanza.len() == 500_000 {
                assert_eq!(said.counted, [(traffic, Reason::Relayed, 1)]);
                continue;
            }
            assert_eq!(said.counted, [(traffic, reason, 1)], "{} bytes", stanza.len());
            let [answer] = &said.out[..] else { panic!("{} answers", said.out.len()) };
            assert_eq!(addresses(answer), [from, to]);
            let error = stanza.replacen("<message", "<message type='error'", 1);
            let said = proxy.exchange_whole(error.as_bytes());
            assert!(said.out.iter().all(|xml| !xml.contains(" by='")), "an error is answered");
        }
    }
    // Presence is never answered; a user's reply becomes an error for the resource that asked.
    for content in ["<x:y/>", &large(500_000)] {
        let stanza = format!("<presence to='proxy.example' from='{USER}'>{content}</presence>");
        let said = proxy.exchange_whole(stanza.as_bytes());
        assert!(said.out.is_empty() && said.counted[0].1.is_refusal(), "{:?}", said.counted);
        let reply = format!("<iq type='result' id='7' to='{alias}' from='{USER}'>{content}</iq>");
        let said = proxy.exchange_whole(reply.as_bytes());
        let [answer] = &said.out[..] else { panic!("{:?}", said.counted) };
        let [to, _] = addresses(answer);
        assert_eq!(to, peer, "{:?}", said.counted);
        assert!(answer.contains("type='error'") && answer.contains(" id='7'"), "{answer}");
    }
}

/// The self-test's echoes, the query for the time and the list of resources stay the same.
#[test]
fn what_is_for_us_is_not_relayed() {
    let mut proxy = Proxy::with(both_ways());
    let said = proxy
        .exchange(format!("<presence type='unavailable' to='proxy.example' from='{TARGET}/a'/>"));
    assert_eq!(said.counted, [(Presence.outward(), Reason::PresenceUsed, 1)]);
    assert_eq!(proxy.online(), [format!("{TARGET}/b")]);
    let said =
        proxy.exchange(format!("<presence type='probe' to='proxy.example' from='{TARGET}'/>"));
    assert_eq!(said.counted, [(Presence.outward(), Reason::PresenceUsed, 1)]);
    // Only the target's presence changes the list.
    let said =
        proxy.exchange(format!("<presence type='unavailable' to='proxy.example' from='{USER}'/>"));
    assert_eq!(said.counted, [(Presence.inward(), Reason::Relayed, 1)]);
    assert_eq!(proxy.online(), [format!("{TARGET}/b")]);
}
