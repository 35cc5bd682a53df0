//! The order in which messages arrive.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rustix::process::Signal;
use test_support::interop::client::{Client, SILENCE};
use test_support::interop::proxy::{Proxy, Settings};
use test_support::interop::scene::Scene;
use test_support::interop::server::Software::Ejabberd;
use test_support::interop::server::{Kind, Server};
use test_support::interop::stanza::Stanza;
use test_support::wait::PATIENCE;

use super::presence::befriend;
use super::replicas::Pair;
use super::stage::{Listens, TwoWay, User, bare, face, learn_alias, mirror};
use crate::load::alone;

const BURSTS: usize = 10;
const BURST: usize = 100;

// An archive would slow both servers down, so this is the server without one.
case!(one_replica_keeps_the_order_over_upgrades: both);
fn one_replica_keeps_the_order_over_upgrades(kind: Kind) {
    let _alone = alone();
    let server = Server::shared(kind);
    let scene = Scene::on(server, |settings| TwoWay::default().apply(settings));
    let (mut service, mut user) = (scene.service("a"), User::new(&scene));
    learn_alias(&scene, &mut service, &mut user, "helper");
    let (helper, seen_as) = (face(&scene, "helper"), mirror(&scene, &user.jid, "helper"));
    for number in 0..BURSTS {
        user.send(burst(number, &helper));
        service.send(burst(number, &seen_as));
        if number % 3 == 1 {
            // It takes over the stream with all that is under way.
            scene.proxy.signal(Signal::USR2);
        }
    }
    let wanted: Vec<usize> = (0..BURSTS * BURST).collect();
    assert_eq!(numbers(&mut service, wanted.len()), wanted, "inward");
    assert_eq!(numbers(&mut user, wanted.len()), wanted, "outward");
    scene.proxy.wait_log(0, "upgraded in place");
    assert_eq!(scene.proxy.logins(), 1, "the stream is the same all the time");
}

// docs/servers.md#overtaking
case!(three_replicas_lose_nothing_and_keep_no_order: ejabberd);
fn three_replicas_lose_nothing_and_keep_no_order(kind: Kind) {
    let _alone = alone();
    let stage = Three::new(Server::shared(kind));
    let (arrived, swapped) = stage.chat();
    println!("{kind}: three replicas: {arrived:?}, neighbours swapped: {swapped:?}");
    assert!(arrived.iter().all(|it| *it == BURSTS * BURST), "{arrived:?}");
}

// With config/prosody/mod_component_fleet.lua.
case!(a_fleet_of_prosody_keeps_the_order_when_one_is_missing_too: prosody);
fn a_fleet_of_prosody_keeps_the_order_when_one_is_missing_too(kind: Kind) {
    let _alone = alone();
    let mut stage = Three::new(Server::shared(kind));
    let in_order = |stage: &Three| {
        let (arrived, swapped) = stage.chat();
        assert!(arrived.iter().all(|it| *it == BURSTS * BURST), "{arrived:?}");
        assert!(swapped.iter().all(|it| *it == 0), "{swapped:?}");
    };
    let by_replica = |stage: &Three| -> Vec<u64> {
        stage
            .replicas
            .iter()
            .map(|it| it.count(&["stanza=\"message\"", "way=\"inward\"", "outcome=\"relayed\""]))
            .collect()
    };
    in_order(&stage);
    let shares = by_replica(&stage);
    println!("{kind}: shares of three replicas: {shares:?}");
    assert!(shares.iter().all(|it| *it > 0), "{shares:?}");
    stage.replicas[1].kill();
    in_order(&stage);
    stage.replicas[1].restart();
    in_order(&stage);
}

// docs/servers.md#by-source
case!(by_source_three_replicas_keep_the_order: ejabberd);
fn by_source_three_replicas_keep_the_order(kind: Kind) {
    let _alone = alone();
    let mut stage = Three::on(balanced(kind, 3), BALANCED.into());
    let (arrived, swapped) = stage.chat();
    println!("{kind}: by source, three of three: {arrived:?}, swapped: {swapped:?}");
    assert!(arrived.iter().all(|it| *it == BURSTS * BURST), "{arrived:?}");
    assert!(swapped.iter().all(|it| *it == 0), "{swapped:?}");

    // An upgrade in place makes no difference.
    stage.replicas[1].upgrade();
    let (arrived, swapped) = stage.chat();
    assert!(arrived.iter().all(|it| *it == BURSTS * BURST), "{arrived:?}");
    assert!(swapped.iter().all(|it| *it == 0), "{swapped:?}");

    // One is missing: its users lose all messages, without an error.
    stage.replicas[1].kill();
    let (arrived, swapped) = stage.chat_that_loses();
    println!("{kind}: by source, two of three: {arrived:?}, swapped: {swapped:?}");
    assert!(swapped.iter().all(|it| *it == 0), "what arrives is in order: {swapped:?}");
    assert!(arrived.contains(&(BURSTS * BURST)), "{arrived:?}");
    assert!(arrived.contains(&0), "{arrived:?}");

    stage.replicas[1].restart();
    let (arrived, swapped) = stage.chat();
    assert!(arrived.iter().all(|it| *it == BURSTS * BURST), "{arrived:?}");
    assert!(swapped.iter().all(|it| *it == 0), "{swapped:?}");
}

