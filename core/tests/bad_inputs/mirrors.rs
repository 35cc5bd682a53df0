//! Mirrors, aliases and faces that somebody made up.

use std::sync::Arc;
use std::time::Duration;

use core_tests::oracle;
use core_tests::session::two_way;
use core_tests::twin::{PING, Proxy, TARGET, USER, both_ways};
use core_tests::xml::escaped;
use data_encoding::BASE32_NOPAD;
use jat_core::jat::reason::Reason;
use jat_core::jat::settings::Settings;
use jat_core::jat::traffic::Class::{Message, Presence, Reply, Request};
use jat_core::jat::traffic::{TARGET_REPLY, Traffic};
use jat_core::jat::two_way::{Faces, TwoWay};

fn message(to: &str, from: &str) -> String {
    format!("<message id='7' to='{}' from='{}'/>", escaped(to), escaped(from))
}

fn peer() -> String {
    format!("{TARGET}/a")
}

/// What is relayed for this stanza, once: its new addresses.
fn relayed(proxy: &mut Proxy, stanza: &str, traffic: Traffic) -> (String, String) {
    let said = proxy.exchange(stanza);
    assert_eq!(said.counted, [(traffic, Reason::Relayed, 1)], "{stanza}: {said:?}");
    let [xml] = &said.out[..] else { panic!("{stanza}: {said:?}") };
    let [to, from] = ["to", "from"].map(|name| oracle::attribute(xml, name).unwrap());
    (to, from)
}

/// The mirror of [`USER`] for the component's domain, which is signed.
fn mirror(proxy: &mut Proxy) -> String {
    relayed(proxy, &message("proxy.example", USER), Message.inward()).1
}

/// The alias of the target's resource that is asked for [`USER`], as an address.
fn alias(proxy: &mut Proxy) -> String {
    let (mirror, peer) = (mirror(proxy), peer());
    relayed(proxy, &message(&mirror, &peer), Message.outward()).1
}

fn error_head(name: &str, to: &str, from: &str) -> String {
    format!("<{name} type='error' id='7' to='{}' from='{}'>", escaped(to), escaped(from))
}

#[test]
fn no_user_writes_to_a_mirror_however_it_is_spelled() {
    let mut proxy = Proxy::with(both_ways());
    let own = mirror(&mut proxy);
    for to in [
        own.as_str(),
        own.split('/').next().unwrap(),
        r"\40\40ovzwk4sa@proxy.example",
        r"x\40@PROXY.example",
        r"x\4\40@proxy.example",
        "x\\\u{ff14}0@proxy.example",
        "\u{ff3c}40@proxy.example/r",
        "x\\4\u{ad}0@proxy.example",
    ] {
        let head = error_head("message", USER, &to.replace("PROXY", "proxy"));
        proxy.refused(
            &message(to, USER),
            &head,
            "item-not-found",
            Message.inward(),
            Reason::FaceReserved,
        );
        let addresses = format!("to='{}' from='{USER}'", escaped(to));
        for (stanza, traffic) in [
            (format!("<message type='error' {addresses}/>"), Message.inward()),
            (format!("<iq type='result' id='7' {addresses}/>"), Reply.inward()),
            (format!("<presence type='subscribe' {addresses}/>"), Presence.inward()),
            (format!("<presence {addresses}/>"), Presence.inward()),
        ] {
            proxy.silent(stanza, traffic, Reason::FaceReserved);
        }
        proxy.after(Duration::from_secs(60));
    }
}

#[test]
fn a_mac_that_was_made_up_opens_nothing() {
    let mut proxy = Proxy::with(both_ways());
    let good = mirror(&mut proxy);
    let (node, rest) = good.split_once('@').unwrap();
    let (user, mac) = node.split_at(node.len() - 16);
    for at in 0..16 {
        let other = if &mac[at..=at] == "a" { "b" } else { "a" };
        let forged = [user, &mac[..at], other, &mac[at + 1..], "@", rest].concat();
        let head = error_head("message", &peer(), &forged);
        proxy.refused(
            &message(&forged, &peer()),
            &head,
            "forbidden",
            Message.outward(),
            Reason::MirrorSignature,
        );
        // Errors to one sender are limited.
        proxy.after(Duration::from_secs(60));
    }
    // These are no mirrors: no MAC has such a length or such letters.
    for mac in
        ["", &mac[1..], &format!("a{mac}"), &format!("1{}", &mac[1..]), &mac.replace('a', "A")]
    {
        let forged = [user, mac, "@", rest].concat();
        if forged.eq_ignore_ascii_case(&good) {
            continue;
        }
        let head = error_head("message", &peer(), &forged);
        proxy.refused(
            &message(&forged, &peer()),
            &head,
            "item-not-found",
            Message.outward(),
            Reason::MirrorMalformed,
        );
        proxy.after(Duration::from_secs(60));
    }
    // Another user in front of a good MAC, and another face behind the user.
    for forged in [good.replacen("user", "user2", 1), good.replacen(r"\2f\2f", r"\2fx\2f", 1)] {
        let said = proxy.exchange(message(&forged, &peer()));
        assert_eq!(said.counted, [(Message.outward(), Reason::MirrorSignature, 1)], "{forged}");
        proxy.after(Duration::from_secs(60));
    }
    let (to, _) = relayed(&mut proxy, &message(&good, &peer()), Message.outward());
    assert_eq!(to, USER);
}

