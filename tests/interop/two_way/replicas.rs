//! Two replicas on one domain of ejabberd, or of Prosody with `mod_component_fleet`: stanzas that one
//! has relayed can be answered through the other, and chats while one is upgraded in place or killed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use test_support::interop::client::Client;
use test_support::interop::proxy::{Proxy, Settings};
use test_support::interop::scene::accept_subscriptions;
use test_support::interop::server::Software::{Ejabberd, Prosody};
use test_support::interop::server::{Kind, Server};
use test_support::interop::stanza::Stanza;
use test_support::wait::{comes, wait_until};

use super::stage::{Listens, TwoWay, answer, ask, chat};
use crate::load::{alone, carried};
use crate::tap::{Passed, Tap};
use crate::wire::{Class, MESSAGES, Wire};

/// Two replicas, a bot and a user. The server has no archive, which would slow it down.
pub struct Pair {
    server: &'static Server,
    pub domain: String,
    replicas: Vec<Proxy>,
    pub service: Client,
    pub user: Client,
}

impl Pair {
    fn new(kind: Kind, ports: [Option<u16>; 2]) -> Pair {
        let server = Server::shared(kind);
        Pair::on(server, server.new_fleet_domain(), ports)
    }

    pub fn on(server: &'static Server, domain: String, ports: [Option<u16>; 2]) -> Pair {
        let account = server.new_account("service");
        let mut domains = Vec::new();
        let mut replica = |name: &str, port| {
            let mut settings = Settings::new(&domain, &account);
            TwoWay::default().apply(&mut settings);
            let presence_domain = format!("{name}.{domain}");
            settings.component += &format!("presence-domain = \"{presence_domain}\"\n");
            settings.server_port = port;
            domains.push(presence_domain);
            Proxy::start(server, settings)
        };
        let replicas = vec![replica("a", ports[0]), replica("b", ports[1])];
        let mut service = Client::login(server, &account, "a");
        service.fetch_roster();
        service.available("");
        accept_subscriptions(&mut service, domains.iter().map(String::as_str));
        replicas.iter().for_each(|it| it.wait_online(&[&service.jid]));
        let mut user = Client::login(server, &server.new_account("user"), "abc");
        user.fetch_roster();
        user.available("");
        Pair { server, domain, replicas, service, user }
    }

    fn helper(&self) -> String {
        format!("helper@{}", self.domain)
    }

    /// The user's mirror.
    fn seen_as(&self) -> String {
        let (node, host) = self.user.jid.split_once('@').unwrap();
        let (host, resource) = host.split_once('/').unwrap();
        format!(r"{node}\40{host}\2fhelper@{}/{resource}", self.domain)
    }

    fn by_replica(&self, fragments: &[&str]) -> Vec<u64> {
        self.replicas.iter().map(|it| it.count(fragments)).collect()
    }
}

// All of them go back through the replica that they came through only once in 2^60 runs.
case!(what_one_replica_relays_another_one_answers: both);
fn what_one_replica_relays_another_one_answers(kind: Kind) {
    const EACH: usize = 60;
    let mut pair = Pair::new(kind, [None, None]);
    let (helper, seen_as) = (pair.helper(), pair.seen_as());
    let mut aliases = BTreeSet::new();
    for number in 0..EACH {
        let id = format!("n{number}");
        pair.user.send(chat(&id, &helper, &id));
        let from = pair.service.reads(&id).attr("from").unwrap().to_owned();
        assert_eq!(from, seen_as, "every replica makes the same names");
        pair.service.send(chat(&id, &from, &id));
        aliases.insert(pair.user.reads(&id).attr("from").unwrap().to_owned());
        pair.user.send(ask(&id, &helper));
        let request = pair.service.receive_request();
        answer(&mut pair.service, &request);
        assert_eq!(pair.user.answer_to(&id).attr("type"), Some("result"));
        pair.service.send(ask(&id, &seen_as));
        let request = pair.user.receive_request();
        answer(&mut pair.user, &request);
        let reply = pair.service.answer_to(&id);
        assert_eq!((reply.attr("type"), reply.attr("from")), (Some("result"), Some(&*seen_as)));
    }
    assert_eq!(aliases.len(), 1, "{aliases:?}");
    for (stanza, way) in [("message", "inward"), ("message", "outward"), ("reply", "inward")] {
        let fragments = [&*format!("stanza=\"{stanza}\""), &format!("way=\"{way}\""), RELAYED];
        let counts = pair.by_replica(&fragments);
        assert_eq!(counts.iter().sum::<u64>(), EACH as u64, "{stanza} {way} {counts:?}");
        // mod_component_fleet sends all messages from one address to another to one replica.
        let spread = kind.is(Ejabberd) || stanza == "reply";
        assert!(!spread || counts.iter().all(|it| *it > 0), "{stanza} {way} {counts:?}");
    }
}