// Pairs of presence in quick succession: which of both a contact gets last.
case!(one_replica_keeps_the_order_of_presence: both);
fn one_replica_keeps_the_order_of_presence(kind: Kind) {
    let scene = Scene::on(Server::shared(kind), |settings| TwoWay::default().apply(settings));
    let mut service = scene.service("a");
    service.fetch_roster();
    let mut user = User::new(&scene);
    befriend(&scene, &mut service, &mut user, "helper");
    let wrong = wrong_pairs(&scene.domain, &mut service, &mut user, |pair| {
        if pair % 20 == 7 {
            scene.proxy.signal(Signal::USR2);
        }
    });
    assert_eq!(wrong, 0);
    scene.proxy.wait_log(0, "upgraded in place");
}

case!(two_replicas_can_tell_an_older_presence_last: both);
fn two_replicas_can_tell_an_older_presence_last(kind: Kind) {
    let server = Server::shared(kind);
    let wrong = of_two_replicas(server, server.new_fleet_domain());
    println!("{kind}: two replicas: {wrong} of {PAIRS} pairs of presence ended with the older one");
    // mod_component_fleet keeps the order.
    assert!(kind.is(Ejabberd) || wrong == 0, "{wrong}");
}

// docs/servers.md#by-source
case!(by_source_two_replicas_tell_the_newest_presence_last: ejabberd);
fn by_source_two_replicas_tell_the_newest_presence_last(kind: Kind) {
    assert_eq!(of_two_replicas(balanced(kind, 2), BALANCED.into()), 0);
}

fn of_two_replicas(server: &'static Server, domain: String) -> usize {
    let mut pair = Pair::on(server, domain, [None, None]);
    let node = pair.user.jid.split('@').next().unwrap();
    let (helper, mirror) = (
        format!("helper@{}", pair.domain),
        format!(r"{node}\40{}\2fhelper@{}", server.host, pair.domain),
    );
    pair.user.send(format!("<presence type='subscribe' to='{helper}'/>"));
    pair.service.presence(Some("subscribe"), &mirror);
    pair.service.send(format!("<presence type='subscribed' to='{mirror}'/>"));
    pair.user.receive_where("the bot", |it| is_of(it, &helper, None));
    wrong_pairs(&pair.domain, &mut pair.service, &mut pair.user, |_| ())
}

/// How many pairs of the bot's presence, unavailable and available, its contact gets in the wrong
/// order.
fn wrong_pairs(
    domain: &str,
    service: &mut Client,
    user: &mut Client,
    between: impl Fn(usize),
) -> usize {
    let helper = format!("helper@{domain}");
    let mut wrong = 0;
    for pair in 0..PAIRS {
        let status = format!("<status>{pair}</status>");
        service.send(format!("<presence type='unavailable'/><presence>{status}</presence>"));
        between(pair);
        let online =
            |it: &Stanza| it.child("status").is_some_and(|it| it.text() == pair.to_string());
        let (mut seen, mut last_is_right) = ([false; 2], false);
        while seen != [true; 2] {
            let it = user.receive_where("the pair", |it| {
                is_of(it, &helper, Some("unavailable")) || online(it)
            });
            last_is_right = online(&it);
            seen[usize::from(last_is_right)] = true;
        }
        wrong += usize::from(!last_is_right);
    }
    wrong
}

fn is_of(stanza: &Stanza, face: &str, type_: Option<&str>) -> bool {
    stanza.name == "presence"
        && stanza.attr("type") == type_
        && stanza.attr("from").is_some_and(|it| bare(it) == face)
}

const PAIRS: usize = 60;

