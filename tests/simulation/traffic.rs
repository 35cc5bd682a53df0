//! What users ask, and what the implementing client makes of it.

use fastrand::Rng;
use jat_proxy::jat::settings::TokenIn;

use crate::ledger::{Ask, Fate, Forwarded, How, ask_payload, reply_payload};
use crate::replica::{TARGET, full};
use crate::xml::escaped;

/// How long a token lives, in seconds.
pub const TTL: u64 = 200;

/// Resources that the target may have.
pub const RESOURCES: [&str; 4] = ["a", "b 2", "Büro/1", "c@d"];

/// Nodes of the component's domain, with their `@`, as users type them.
pub const NODES: [&str; 4] = ["", "room@", "NoDe@", "büro@"];

/// Each shorter than any token, so that none is mistaken for one.
const USERS: [&str; 9] = [
    "user@some-domain.example/abc",
    "user@some-domain.example/abd",
    "User@some-domain.example/abc",
    "user@some-domain.example",
    "o'hara@a.example/\"x\" & <y>",
    "jürgen@ö.example/Gerät",
    "gateway.example",
    "conference.example/proxy.example/1",
    "service@some.example.org/a",
];

/// What a user is about to send: the request, and the stanza as its server stamps it.
pub fn ask(number: usize, rng: &mut Rng) -> (Ask, String) {
    let user = USERS[rng.usize(..USERS.len())];
    let node = NODES[rng.usize(..NODES.len())];
    let domain = if rng.u8(..4) == 0 { "PROXY.example" } else { "proxy.example" };
    let resource = ["", "", "/res", "/Ä/b@c", "/proxy.example"][rng.usize(..5)];
    let id = match rng.u8(..8) {
        0 => "a'b\"c&d<e>".to_owned(),
        1 => format!("{number}{}", "-long".repeat(30)),
        2 => "ü".to_owned(),
        3 | 4 => format!("id{number}"),
        // Users count from one.
        _ => rng.u8(1..5).to_string(),
    };
    let type_ = if rng.bool() { "get" } else { "set" };
    let to = escaped(&format!("{node}{domain}{resource}"));
    let stanza = format!(
        "<iq type='{type_}' id='{}' to='{to}' from='{}'>{}</iq>",
        escaped(&id),
        escaped(user),
        ask_payload(number)
    );
    let asked = format!("{node}proxy.example{resource}");
    (Ask { user, asked, id, fate: Fate::Underway }, stanza)
}

/// A reply that is going to be sent, if its sender is still online then.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    pub forwarded: usize,
    pub how: How,
    /// Milliseconds from when the client got the request.
    pub after: u64,
}

/// What will come of a request: replies at once, late, twice, never, and forged ones.
pub fn answers(forwarded: usize, rng: &mut Rng) -> Vec<Answer> {
    let copies = match rng.u8(..12) {
        0 => 0,
        1 | 2 => 2,
        _ => 1,
    };
    let mut answers: Vec<Answer> = (0..copies)
        .map(|_| {
            let how = if rng.u8(..8) == 0 { How::OtherId } else { How::Honest };
            Answer { forwarded, how, after: delay(rng) }
        })
        .collect();
    if rng.u8(..4) == 0 {
        let forgeries = [How::OtherResource, How::OtherAccount, How::Tampered, How::OtherAddress];
        let how = forgeries[rng.usize(..forgeries.len())];
        answers.push(Answer { forwarded, how, after: delay(rng) });
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

/// The stanza of reply `number`, as its sender's server stamps it.
pub fn reply(number: usize, forwarded: &Forwarded, how: How, rng: &mut Rng) -> String {
    let Forwarded { peer, encoded_from, id, token_in, .. } = forwarded;
    let (mut to, mut from, mut id) = (encoded_from.clone(), peer.clone(), id.clone());
    match how {
        How::Honest => {}
        How::OtherId => id = "other".to_owned(),
        How::OtherResource => {
            let others: Vec<&str> = RESOURCES.into_iter().filter(|r| full(r) != *peer).collect();
            from = full(others[rng.usize(..others.len())]);
        }
        How::OtherAccount => from = "mallory@evil.example/a".to_owned(),
        How::Tampered if *token_in == TokenIn::Id => id = tampered(&id, rng),
        How::Tampered => {
            let (bare, token) = to.split_once('/').expect("a token");
            to = format!("{bare}/{}", tampered(token, rng));
        }
        How::OtherAddress => {
            let (bare, rest) = to.split_once('/').expect("a token");
            let others: Vec<String> = NODES
                .iter()
                .map(|node| format!("{node}proxy.example"))
                .filter(|other| other != bare)
                .collect();
            to = format!("{}/{rest}", others[rng.usize(..others.len())]);
        }
    }
    let type_ = if rng.u8(..4) == 0 { "error" } else { "result" };
    let [id, to, from] = [id, to, from].map(|v| escaped(&v));
    let payload = reply_payload(number);
    format!("<iq type='{type_}' id='{id}' to='{to}' from='{from}'>{payload}</iq>")
}

/// Another letter somewhere behind version, kind and key id, but not in the last place, which
/// may have no bits to spare.
fn tampered(token: &str, rng: &mut Rng) -> String {
    let at = rng.usize(5..token.len() - 1);
    let letter = if &token[at..=at] == "a" { "b" } else { "a" };
    [&token[..at], letter, &token[at + 1..]].concat()
}

/// A message to the component, which users are told not to send.
pub fn message() -> String {
    format!("<message to='proxy.example' from='{}'><body>?</body></message>", USERS[0])
}

/// Presence of the target, to the component.
pub fn presence(type_: &str, resource: Option<&str>) -> String {
    let from = escaped(&resource.map_or_else(|| TARGET.to_owned(), full));
    let type_ = if type_.is_empty() { String::new() } else { format!(" type='{type_}'") };
    format!("<presence{type_} to='proxy.example' from='{from}'/>")
}
