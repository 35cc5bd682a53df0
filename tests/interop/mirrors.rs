//! Mirrors pass the servers, and come back as the users that they were made from: generated users and
//! faces, through a raw component in place of the proxy.
//!
//! Users and the target are at domains of other components, where any name is possible. Stanzas that
//! the server refuses from those never reach a proxy.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use core_tests::xml::escaped;
use fastrand::Rng;
use jat_core::jat::access::{Pattern, Senders};
use jat_core::jat::address::Address;
use jat_core::jat::mirror::{Mirrors, is_reserved};
use jat_core::jat::name_keys::{NameKey, NameKeys};
use jat_core::jat::prepared;
use test_support::interop::server::{Kind, Server};
use test_support::interop::stanza::Stanza;
use test_support::wait::PATIENCE;
use zeroize::Zeroizing;

use crate::component::Component;
use crate::names::name;

case!(every_mirror_is_taken_and_comes_back: both);
fn every_mirror_is_taken_and_comes_back(kind: Kind) {
    let mut stage = Stage::new(kind);
    let mut rng = Rng::with_seed(20_261_128);
    for number in 0..USERS {
        let part = |wanted: &[u64], rng: &mut Rng| match wanted.contains(&(number % 4)) {
            true => name(rng).replace(['@', '/'], "-"),
            false => String::new(),
        };
        let (user, face) = (part(&[0, 1, 3], &mut rng), part(&[1, 2], &mut rng));
        let (user, face) = (at(&user, &stage.users.domain), at(&face, &stage.proxy.domain));
        let (from, to) = (escaped(&user), escaped(&face));
        stage.users.send(format!("<message id='{number}' from='{from}/r' to='{to}'/>"));
        if number % 20 == 19 {
            stage.settle(&number.to_string());
        }
    }
    let seen = &stage.seen;
    println!("{kind}: {seen:?}");
    assert!(stage.waiting.is_empty(), "they never came back: {:?}", stage.waiting);
    // Enough of all of them for a meaningful result.
    assert!(seen.came_back > USERS / 3 && seen.opaque > USERS / 100, "{seen:?}");
    assert!(seen.clear > USERS / 3, "{seen:?}");
}

/// A server with three components: users, a target, and the translator between them.
struct Stage {
    users: Component,
    proxy: Component,
    bot: Component,
    keys: NameKeys,
    everybody: Senders,
    /// The user in normal form and the face of each message that the translator got.
    waiting: BTreeMap<String, (String, String)>,
    seen: Seen,
}

#[derive(Debug, Default)]
struct Seen {
    clear: u64,
    opaque: u64,
    reserved: u64,
    too_long: u64,
    came_back: u64,
    /// Stanzas of users that the server refused.
    by_server: u64,
}

impl Stage {
    fn new(kind: Kind) -> Self {
        let server = Server::shared(kind);
        let component = || Component::login(server, &server.new_domain());
        let key = NameKey::new(1, &Zeroizing::new(vec![7; 32])).unwrap();
        Self {
            users: component(),
            proxy: component(),
            bot: component(),
            keys: NameKeys::new(vec![key]).unwrap(),
            everybody: Senders::new([Pattern::Everybody]),
            waiting: BTreeMap::new(),
            seen: Seen::default(),
        }
    }