case!(the_answer_to_a_killed_replicas_request_arrives: both);
fn the_answer_to_a_killed_replicas_request_arrives(kind: Kind) {
    let mut pair = Pair::new(kind, [None, None]);
    let seen_as = pair.seen_as();
    for number in 0..6 {
        let id = format!("n{number}");
        let asked = ["stanza=\"request\"", "way=\"outward\"", RELAYED];
        let before = pair.by_replica(&asked);
        pair.service.send(ask(&id, &seen_as));
        let request = pair.user.receive_request();
        let after = pair.by_replica(&asked);
        let by = (0..2).find(|it| after[*it] > before[*it]).expect("one of them relayed it");
        pair.replicas[by].kill();
        // Until the server has noticed, stanzas for the component can be lost.
        let (mut probe, mut in_a_row) = (0, 0);
        assert!(comes(|| {
            probe += 1;
            let text = format!("probe {probe}");
            pair.user.send(chat("p", &pair.helper(), &text));
            let fits = |it: &Stanza| super::stage::says(it, &text);
            let came = pair.service.try_receive_where(Duration::from_millis(500), fits).is_some();
            in_a_row = if came { in_a_row + 1 } else { 0 };
            // The other one gets all of them by chance once in a million runs.
            in_a_row == 20
        }));
        answer(&mut pair.user, &request);
        assert_eq!(pair.service.answer_to(&id).attr("type"), Some("result"));
        pair.replicas[by].restart();
        pair.replicas[by].wait_online(&[&pair.service.jid]);
    }
}

// This distinguishes what a replica had read and not written from what the server dropped with the
// connection (docs/servers.md#lost-at-close).
case!(a_fleet_under_chats_loses_only_what_was_inside_the_killed_one: both);
fn a_fleet_under_chats_loses_only_what_was_inside_the_killed_one(kind: Kind) {
    let _alone = alone();
    let figures = carried(|| run(kind));
    println!("{kind}: {figures}");
}

