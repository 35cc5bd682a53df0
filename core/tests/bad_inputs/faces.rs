//! Several targets behind one domain, of which one is hostile to the others.

use core_tests::faces::arrangement;
use core_tests::oracle;
use core_tests::said::Said;
use core_tests::twin::{PING, Proxy, USER, get};
use core_tests::xml::escaped;
use jat_core::jat::address::Address;
use jat_core::jat::reason::Reason;

const GOOD: &str = "good@bots.example";
const BAD: &str = "bad@bots.example";
const OTHER: &str = "other@bots.example";
const FACES: [(&str, &str); 5] =
    [("help", GOOD), ("news", GOOD), ("games", BAD), ("bad-*", BAD), ("", OTHER)];

fn message(to: &str, from: &str) -> String {
    format!("<message id='7' to='{}' from='{}'/>", escaped(to), escaped(from))
}

fn attribute(xml: &str, name: &str) -> String {
    oracle::attribute(xml, name).unwrap_or_default()
}

/// A stanza that is relayed: its new addresses and id.
fn relayed(proxy: &mut Proxy, stanza: &str) -> [String; 3] {
    let said = proxy.exchange(stanza);
    assert!(said.counted[0].1.is_relay(), "{stanza}: {said:?}");
    ["to", "from", "id"].map(|name| attribute(&said.out[0], name))
}

/// The target of the face that this node belongs to.
fn owner(faces: &[(&str, &str)], node: &str) -> Option<String> {
    let exact = faces.iter().find(|(face, _)| *face == node);
    let fits = |face: &str| face.strip_suffix('*').is_some_and(|it| node.starts_with(it));
    let found = exact.or_else(|| faces.iter().find(|(face, _)| !node.is_empty() && fits(face)));
    found.map(|(_, target)| (*target).to_owned())
}

/// What a hostile target knows of each face: the mirror of a user, an alias, and a request as the
/// resource got it.
struct Loot {
    node: &'static str,
    target: String,
    mirror: String,
    alias: String,
    asked_from: String,
    id: String,
}

fn loot(proxy: &mut Proxy, node: &'static str, all: bool) -> Loot {
    let at = if node.is_empty() { "" } else { "@" };
    let face = format!("{node}{at}proxy.example");
    let [peer, asked_from, id] = relayed(proxy, &get(USER, &face, "q"));
    let target = Address::new(&peer).bare().to_owned();
    let (mut mirror, mut alias) = (String::new(), String::new());
    if all {
        mirror = relayed(proxy, &message(&face, USER))[1].clone();
        alias = relayed(proxy, &message(&mirror, &peer))[1].clone();
        assert_eq!(alias.split('/').next(), Some(&*face));
    }
    Loot { node, target, mirror, alias, asked_from, id }
}

/// Checks that whatever is sent from a face comes from its target.
fn judge(stanza: &str, faces: &[(&str, &str)], said: &Said) {
    assert_eq!(said.ended, None, "{stanza}");
    let [(_, reason, 1)] = said.counted[..] else { panic!("{stanza}: {said:?}") };
    let is_target = |address: &str| address.contains("@bots.example");
    let (sender, asked) = (attribute(stanza, "from"), attribute(stanza, "to"));
    for xml in &said.out {
        let (to, from) = (attribute(xml, "to"), attribute(xml, "from"));
        assert!(Address::new(&from).is_at("proxy.example"), "{stanza}: {xml}");
        if !reason.is_relay() {
            // Our own answer goes to the sender, or to the target that sent presence.
            assert_eq!(Address::new(&to).bare(), Address::new(&sender).bare(), "{stanza}: {xml}");
            continue;
        }
        let node = Address::new(&from).node().unwrap_or_default().to_owned();
        if is_target(&to) && !Address::new(&asked).node().unwrap_or_default().contains(r"\40") {
            // Inward: to the target of the face that was written to.
            let node = Address::new(&asked).node().unwrap_or_default().to_lowercase();
            let bare = Address::new(&to).bare().to_owned();
            assert_eq!(owner(faces, &node), Some(bare), "{stanza}: {xml}");
        } else {
            let bare = Address::new(&sender).normal_bare().into_owned();
            assert_eq!(owner(faces, &node), Some(bare), "in whose name? {stanza}: {xml}");
        }
        assert!(!to.contains("@proxy.example") && to != "proxy.example", "{stanza}: {xml}");
    }
}