    fn mirrors(&self) -> Mirrors<'_> {
        Mirrors {
            domain: &self.proxy.domain,
            target: &self.bot.domain,
            keys: &self.keys,
            initiate: &self.everybody,
        }
    }

    /// Passes on all that arrives, until the message with this id has come back to the user, or was
    /// refused; earlier ones have arrived by then.
    fn settle(&mut self, last: &str) {
        let last = format!("last-{last}");
        let (users, proxy) = (&self.users.domain, &self.proxy.domain);
        let message = format!("<message id='{last}' from='u@{users}/r' to='helper@{proxy}'/>");
        self.users.send(message);
        let end = Instant::now() + PATIENCE;
        loop {
            let step = Duration::from_millis(1);
            while let Some(stanza) = self.proxy.connection.try_receive(step) {
                self.translate(&stanza);
            }
            while let Some(stanza) = self.bot.connection.try_receive(step) {
                answer(&mut self.bot, &stanza);
            }
            while let Some(stanza) = self.users.connection.try_receive(step) {
                self.receive(&stanza);
                if stanza.attr("id") == Some(&last) {
                    return;
                }
            }
            for component in [&self.users, &self.proxy, &self.bot] {
                assert_eq!(component.connection.ended(), None, "{}", component.domain);
            }
            assert!(Instant::now() < end, "{last} never came back");
        }
    }

    /// Translates like a proxy.
    fn translate(&mut self, stanza: &Stanza) {
        let attr = |name| stanza.attr(name).unwrap_or_default();
        assert_ne!(attr("type"), "error", "the server refused what was composed: {stanza:?}");
        let (from, to, id) = (Address::new(attr("from")), Address::new(attr("to")), attr("id"));
        let node = to.node().unwrap_or_default();
        if from.domain() == self.bot.domain {
            let mut room = String::new();
            let mirror = self.mirrors().read(node, &mut room);
            let mirror = mirror.unwrap_or_else(|error| panic!("{error}: {stanza:?}"));
            let (user, face) = &self.waiting[id];
            assert_eq!((mirror.user, mirror.face), (user.as_str(), face.as_str()), "{stanza:?}");
            let from = escaped(&at(mirror.face, &self.proxy.domain));
            let to = escaped(&format!("{}/{}", mirror.user, to.resource().unwrap_or_default()));
            self.proxy.send(format!("<message id='{id}' from='{from}/alias' to='{to}'/>"));
            return;
        }
        let face = prepared::node_or_as_it_stands(node);
        if is_reserved(&face) {
            self.seen.reserved += 1;
            return;
        }
        let mut mirror = String::new();
        if self.mirrors().write(&from, &face, &mut mirror).is_err() {
            self.seen.too_long += 1;
            return;
        }
        match mirror.starts_with(r"\40\40") {
            true => self.seen.opaque += 1,
            false => self.seen.clear += 1,
        }
        let user = prepared::node_or_as_it_stands(from.node().unwrap_or_default());
        let bare = (at(&user, from.domain()), face.into_owned());
        self.waiting.insert(id.to_owned(), bare);
        let (to, from) = (&self.bot.domain, escaped(&mirror));
        self.proxy.send(format!("<message id='{id}' from='{from}' to='bot@{to}/a'/>"));
    }

    fn receive(&mut self, stanza: &Stanza) {
        let attr = |name| stanza.attr(name).unwrap_or_default();
        let is_reply = attr("from").ends_with(&format!("{}/alias", self.proxy.domain));
        if attr("type") == "error" || !is_reply {
            self.seen.by_server += 1;
            return;
        }
        let (user, face) = self.waiting.remove(attr("id")).expect("it comes once");
        assert_eq!(attr("to"), format!("{user}/r"), "{stanza:?}");
        let from = format!("{}/alias", at(&face, &self.proxy.domain));
        assert_eq!(attr("from"), from, "{stanza:?}");
        self.seen.came_back += 1;
    }
}

/// The target answers to the address that it saw.
fn answer(bot: &mut Component, stanza: &Stanza) {
    let attr = |name| escaped(stanza.attr(name).unwrap_or_default());
    assert_ne!(stanza.attr("type"), Some("error"), "{stanza:?}");
    let (id, to, from) = (attr("id"), attr("from"), attr("to"));
    bot.send(format!("<message id='{id}' from='{from}' to='{to}'/>"));
}

case!(a_clear_node_is_one_that_the_server_leaves_alone: both);
fn a_clear_node_is_one_that_the_server_leaves_alone(kind: Kind) {
    let server = Server::shared(kind);
    let mut bot = Component::login(server, &server.new_domain());
    let mut proxy = Component::login(server, &server.new_domain());
    let mut rng = Rng::with_seed(20_261_129);
    let (mut left_alone, mut changed, mut refused, mut needlessly) = (0, 0, 0, Vec::new());
    for number in 0..USERS {
        // One of the three parts, or all.
        let mut part = |place: u64, plain: &str| match number % 4 {
            of if of == place || of == 3 => name(&mut rng).replace(['@', '/'], "-"),
            _ => plain.to_owned(),
        };
        let text = format!("{}@{}.example/{}", part(0, "u"), part(1, "some"), part(2, "face"));
        let mut node = String::new();
        jat_core::jat::escape::escape(&text, &mut node);
        if node.len() > 1023 {
            continue;
        }
        let is_clear = prepared::node(&node).is_ok_and(|normal| normal == node);
        let address = format!("{node}@{}", proxy.domain);
        let (from, to) = (escaped(&address), &bot.domain);
        proxy.send(format!("<message id='{number}' from='{from}/r' to='bot@{to}/a'/>"));
        let plain = &proxy.domain;
        proxy.send(format!("<message id='last-{number}' from='{plain}/r' to='bot@{to}/a'/>"));
        let mut came = None;
        loop {
            let stanza = bot.connection.try_receive(PATIENCE).expect("the last one comes");
            match stanza.attr("id").unwrap_or_default() {
                id if id == number.to_string() => {
                    came = Some(stanza.attr("from").unwrap_or_default().to_owned());
                }
                id if id == format!("last-{number}") => break,
                _ => {}
            }
        }
        let is_left_alone = came.as_deref() == Some(&format!("{address}/r"));
        match (is_clear, is_left_alone, came) {
            (true, true, _) => left_alone += 1,
            (true, false, came) => panic!("{kind}: {node:?} came as {came:?}"),
            (false, true, _) => needlessly.push(node),
            (false, false, Some(_)) => changed += 1,
            (false, false, None) => refused += 1,
        }
    }
    println!(
        "{kind}: {left_alone} clear; of the others {changed} changed, {refused} refused, {} left \
         alone, such as {:?}",
        needlessly.len(),
        needlessly.iter().take(5).collect::<Vec<_>>(),
    );
    assert!(left_alone > USERS / 8 && refused > USERS / 8);
}