fn run(kind: Kind) -> Result<String, String> {
    const MESSAGES_SENT: usize = 6_000;
    let rate = if kind.is(Prosody) { 300 } else { 500 };
    let port = Server::shared(kind).component_port;
    let taps = [(); 2].map(|()| Tap::noting(port, MESSAGES));
    let pair = Pair::new(kind, [0, 1].map(|it: usize| Some(taps[it].port)));
    let (helper, _) = (pair.helper(), pair.seen_as());
    let Pair { mut replicas, service, user, server, .. } = pair;
    assert_eq!(server.kind, kind);

    // The bot answers each message, with its id.
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let mut wire = Wire::noting(service, MESSAGES);
    let bot = thread::spawn(move || {
        let mut heard = Vec::new();
        while !stopped.load(Ordering::SeqCst) {
            let mut answers = String::new();
            wire.read(POLL, |it| {
                if let (Ok(number), Class::Message) = (it.id.parse::<usize>(), it.class) {
                    heard.push(number);
                    answers += &chat(&it.id, &it.from, "y");
                }
            });
            wire.write(&answers);
        }
        heard
    });

    let progress = Arc::new(AtomicUsize::new(0));
    let (counted, stopped) = (Arc::clone(&progress), Arc::clone(&stop));
    let mut wire = Wire::noting(user, MESSAGES);
    let mut writer = wire.writer();
    let reader = thread::spawn(move || {
        let (mut heard, mut errors, mut last) = (Vec::new(), Vec::new(), Instant::now());
        while !stopped.load(Ordering::SeqCst) {
            wire.read(POLL, |it| {
                let Ok(number) = it.id.parse::<usize>() else { return };
                if it.class == Class::Message {
                    heard.push(number)
                } else {
                    errors.push(number)
                }
                last = Instant::now();
                counted.fetch_add(1, Ordering::SeqCst);
            });
            let sent_all = counted.load(Ordering::SeqCst) >= MESSAGES_SENT;
            if last.elapsed() > QUIET || sent_all && last.elapsed() > POLL {
                stopped.store(true, Ordering::SeqCst);
            }
        }
        (heard, errors)
    });
    let begun = Instant::now();
    let sender = thread::spawn(move || {
        let mut sent = 0;
        while sent < MESSAGES_SENT {
            let due = (begun.elapsed().as_secs_f64() * rate as f64) as usize + 1;
            let due = due.min(MESSAGES_SENT);
            let batch: String = (sent..due).map(|id| chat(&id.to_string(), &helper, "x")).collect();
            writer.write_all(batch.as_bytes()).unwrap();
            sent = due;
            sleep(Duration::from_millis(5));
        }
        begun.elapsed()
    });

    let heard = |share: usize| {
        wait_until("so many answers", || {
            progress.load(Ordering::SeqCst) >= MESSAGES_SENT * share / 10
        });
    };
    heard(2);
    replicas[0].upgrade();
    heard(4);
    replicas[1].kill();
    replicas[1].restart();
    heard(6);
    replicas[0].upgrade();
    let took = sender.join().unwrap();
    let (answers, errors) = reader.join().unwrap();
    let seen = bot.join().unwrap();
    if took > Duration::from_secs_f64(MESSAGES_SENT as f64 / rate as f64 * 1.25) {
        return Err(format!("it took {took:?} to send them"));
    }
    let logins: Vec<_> = replicas.iter().map(Proxy::logins).collect();
    assert_eq!(logins, [1, 1], "an upgrade keeps the stream, a restart counts from the beginning");
    drop(replicas);
    let records = taps.map(Tap::finish);

    let once = |list: &[usize]| -> BTreeSet<usize> {
        let set: BTreeSet<usize> = list.iter().copied().collect();
        assert_eq!(set.len(), list.len(), "none twice");
        set
    };
    let (seen, answers) = (once(&seen), once(&answers));
    assert!(errors.is_empty(), "there is always another: {errors:?}");
    let all: BTreeSet<usize> = (0..MESSAGES_SENT).collect();
    let lost_in: BTreeSet<_> = all.difference(&seen).copied().collect();
    let lost_out: BTreeSet<_> = seen.difference(&answers).copied().collect();

    // By replica and way: what it got, and what it relayed.
    let mut inside = BTreeMap::new();
    for (replica, record) in records.iter().enumerate() {
        for inward in [true, false] {
            let numbers = |list: &[Passed]| -> BTreeSet<usize> {
                // Inward it comes from the user and is passed on from the user's mirror.
                let fits = |it: &&Passed| is_inward(&it.iq.from) == inward;
                list.iter().filter(fits).filter_map(|it| it.iq.id.parse().ok()).collect()
            };
            let mut given = numbers(&record.down);
            given.extend(numbers(&record.late));
            let kept: BTreeSet<_> = given.difference(&numbers(&record.up)).copied().collect();
            assert!(replica == 1 || kept.is_empty(), "the upgraded one lost {kept:?}");
            inside.insert((replica, inward), kept);
        }
    }
    let by_server =
        |lost: &BTreeSet<usize>, inward: bool| lost.difference(&inside[&(1, inward)]).count();
    let unexplained = [by_server(&lost_in, true), by_server(&lost_out, false)];
    for record in &records {
        // All that a replica wrote has arrived.
        let wrote = |it: &&Passed| it.iq.id.parse::<usize>().is_ok();
        for it in record.up.iter().filter(wrote) {
            let number: usize = it.iq.id.parse().unwrap();
            let arrived = if is_inward(&it.iq.from) { &seen } else { &answers };
            assert!(arrived.contains(&number), "{number} was written by a replica");
        }
    }
    Ok(format!(
        "{MESSAGES_SENT} messages at {rate}/s and their answers, two upgrades, one kill: {} messages \
         and {} answers lost, of them {unexplained:?} by the server, the rest inside the killed one",
        lost_in.len(),
        lost_out.len()
    ))
}

/// Whether a message with this sender goes from a user to the bot: users, and their mirrors.
fn is_inward(from: &str) -> bool {
    from.starts_with("user-")
}

const RELAYED: &str = "outcome=\"relayed\"";
const POLL: Duration = Duration::from_millis(50);
/// After so long without a stanza, missing ones are considered lost.
const QUIET: Duration = Duration::from_secs(15);