/// A server that balances one domain as docs/relay.md shows it.
fn balanced(kind: Kind, replicas: usize) -> &'static Server {
    let page = test_support::pages::blocks("docs/relay.md");
    let shown = page.iter().find(|it| it.text.starts_with("domain_balancing:")).unwrap();
    let wanted = format!("component_number: {replicas}");
    let text = shown.text.replace("proxy.example", BALANCED);
    let text = text.replace("component_number: 3", &wanted);
    assert!(text.contains(BALANCED) && text.contains(&wanted), "{text}");
    let server = Server::start_changed(kind, |configuration| format!("{configuration}\n{text}"));
    Box::leak(Box::new(server))
}

const BALANCED: &str = "balanced.ejabberd.example";

/// So many that each of three replicas has some, except once in 4,000 runs.
const USERS: usize = 24;

/// Three replicas for the resource `a` of an account.
struct Three {
    server: &'static Server,
    domain: String,
    account: String,
    replicas: Vec<Proxy>,
}

impl Three {
    fn new(server: &'static Server) -> Three {
        Three::on(server, server.new_fleet_domain())
    }

    fn on(server: &'static Server, domain: String) -> Three {
        let account = server.new_account("service");
        let replica = || {
            let mut settings = Settings::new(&domain, &format!("{account}/a"));
            let relay = r#"["iq", "messages"]"#;
            TwoWay { relay, ..TwoWay::default() }.apply(&mut settings);
            Proxy::start(server, settings)
        };
        let replicas = (0..3).map(|_| replica()).collect();
        Three { server, domain, account, replicas }
    }

    /// Each user writes in bursts, of which all arrives. Returns for each how many messages arrived, and
    /// how many of them came before one that was sent earlier.
    fn chat(&self) -> (Vec<usize>, Vec<usize>) {
        self.chat_until_silent_for(PATIENCE)
    }

    /// Likewise where some are lost, so that there is no sign that the last one has arrived.
    fn chat_that_loses(&self) -> (Vec<usize>, Vec<usize>) {
        self.chat_until_silent_for(LOST)
    }

    fn chat_until_silent_for(&self, silence: Duration) -> (Vec<usize>, Vec<usize>) {
        let mut service = Client::login(self.server, &self.account, "a");
        service.available("");
        let to = format!("helper@{}", self.domain);
        let login = |_| Client::login(self.server, &self.server.new_account("user"), "abc");
        let mut users: Vec<_> = (0..USERS).map(login).collect();
        for number in 0..BURSTS {
            users.iter_mut().for_each(|user| user.send(burst(number, &to)));
        }
        let mut arrived = BTreeMap::<String, Vec<usize>>::new();
        let mut missing = USERS * BURSTS * BURST;
        while missing > 0 {
            let limit = if arrived.is_empty() { PATIENCE } else { silence };
            let Some(it) = service.try_receive_where(limit, |it| number(it).is_some()) else {
                break;
            };
            let from = it.attr("from").unwrap().to_owned();
            arrived.entry(from).or_default().push(number(&it).unwrap());
            missing -= 1;
        }
        let of = |user: &Client| {
            let node = user.jid.split('@').next().unwrap();
            let of = arrived.iter().find(|(from, _)| from.starts_with(&format!(r"{node}\40")));
            of.map(|(_, numbers)| numbers.clone()).unwrap_or_default()
        };
        let all: Vec<_> = users.iter().map(of).collect();
        for numbers in &all {
            let once: BTreeSet<_> = numbers.iter().collect();
            assert_eq!(once.len(), numbers.len(), "none comes twice");
        }
        let swapped =
            all.iter().map(|it| it.windows(2).filter(|pair| pair[0] > pair[1]).count()).collect();
        // Otherwise the next client would get the messages that are stored.
        service.send("<presence type='unavailable'/>");
        while service.try_receive(SILENCE).is_some() {}
        (all.iter().map(Vec::len).collect(), swapped)
    }
}

/// After so long without a stanza, missing ones are considered lost.
const LOST: Duration = Duration::from_secs(15);

fn burst(number: usize, to: &str) -> String {
    let message =
        |number| format!("<message type='chat' id='{number}' to='{to}'><body>n</body></message>");
    (number * BURST..(number + 1) * BURST).map(message).collect()
}

/// The ids of so many numbered messages, in the order of arrival.
fn numbers(client: &mut Client, count: usize) -> Vec<usize> {
    let next = |_| number(&client.receive_where("a number", |it| number(it).is_some())).unwrap();
    (0..count).map(next).collect()
}

fn number(stanza: &Stanza) -> Option<usize> {
    stanza.attr("id").filter(|_| stanza.name == "message")?.parse().ok()
}