#[test]
fn a_target_gets_nothing_out_in_the_name_of_anothers_face() {
    for all in [false, true] {
        let mut proxy = Proxy::arranged(&arrangement(None, &FACES, all));
        let loot = ["help", "news", "games", "bad-1", ""].map(|node| loot(&mut proxy, node, all));
        let mut places: Vec<String> = Vec::new();
        for it in &loot {
            let at = if it.node.is_empty() { "" } else { "@" };
            let face = format!("{}{at}proxy.example", it.node);
            let clear = if it.node.is_empty() { String::new() } else { format!(r"\2f{}", it.node) };
            if all {
                places.extend([
                    format!(r"user\40some-domain.example{clear}@proxy.example/abc"),
                    format!(r"USER\40some-domain.example{}@Proxy.example", clear.to_uppercase()),
                    // The mirrors of targets.
                    format!(r"good\40bots.example{clear}@proxy.example/a"),
                    format!(r"bad\40bots.example{clear}@proxy.example"),
                ]);
            }
            places.extend([
                format!("{}/{}", face, it.id),
                format!("{face}/r"),
                face,
                it.mirror.clone(),
                it.mirror.split('/').next().unwrap_or_default().to_owned(),
                it.alias.clone(),
                it.asked_from.clone(),
            ]);
            // A good mirror with another face in it, and another's MAC.
            let other = it.mirror.replace(&format!(r"\2f{}\2f", it.node), r"\2fnews\2f");
            places.push(other);
        }
        places.extend(
            [
                "none@proxy.example",
                r"\40@proxy.example",
                r"x\40y\2f@proxy.example",
                "@proxy.example",
            ]
            .map(str::to_owned),
        );
        places.retain(|it| !it.is_empty());
        places.sort_unstable();
        places.dedup();
        let mut ids: Vec<&str> = loot.iter().map(|it| &*it.id).collect();
        ids.push("x");
        let senders = [
            "bad@bots.example/a",
            "bad@bots.example",
            "BAD@Bots.example/new",
            "good@bots.example/a",
        ];
        let kinds = [
            ("iq", "get"),
            ("iq", "result"),
            ("iq", "error"),
            ("message", "chat"),
            ("message", "error"),
            ("presence", "subscribe"),
            ("presence", "subscribed"),
            ("presence", "unavailable"),
        ];
        for (name, type_) in kinds {
            for from in senders {
                for to in &places {
                    // Its own presence may have taken it offline.
                    if name == "presence" && Address::new(to).node().is_none() {
                        continue;
                    }
                    for id in if type_ == "get" || name != "iq" { &ids[..1] } else { &ids[..] } {
                        let stanza = format!(
                            "<{name} type='{type_}' id='{id}' to='{to}' from='{from}'>{PING}</{name}>"
                        );
                        judge(&stanza, &FACES, &proxy.exchange(&stanza));
                    }
                }
            }
        }
        // Requests that are still open are answered by the target that got them.
        for it in &loot {
            let (to, id) = (&it.asked_from, &it.id);
            let reply = format!("<iq type='result' id='{id}' to='{to}' from='{}/a'/>", it.target);
            let said = proxy.exchange(&reply);
            let other = proxy.exchange(reply.replace("/a'", "/b'"));
            let reasons = [said.counted[0].1, other.counted[0].1];
            // The one of the two resources that was asked.
            assert!(reasons.contains(&Reason::Relayed), "{reply}: {reasons:?}");
            assert!(reasons.contains(&Reason::TokenSignature), "{reply}: {reasons:?}");
        }
    }
}

#[test]
fn what_opens_at_one_face_opens_at_no_other_of_the_same_target() {
    let mut proxy = Proxy::arranged(&arrangement(None, &FACES, true));
    let [help, news] = ["help", "news"].map(|node| loot(&mut proxy, node, true));
    assert_ne!(help.mirror, news.mirror);
    let [of_help, of_news] = [&help.alias, &news.alias].map(|it| it.split_once('/').unwrap().1);
    assert_ne!(of_help, of_news);
    // An alias of the one is no resource of the other.
    let reply =
        format!("<iq type='result' id='7' to='news@proxy.example/{of_help}' from='{USER}'/>");
    assert_eq!(proxy.exchange(&reply).counted[0].1, Reason::NoAlias);
    assert!(proxy.exchange(reply.replace("news@", "help@")).counted[0].1.is_relay());
    // Nor does a token open there.
    for peer in ["a", "b"] {
        let (to, id) = (&news.asked_from, &help.id);
        let reply = format!("<iq type='result' id='{id}' to='{to}' from='{GOOD}/{peer}'/>");
        assert_eq!(proxy.exchange(&reply).counted[0].1, Reason::TokenSignature);
    }
    // Nor is the MAC of a mirror valid there.
    let mirror = help.mirror.replace(r"\2fhelp\2f", r"\2fnews\2f");
    let said = proxy.exchange(message(&mirror, &format!("{GOOD}/a")));
    assert_eq!(said.counted[0].1, Reason::MirrorSignature);
}