case!(nothing_that_the_target_writes_to_ends_the_stream: both);
fn nothing_that_the_target_writes_to_ends_the_stream(kind: Kind) {
    let mut stage = Stage::new(kind);
    let mut rng = Rng::with_seed(20_261_130);
    let (mut read, mut malformed) = (0, 0);
    let known = [
        r"a\5cx\40b",
        r"\40\40ab",
        r"\40",
        r"x\40",
        r"\2fhelper",
        r"user\40dom\2fa\2fb",
        r"user\40dom\2fa\40b",
        r"a\40b\40dom",
        r"u\40dom\2f",
        r"u\40\20x",
        r"u\40a\26b",
    ];
    for number in 0..USERS {
        let node = match known.get(usize::try_from(number).unwrap()) {
            Some(node) => (*node).to_owned(),
            None => hostile(&stage.users.domain, &mut rng),
        };
        let (from, to) = (stage.bot.domain.clone(), escaped(&at(&node, &stage.proxy.domain)));
        stage.bot.send(format!("<message id='{number}' from='bot@{from}/a' to='{to}/r'/>"));
        let plain = format!(
            "<message id='last-{number}' from='bot@{from}/a' to='x\\40y@{}'/>",
            stage.proxy.domain
        );
        stage.bot.send(plain);
        loop {
            let stanza = stage.proxy.connection.try_receive(PATIENCE);
            let ended = stage.proxy.connection.ended();
            let stanza = stanza.unwrap_or_else(|| panic!("{node:?} ended it: {ended:?}"));
            let attr = |name| stanza.attr(name).unwrap_or_default();
            if attr("id") == format!("last-{number}") {
                break;
            }
            if attr("type") == "error" {
                continue;
            }
            let (to, mut room) = (Address::new(attr("to")), String::new());
            let reply = match stage.mirrors().read(to.node().unwrap_or_default(), &mut room) {
                Ok(mirror) => {
                    read += 1;
                    let from = escaped(&at(mirror.face, &stage.proxy.domain));
                    format!("<message from='{from}/alias' to='{}/r'/>", escaped(mirror.user))
                }
                Err(_) => {
                    malformed += 1;
                    let (from, to) = (escaped(to.as_str()), escaped(attr("from")));
                    format!("<message type='error' from='{from}' to='{to}'/>")
                }
            };
            stage.proxy.send(reply);
        }
    }
    assert!(!stage.proxy.ends() && !stage.bot.ends());
    println!("{kind}: {read} read, {malformed} malformed");
    assert!(read > USERS / 8 && malformed > USERS / 8);
}

/// A node as an attacker would write it.
fn hostile(users: &str, rng: &mut Rng) -> String {
    let form = rng.u8(..5);
    let mut part = || name(rng);
    let text = match form {
        0 => format!("{}@{users}", part()),
        1 => format!("u@{users}/{}", part()),
        2 => format!("{}@{}/{}", part(), part(), part()),
        3 => format!("@{}/{}", part(), part()),
        _ => format!("u@{}", part()),
    };
    let mut node = String::new();
    match rng.u8(..3) {
        0 => jat_core::jat::escape::escape(&text, &mut node),
        1 => node.push_str(&text.replace('@', r"\40").replace('/', r"\2f")),
        _ => {
            let symbols = "abcdefghijklmnopqrstuvwxyz234567".as_bytes();
            let bits: String = text.bytes().map(|byte| format!("{byte:08b}")).collect();
            node.push_str(r"\40\40");
            for chunk in bits.as_bytes().chunks(5) {
                let chunk = format!("{:0<5}", str::from_utf8(chunk).unwrap());
                let value = usize::from_str_radix(&chunk, 2).unwrap();
                node.push(symbols[value].into());
            }
        }
    }
    node
}

fn at(node: &str, domain: &str) -> String {
    if node.is_empty() { domain.to_owned() } else { format!("{node}@{domain}") }
}

const USERS: u64 = 2_000;