#[test]
fn an_alias_that_was_made_up_names_no_resource() {
    let mut proxy = Proxy::with(both_ways());
    let good = alias(&mut proxy);
    let (face, text) = good.split_once('/').unwrap();
    let result =
        |to: &str| format!("<iq type='result' id='7' to='{}' from='{USER}'/>", escaped(to));
    let (to, _) = relayed(&mut proxy, &result(&good), Reply.inward());
    assert_eq!(to, peer());
    let asked = proxy.forwarded(&core_tests::twin::get(USER, "proxy.example", "7"));
    let mut forged: Vec<String> = (0..text.len())
        .map(|at| {
            let other = if &text[at..=at] == "a" { "b" } else { "a" };
            [&text[..at], other, &text[at + 1..]].concat()
        })
        .collect();
    forged.extend([
        text[1..].to_owned(),
        text[..text.len() - 1].to_owned(),
        format!("{text}a"),
        format!("{text}="),
        text.to_uppercase(),
        "a".repeat(1_023),
        // A token is not an alias.
        asked.id,
    ]);
    for text in forged {
        let to = format!("{face}/{text}");
        proxy.silent(result(&to), Reply.inward(), Reason::NoAlias);
        let error = format!("<message type='error' to='{to}' from='{USER}'/>");
        proxy.silent(error, Message.inward(), Reason::ErrorUnrouted);
    }
    // It does not open at another face either.
    proxy.silent(result(&format!("x@{good}")), Reply.inward(), Reason::NoAlias);
}

#[test]
fn an_alias_is_no_token() {
    let mut proxy = Proxy::with(both_ways());
    let good = alias(&mut proxy);
    let text = good.split_once('/').unwrap().1;
    let (mirror, peer) = (mirror(&mut proxy), peer());
    for reply in [
        format!("<iq type='result' id='{text}' to='{mirror}' from='{peer}'/>"),
        format!("<iq type='result' id='7' to='proxy.example/{text}' from='{peer}'/>"),
    ] {
        let said = proxy.exchange(&reply);
        assert_eq!(said.out, Vec::<String>::new());
        let [(TARGET_REPLY, reason, 1)] = said.counted[..] else { panic!("{said:?}") };
        assert!(reason.is_refusal(), "{reason:?}");
    }
    proxy.still_serves();
}

/// A user's resource may look like a token, but has no effect there.
#[test]
fn a_token_in_a_mirrors_resource_opens_nothing() {
    let mut proxy = Proxy::with(both_ways());
    let asked = proxy.forwarded(&core_tests::twin::get(USER, "proxy.example", "7"));
    let (bare, _) = asked.from.split_once('/').unwrap();
    let to = format!("{bare}/{}", asked.id);
    proxy.silent(
        format!("<iq type='result' to='{to}' from='{}'/>", asked.to),
        TARGET_REPLY,
        Reason::NoToken,
    );
    proxy.reverted(&asked.result());
}

