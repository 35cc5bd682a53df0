//! What relaying costs over TCP, and what it would cost without jat-proxy or done the usual way.
//!
//!     cargo bench --bench relay
//!
//! or `cargo bench --bench relay -- "with pauses"` for one of the tables. `OTHER=program` measures
//! another build of jat-proxy by turns with this one; `ROUNDS=n` sets how many turns each has.
//!
//! One driver acts as the server, the users and the service. Child processes connect to it, in
//! turn and several times: the daemon itself; as a limit a program that sends the same bytes back
//! and computes one HMAC a stanza, with blocking system calls; the same translation on tokio-xmpp's
//! stream; and plain echoes. Driver and child share the processors, so the child's own processor
//! time says more than the rate. Fails if a target is missed.

mod limit;
mod table;
mod trees;

use std::net::TcpListener;
use std::time::Duration;

use core_tests::bench::form::{self, Form};
use core_tests::bench::gate::Gates;
use core_tests::bench::stanzas::DOMAIN;
use test_support::bench::driver::{self, Driver, Load};
use test_support::bench::process::Process;

use table::{Figure, Round};

fn main() {
    let arguments = form::arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse().expect("a number");
    match arguments[..] {
        ["limit", server, stanza, token] => limit::limit(server, number(stanza), number(token)),
        ["trees", server] => trees::relay(server),
        ["echo", server] => limit::echo(server),
        ["async-echo", server] => limit::async_echo(server),
        [title] => compare(title, Form::of_this_run()),
        _ => compare("", Form::of_this_run()),
    }
}

/// All loads whose title has `part` in it.
fn compare(part: &str, form: Form) {
    let rounds = std::env::var("ROUNDS").map_or(form.pick(7, 1), |n| n.parse().expect("a number"));
    let mut gates = Gates::new(form);
    for (title, replies, in_flight, pause) in [
        ("Requests and replies, 256 in flight", true, 256, Duration::ZERO),
        ("Requests alone, 256 in flight", false, 256, Duration::ZERO),
        ("Requests and replies, one in flight", true, 1, Duration::ZERO),
        ("Requests and replies, one in flight, with pauses of 20 ms", true, 1, PAUSE),
    ] {
        if !title.contains(part) {
            continue;
        }
        let mut relays = start(replies);
        let load = Load { replies, in_flight, requests: form.pick(10_000, 500), pause };
        if pause.is_zero() {
            let round = form.pick(ROUND, ROUND / 50);
            relays.iter_mut().for_each(|relay| relay.calibrate(load, round));
        } else {
            let requests = form.pick(50, 3);
            relays.iter_mut().for_each(|relay| relay.load = Load { requests, ..load });
        }
        for round in 0..rounds {
            // A change in the machine's load affects all of them alike.
            for index in 0..relays.len() {
                let index = (index + round) % relays.len();
                relays[index].measure();
                // Meanwhile the streams of the others are kept alive.
                relays.iter_mut().for_each(|relay| relay.driver.attend());
            }
        }
        let all: Vec<_> = relays.iter().map(|it| (it.name, &it.rounds[..])).collect();
        table::print(title, &all, in_flight == 1);
        let find = |name| relays.iter().find(|it| it.name == name).expect("one of those");
        let ratio = |of: Figure, name| table::ratio(of, &relays[0].rounds, &find(name).rounds);
        match (in_flight, pause) {
            (1, Duration::ZERO) => {
                let wait = ratio(table::MEDIAN, ASYNC_ECHO);
                gates.at_most(format!("{title}: wait, × {ASYNC_ECHO}"), wait, 1.3);
            }
            (1, _) => {}
            _ => {
                let [limit, trees] = [LIMIT, TREES].map(|name| ratio(table::RATE, name));
                gates.at_least(format!("{title}: rate, × {LIMIT}"), limit, 0.33);
                gates.at_least(format!("{title}: rate, × {TREES}"), trees, 5.0);
            }
        }
    }
    gates.finish();
}

/// A program that is measured.
struct Relay {
    name: &'static str,
    process: Process,
    driver: Driver,
    load: Load,
    rounds: Vec<Round>,
}

impl Relay {
    fn new(name: &'static str, process: Process, driver: Driver) -> Self {
        let load = Load { replies: true, in_flight: 1, requests: 1, pause: Duration::ZERO };
        Self { name, process, driver, load, rounds: Vec::new() }
    }

    /// Finds out how many requests take about as long as a round; also a warm-up.
    fn calibrate(&mut self, load: Load, round: Duration) {
        let time = self.driver.run(load).elapsed.as_secs_f64();
        let requests = load.requests as f64 * round.as_secs_f64() / time;
        self.load = Load { requests: requests as u64 + 1, ..load };
    }

    fn measure(&mut self) {
        let before = self.process.cpu_time();
        let mut outcome = self.driver.run(self.load);
        let cpu = self.process.cpu_time_since(before);
        let stanzas = outcome.stanzas as f64;
        outcome.waits.sort();
        let at = |share: usize| {
            let index = outcome.waits.len() * share / 100;
            outcome.waits.get(index).copied().unwrap_or(Duration::ZERO).as_secs_f64() * 1e6
        };
        self.rounds.push(Round {
            rate: stanzas / outcome.elapsed.as_secs_f64(),
            cpu: cpu.as_secs_f64() * 1e9 / stanzas,
            bytes: outcome.bytes as f64 / stanzas,
            median: at(50),
            p99: at(99),
        });
    }
}

fn start(replies: bool) -> Vec<Relay> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let serving = |process| {
        let mut driver = Driver::log_in(&listener);
        driver.bring_online(std::iter::once("a".to_owned()));
        (process, driver)
    };
    let (daemon, mut driver) = serving(Process::daemon(&address, 0));
    let token = driver.encoded_from();
    let mut relays = vec![Relay::new("jat-proxy", daemon, driver)];
    if let Ok(program) = std::env::var("OTHER") {
        let (daemon, driver) = serving(Process::daemon_of(program.as_ref(), &address, 0));
        relays.push(Relay::new("the other build", daemon, driver));
    }
    let stanza = driver::mean_stanza(&token, replies).to_string();
    // Base32: five bits a character.
    let signed = (token_chars(&token) * 5 / 8).to_string();
    for (name, arguments) in [
        (LIMIT, vec!["limit", &address, &stanza, &signed]),
        (TREES, vec!["trees", &address]),
        ("plain echo, blocking", vec!["echo", &address]),
        (ASYNC_ECHO, vec!["async-echo", &address]),
    ] {
        let process = Process::of_this_program(&arguments);
        let driver = match arguments[0] {
            "trees" => Driver::log_in(&listener),
            _ => Driver::echo(&listener, &token),
        };
        relays.push(Relay::new(name, process, driver));
    }
    relays
}

fn token_chars(encoded_from: &str) -> usize {
    encoded_from.len() - DOMAIN.len() - 1
}

const LIMIT: &str = "limit: echo + HMAC";
const TREES: &str = "trees: tokio-xmpp + minidom";
const ASYNC_ECHO: &str = "plain echo, tokio";
/// How long each is measured in a round.
const ROUND: Duration = Duration::from_secs(1);
/// Long enough for what a stream sends when nothing follows a stanza.
const PAUSE: Duration = Duration::from_millis(20);