#[test]
fn a_face_that_was_lost_by_a_reload_is_anothers() {
    let before = arrangement(None, &FACES, true);
    let mut proxy = Proxy::arranged(&before);
    let games = loot(&mut proxy, "games", true);
    let after = [("help", GOOD), ("games", GOOD), ("bad-*", BAD), ("", OTHER)];
    proxy.rearrange(&arrangement(None, &after, true));
    // It may still answer earlier requests.
    let (to, id) = (&games.asked_from, &games.id);
    let reply = |from: &str| format!("<iq type='result' id='{id}' to='{to}' from='{from}'/>");
    let of_others = ["a", "b"].map(|it| proxy.exchange(reply(&format!("{GOOD}/{it}"))));
    assert!(of_others.iter().all(|said| said.out.is_empty()), "{of_others:?}");
    let answers = ["a", "b"].map(|it| proxy.exchange(reply(&format!("{BAD}/{it}"))));
    assert_eq!(answers.iter().filter(|said| said.out.len() == 1).count(), 1, "{answers:?}");
    for kind in ["message type='chat'", "message type='error'", "presence", "iq type='get'"] {
        let name = kind.split(' ').next().unwrap();
        for to in [&games.mirror, &games.alias, &games.asked_from] {
            let from = format!("{BAD}/a");
            let stanza = format!("<{kind} id='7' to='{to}' from='{from}'>{PING}</{name}>");
            judge(&stanza, &after, &proxy.exchange(&stanza));
        }
    }
    // A mirror that the old target had is not valid for the new one.
    let said = proxy.exchange(message(&games.mirror, &format!("{GOOD}/a")));
    assert_eq!(said.counted[0].1, Reason::MirrorSignature);
    // An alias of the old one names no resource of the new one.
    let alias = games.alias.split_once('/').unwrap().1;
    let reply =
        format!("<iq type='result' id='7' to='games@proxy.example/{alias}' from='{USER}'/>");
    assert_eq!(proxy.exchange(&reply).counted[0].1, Reason::NoAlias);
}

#[test]
fn presence_in_anothers_name_changes_nothing() {
    let mut proxy = Proxy::arranged(&arrangement(None, &FACES, true));
    for from in
        ["good@bots.example.evil/a", "good@bots.example@x", "bots.example", "x@bots.example/a"]
    {
        for type_ in ["", " type='unavailable'", " type='unsubscribed'"] {
            let said =
                proxy.exchange(format!("<presence{type_} to='proxy.example' from='{from}'/>"));
            assert_ne!(said.counted[0].1, Reason::PresenceUsed, "{from}");
        }
    }
    proxy.exchange(format!("<presence type='unsubscribed' to='proxy.example' from='{BAD}'/>"));
    let online: Vec<_> =
        proxy.services().translators().iter().map(|it| it.presence().resources.len()).collect();
    assert_eq!(online, [2, 0, 2]);
}

#[test]
fn odd_nodes_are_faces_of_nobody() {
    let mut proxy = Proxy::arranged(&arrangement(None, &FACES[..4], true));
    let long = ["bad-".to_owned() + &"x".repeat(1_019), "x".repeat(1_023), "x".repeat(3_000)];
    let mut nodes = vec![
        r"help\20",
        r"\20help",
        r"help\40x",
        r"\40help",
        r"help\2f",
        "help ",
        "he\u{ad}lp\u{307}",
        "*",
        "bad",
        "bad\u{ad}",
        r"games\2fhelp",
        "ｈｅｌｐｘ",
        "😀",
    ];
    nodes.extend(long.iter().map(|it| &**it));
    for node in nodes {
        let to = format!("{}@proxy.example", escaped(node));
        for stanza in [message(&to, USER), get(USER, &to, "7")] {
            let said = proxy.exchange(&stanza);
            let [(_, reason, 1)] = said.counted[..] else { panic!("{said:?}") };
            assert!(!reason.is_relay(), "{node}: {said:?}");
            assert!(said.out.iter().all(|xml| attribute(xml, "to") == USER), "{node}: {said:?}");
            assert_eq!(said.ended, None);
        }
    }
    // One face, however it is spelled.
    for node in ["HELP", "Help", "he\u{ad}lp", "ｈｅｌｐ"] {
        let [to, ..] = relayed(&mut proxy, &message(&format!("{node}@proxy.example"), USER));
        assert_eq!(Address::new(&to).bare(), GOOD, "{node}");
    }
}

/// A target may send requests to the others as their user, and they may answer; they may not write
/// to it first.
#[test]
fn no_target_writes_to_another() {
    let mut proxy = Proxy::arranged(&arrangement(None, &FACES, true));
    let asker = format!("{GOOD}/a");
    let [peer, mirror, _] = relayed(&mut proxy, &message("games@proxy.example", &asker));
    assert_eq!(Address::new(&peer).bare(), BAD);
    let said = proxy.exchange(message(&mirror, &peer));
    assert_eq!(said.counted[0].1, Reason::OwnMirror);
    for node in [r"good\40bots.example\2fgames", r"x\40proxy.example\2fgames"] {
        let said = proxy.exchange(message(&format!("{node}@proxy.example"), &peer));
        assert_eq!(said.counted[0].1, Reason::OwnMirror, "{node}");
    }
    let [peer, asked, id] = relayed(&mut proxy, &get(&asker, "games@proxy.example", "7"));
    let reply = format!("<iq type='result' id='{id}' to='{asked}' from='{peer}'/>");
    let [to, from, id] = relayed(&mut proxy, &reply);
    assert_eq!([to, from, id], [asker, "games@proxy.example".into(), "7".into()]);
}
