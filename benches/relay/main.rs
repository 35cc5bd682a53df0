//! What relaying costs over TCP, and what it would cost without jat-proxy or done the usual way.
//!
//!     cargo bench --bench relay
//!
//! or `cargo bench --bench relay -- "one in flight"` for one of the tables.
//!
//! One driver plays the server, the users and the service. In front of it, in turn and several
//! times, four child processes: the daemon itself; as a limit a program that sends the
//! same bytes back and computes one HMAC a stanza, blocking in its calls to the kernel; the same
//! translation on tokio-xmpp's stream; and plain echoes. Driver and child share the processors,
//! so the child's own processor time says more than the rate. Fails if a target is missed.

mod driver;
#[path = "../common/gate.rs"]
mod gate;
mod limit;
mod peer;
#[allow(dead_code, reason = "the memory benchmark needs more of it")]
mod process;
#[path = "../common/usage.rs"]
mod usage;

use std::net::TcpListener;
use std::time::Duration;

use driver::{DOMAIN, Driver, Load};
use gate::Gates;
use process::Process;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse().expect("a number");
    match arguments[..] {
        ["limit", server, stanza, token] => limit::limit(server, number(stanza), number(token)),
        ["peer", server] => peer::peer(server),
        ["echo", server] => limit::echo(server),
        ["async-echo", server] => limit::async_echo(server),
        // `cargo bench` adds --bench.
        [title, "--bench"] => compare(title),
        _ => compare(""),
    }
}

/// All loads whose title has `part` in it.
fn compare(part: &str) {
    let rounds: usize = setting("ROUNDS", 7);
    let mut gates = Gates::default();
    for (title, replies, in_flight) in [
        ("Requests and replies, 256 in flight", true, 256),
        ("Requests alone, 256 in flight", false, 256),
        ("Requests and replies, one in flight", true, 1),
    ] {
        if !title.contains(part) {
            continue;
        }
        let mut relays = start(replies);
        let load = Load { replies, in_flight, requests: 10_000 };
        relays.iter_mut().for_each(|relay| relay.calibrate(load));
        for round in 0..rounds {
            // Whatever changes in the course of a round hits each of them in turn.
            for index in 0..relays.len() {
                let index = (index + round) % relays.len();
                relays[index].measure();
            }
        }
        print(title, &relays, in_flight == 1);
        let [_, limit, peer, _, echo] = &relays[..] else { unreachable!("five of them") };
        let ratio = |of, other| ratio(&relays[0], of, other);
        if in_flight == 1 {
            gates.at_most(format!("{title}: wait, × {}", echo.name), ratio(MEDIAN, echo), 1.3);
        } else {
            gates.at_least(format!("{title}: rate, × {}", limit.name), ratio(RATE, limit), 0.33);
            gates.at_least(format!("{title}: rate, × {}", peer.name), ratio(RATE, peer), 5.0);
        }
    }
    gates.finish();
}

/// The median of a figure of `ours` in units of what `theirs` is in the same round.
fn ratio(ours: &Relay, of: fn(&Round) -> f64, theirs: &Relay) -> f64 {
    let pairs = ours.rounds.iter().zip(&theirs.rounds);
    median(pairs.map(|(ours, theirs)| of(ours) / of(theirs)))
}

const RATE: fn(&Round) -> f64 = |round| round.rate;
const MEDIAN: fn(&Round) -> f64 = |round| round.median;
const CPU: fn(&Round) -> f64 = |round| round.cpu;

