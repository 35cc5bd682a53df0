//! What users send, and how the implementing client answers.

use core_tests::xml::element;
use fastrand::Rng;
use jat_core::jat::settings::TokenIn;

use crate::ledger::{Ask, Fate, Forwarded, How, NOT_THERE, ask_payload, reply_payload};

/// How long a token lives, in seconds.
pub const TTL: u64 = 200;

pub const DOMAIN: &str = "proxy.example";

pub const TARGET: &str = "bot@b.example";
const TARGET_SERVER: &str = "b.example";

/// Resources that the target may have.
pub const TARGET_RESOURCES: [&str; 4] =
    ["bot@b.example/a", "bot@b.example/b 2", "bot@b.example/Büro/1", "bot@b.example/c@d"];

/// Nodes of the component's domain, with their `@`, as users type them; the first are plain.
pub const NODES: [&str; 4] = ["", "room@", "NoDe@", "büro@"];

/// Resources that users write to; the first are plain.
const RESOURCES: [&str; 4] = ["", "/res", "/Ä/b@c", "/proxy.example"];

/// Each shorter than any token, so that none is mistaken for one; the first are plain.
pub const USERS: [&str; 9] = [
    "a@a.example/x",
    "a@a.example/y",
    "gateway.example",
    "bot@b.example.org/a",
    "A@a.example/x",
    "a@a.example",
    "o\\27hara@a.example/\"x\" & <y>",
    "jürgen@ö.example/Gerät",
    "conference.example/proxy.example/1",
];

/// What a user is about to send: the request, and the stanza as its server passes it on.
pub fn ask(number: usize, rng: &mut Rng) -> (Ask, String) {
    // Plain addresses are processed faster.
    let plain = rng.u8(..4) != 0;
    let user = USERS[rng.usize(..if plain { 4 } else { USERS.len() })];
    let node = NODES[rng.usize(..if plain { 2 } else { NODES.len() })];
    let domain = if plain || rng.bool() { DOMAIN } else { "PROXY.example" };
    let resource = RESOURCES[rng.usize(..if plain { 2 } else { RESOURCES.len() })];
    let id = match rng.u8(..8) {
        0 if !plain => "a'b\"c&d<e>".to_owned(),
        1 if !plain => format!("{number}{}", "-long".repeat(30)),
        2 if !plain => "ü".to_owned(),
        3 | 4 => format!("id{number}"),
        // Users count from one.
        _ => rng.u8(1..5).to_string(),
    };
    let type_ = if rng.bool() { "get" } else { "set" };
    let to = [node, domain, resource].concat();
    let attributes = [("type", type_), ("id", &id), ("to", &to), ("from", user)];
    let stanza = element("iq", &attributes, &ask_payload(number));
    let asked = [node, DOMAIN, resource].concat();
    (Ask { user, asked, id, forwarded: None, fate: Fate::Underway }, stanza)
}

/// A reply that is going to be sent, if its sender is still online then.
#[derive(Clone, Copy, Debug)]
pub struct PlannedReply {
    pub forwarded: usize,
    pub how: How,
    /// Milliseconds from when the client got the request.
    pub after: u64,
}

/// How a request will be answered: at once, late, twice, never, or by forged replies.
pub fn answers(forwarded: usize, rng: &mut Rng) -> Vec<PlannedReply> {
    let copies = match rng.u8(..12) {
        0 => 0,
        1 => 2,
        _ => 1,
    };
    let mut answers = Vec::with_capacity(3);
    for _ in 0..copies {
        let how = if rng.u8(..10) == 0 { How::OtherId } else { How::Honest };
        answers.push(PlannedReply { forwarded, how, after: delay(rng) });
    }
    if rng.u8(..8) == 0 {
        let forgeries = [How::OtherResource, How::OtherAccount, How::Tampered, How::OtherAddress];
        let how = forgeries[rng.usize(..forgeries.len())];
        answers.push(PlannedReply { forwarded, how, after: delay(rng) });
    }
    answers
}

fn delay(rng: &mut Rng) -> u64 {
    let ttl = TTL * 1000;
    match rng.u8(..10) {
        0..=5 => rng.u64(50..5_000),
        6 | 7 => rng.u64(5_000..ttl),
        8 => rng.u64(ttl - 60_000..ttl + 60_000),
        _ => rng.u64(ttl..ttl + 120_000),
    }
}

/// The stanza of reply `number`, as its sender's server passes it on.
pub fn reply(number: usize, forwarded: &Forwarded, how: How, rng: &mut Rng) -> String {
    let Forwarded { peer, encoded_from, id, token_in, mirrored, asked, .. } = forwarded;
    let is_error = how == How::Missing || rng.u8(..4) == 0;
    let type_ = if is_error { "error" } else { "result" };
    // Some clients send the same errors as servers.
    let error = is_error && (how == How::Missing || rng.u8(..4) == 0);
    let payload = reply_payload(number) + if error { NOT_THERE } else { "" };
    let iq = |id: &str, to: &str, from: &str| {
        let attributes = [("type", type_), ("id", id), ("to", to), ("from", from)];
        element("iq", &attributes, &payload)
    };
    match how {
        How::Honest | How::Missing => iq(id, encoded_from, peer),
        How::OtherId => iq("other", encoded_from, peer),
        How::OtherResource => {
            let all = TARGET_RESOURCES;
            let place = all.iter().position(|it| it == peer).expect("it was forwarded there");
            iq(id, encoded_from, all[(place + rng.usize(1..all.len())) % all.len()])
        }
        How::OtherAccount => iq(id, encoded_from, "mallory@evil.example/a"),
        How::Tampered if *token_in == TokenIn::Id => iq(&tampered(id, rng), encoded_from, peer),
        How::Tampered => {
            let (bare, token) = encoded_from.split_once('/').expect("a token");
            iq(id, &[bare, "/", &tampered(token, rng)].concat(), peer)
        }
        How::OtherAddress if *mirrored => {
            let other = if asked.starts_with(DOMAIN) { "room@" } else { "" };
            iq(id, &[other, DOMAIN].concat(), peer)
        }
        How::OtherAddress => {
            let (bare, rest) = encoded_from.split_once('/').expect("a token");
            let place = NODES.iter().position(|n| bare.strip_suffix(DOMAIN) == Some(n));
            let other = place.expect("one of ours") + rng.usize(1..NODES.len());
            iq(id, &[NODES[other % NODES.len()], DOMAIN, "/", rest].concat(), peer)
        }
    }
}

/// Replaces a letter after version, kind and key id, but not the last one, which may have unused
/// bits.
fn tampered(token: &str, rng: &mut Rng) -> String {
    let at = rng.usize(5..token.len() - 1);
    let letter = if &token[at..=at] == "a" { "b" } else { "a" };
    [&token[..at], letter, &token[at + 1..]].concat()
}

/// A message, which users may not send here.
pub fn message(to: &str) -> String {
    element("message", &[("to", to), ("from", USERS[0])], "<body>?</body>")
}

/// The answer of the target's server to the time query with this id.
pub fn time(id: &str, to: &str) -> String {
    let attributes = [("type", "result"), ("id", id), ("to", to), ("from", TARGET_SERVER)];
    let time = "<time xmlns='urn:xmpp:time'><tzo>Z</tzo><utc>2027-01-15T08:00:00Z</utc></time>";
    element("iq", &attributes, time)
}

/// Presence of the target, from its bare address or from one of its resources.
pub fn presence(type_: &str, from: &str, to: &str) -> String {
    let attributes = [("type", type_), ("to", to), ("from", from)];
    element("presence", &attributes[usize::from(type_.is_empty())..], "")
}