#[test]
fn what_is_no_mirror_is_refused_and_its_errors_are_not_answered() {
    let mut proxy = Proxy::with(both_ways());
    for node in [
        r"a\5cx\40b",
        r"\40\40ab",
        r"\40\40",
        r"\40",
        r"x\40",
        r"\40\40\40\40",
        r"user\40dom\2fa\2fb",
        r"user\40dom\2fa\40b",
        r"a\40b\40dom",
        r"u\40dom\2f",
        r"u\40\20x",
        r"u\40a\26b",
        r"u\40dom.",
        r"u\40\2f",
        "u\\40dom\\2f\u{307}x",
        &format!("\\40\\40{}", "a".repeat(1_000)),
        &r"\40".repeat(341),
    ] {
        let (to, peer) = (format!("{node}@proxy.example/r"), peer());
        let answered = [
            (message(&to, &peer), "message", Message.outward()),
            (
                format!("<iq type='get' id='7' to='{to}' from='{peer}'>{PING}</iq>"),
                "iq",
                Request.outward(),
            ),
        ];
        for (stanza, name, traffic) in answered {
            let head = error_head(name, &peer, &to);
            proxy.refused(&stanza, &head, "item-not-found", traffic, Reason::MirrorMalformed);
        }
        let addresses = format!("to='{to}' from='{peer}'");
        for (stanza, traffic) in [
            (format!("<message type='error' {addresses}/>"), Message.outward()),
            (format!("<presence {addresses}/>"), Presence.outward()),
            (format!("<presence type='unavailable' {addresses}/>"), Presence.outward()),
        ] {
            proxy.silent(stanza, traffic, Reason::MirrorMalformed);
        }
        proxy.after(Duration::from_secs(60));
    }
}

#[test]
fn nothing_comes_from_a_face_that_nobody_can_have_asked() {
    let none = TwoWay { faces: Faces::default(), ..two_way(&[1]) };
    let mut proxy = Proxy::with(Settings { two_way: Some(Arc::new(none)), ..both_ways() });
    // Of `u@else.example/` and a face that no server takes in `from`.
    for face in ["\u{1f600}", "a\u{5d1}b"] {
        let text = format!("u@else.example/{face}");
        let node = BASE32_NOPAD.encode(text.as_bytes()).to_lowercase();
        let addresses = format!("to='\\40\\40{node}@proxy.example' from='{}'", peer());
        for (stanza, traffic) in [
            (format!("<message type='error' {addresses}/>"), Message.outward()),
            (format!("<presence type='unavailable' {addresses}/>"), Presence.outward()),
            (format!("<presence type='unsubscribed' {addresses}/>"), Presence.outward()),
        ] {
            proxy.silent(stanza, traffic, Reason::NoSuchFace);
        }
    }
}

#[test]
fn every_face_that_a_server_lets_through_comes_back() {
    let mut proxy = Proxy::with(both_ways());
    for (face, normal) in [
        (r"helper\2Fx", r"helper\2fx"),
        (r"\2f", r"\2f"),
        (r"a\2f\2fb", r"a\2f\2fb"),
        (r"a\5c40b", r"a\5c40b"),
        (r"a\", r"a\"),
        (r"\5c", r"\5c"),
        ("\u{307}", "\u{307}"),
        ("אב", "אב"),
        ("😀", "😀"),
        ("HELPER", "helper"),
        ("//", "//"),
    ] {
        if face.contains('/') {
            continue;
        }
        let to = format!("{face}@proxy.example");
        let (_, mirror) = relayed(&mut proxy, &message(&to, USER), Message.inward());
        let (to, from) = relayed(&mut proxy, &message(&mirror, &peer()), Message.outward());
        assert_eq!(to, USER);
        assert_eq!(from.split('/').next(), Some(&*format!("{normal}@proxy.example")));
        let (to, _) = relayed(&mut proxy, &message(&from, USER), Message.inward());
        assert_eq!(to, peer());
    }
    // The slash takes three bytes when it is escaped, and each letter one.
    let long = format!("{}@proxy.example", "f".repeat(1_000));
    let head = error_head("message", USER, &long);
    proxy.refused(
        &message(&long, USER),
        &head,
        "policy-violation",
        Message.inward(),
        Reason::MirrorTooLong,
    );
}

#[test]
fn a_face_that_there_is_not_costs_the_target_nothing() {
    let two_way = jat_core::jat::two_way::TwoWay { faces: Faces::default(), ..two_way(&[1]) };
    let mut proxy = Proxy::with(Settings { two_way: Some(Arc::new(two_way)), ..both_ways() });
    for face in ["helper", "HELPER", r"\2f", "😀", "*"] {
        let to = format!("{face}@proxy.example");
        let head = error_head("message", USER, &to);
        proxy.refused(
            &message(&to, USER),
            &head,
            "item-not-found",
            Message.inward(),
            Reason::NoSuchFace,
        );
        for type_ in ["type='subscribe'", "type='probe'", ""] {
            proxy.silent(
                format!("<presence {type_} to='{to}' from='{USER}'/>"),
                Presence.inward(),
                Reason::NoSuchFace,
            );
        }
        proxy.after(Duration::from_secs(60));
    }
}