/// A number from the environment.
fn setting<T: std::str::FromStr>(name: &str, otherwise: T) -> T {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// One that is measured.
struct Relay {
    name: &'static str,
    process: Process,
    driver: Driver,
    load: Load,
    rounds: Vec<Round>,
}

struct Round {
    /// Stanzas a second.
    rate: f64,
    /// Processor time for one stanza, in nanoseconds.
    cpu: f64,
    /// Of the waits with one in flight, in microseconds.
    median: f64,
    p99: f64,
}

impl Relay {
    fn new(name: &'static str, process: Process, driver: Driver) -> Self {
        let load = Load { replies: true, in_flight: 1, requests: 1 };
        Self { name, process, driver, load, rounds: Vec::new() }
    }

    /// Finds out how many requests take it about as long as a round is to be; a warm-up, too.
    fn calibrate(&mut self, load: Load) {
        let time = self.driver.run(load).elapsed.as_secs_f64();
        let requests = load.requests as f64 * ROUND.as_secs_f64() / time;
        self.load = Load { requests: requests as u64, ..load };
    }

    fn measure(&mut self) {
        let before = self.process.cpu_time();
        let mut outcome = self.driver.run(self.load);
        let cpu = self.process.cpu_time() - before;
        let stanzas = outcome.stanzas as f64;
        outcome.waits.sort();
        let at = |share: usize| {
            let index = outcome.waits.len() * share / 100;
            outcome.waits.get(index).copied().unwrap_or(Duration::ZERO).as_secs_f64() * 1e6
        };
        self.rounds.push(Round {
            rate: stanzas / outcome.elapsed.as_secs_f64(),
            cpu: cpu.as_secs_f64() * 1e9 / stanzas,
            median: at(50),
            p99: at(99),
        });
    }
}

fn start(replies: bool) -> Vec<Relay> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let daemon = Process::daemon(&address, 0);
    let mut driver = Driver::log_in(&listener);
    driver.bring_online(std::iter::once("a".to_owned()));
    let token = driver.encoded_from();
    let mut relays = vec![Relay::new("jat-proxy", daemon, driver)];
    let stanza = driver::mean_stanza(&token, replies).to_string();
    // Base32: five bits a character.
    let signed = (token_chars(&token) * 5 / 8).to_string();
    for (name, arguments) in [
        ("limit: echo + HMAC", vec!["limit", &address, &stanza, &signed]),
        ("peer: tokio-xmpp + minidom", vec!["peer", &address]),
        ("plain echo, blocking", vec!["echo", &address]),
        ("plain echo, tokio", vec!["async-echo", &address]),
    ] {
        let process = Process::of_this_program(&arguments);
        let driver = match arguments[0] {
            "peer" => Driver::log_in(&listener),
            _ => Driver::echo(&listener, &token),
        };
        relays.push(Relay::new(name, process, driver));
    }
    relays
}

fn token_chars(encoded_from: &str) -> usize {
    encoded_from.len() - DOMAIN.len() - 1
}

/// The medians of all rounds, and the medians of the ratios within each round.
fn print(title: &str, relays: &[Relay], one_in_flight: bool) {
    let all = |relay: &Relay, of: fn(&Round) -> f64| median(relay.rounds.iter().map(of));
    let ratio = |relay, of| ratio(&relays[0], of, relay);
    println!("\n{title}:\n");
    if one_in_flight {
        println!("| | median | p99 | processor time a stanza | jat-proxy's median is | its time |");
        println!("|---|---|---|---|---|---|");
        for it in relays {
            println!(
                "| {} | {:.1} µs | {:.1} µs | {:.1} µs | {:.2} × | {:.2} × |",
                it.name,
                all(it, MEDIAN),
                all(it, |round| round.p99),
                all(it, |round| round.cpu / 1e3),
                ratio(it, MEDIAN),
                ratio(it, CPU)
            );
        }
    } else {
        println!("| | stanzas/s | processor time a stanza | jat-proxy's rate is | its time |");
        println!("|---|---|---|---|---|");
        for it in relays {
            println!(
                "| {} | {:.0} | {:.0} ns | {:.2} × | {:.2} × |",
                it.name,
                all(it, RATE),
                all(it, CPU),
                ratio(it, RATE),
                ratio(it, CPU)
            );
        }
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// How long each is measured at a time. Its processor time is known to 10 ms.
const ROUND: Duration = Duration::from_secs(1);
