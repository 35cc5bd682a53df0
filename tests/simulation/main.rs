//! A fleet of replicas on a seeded schedule: users ask, the implementing client answers late,
//! twice, out of order or never, somebody forges, and meanwhile replicas are killed, clocks
//! differ, keys rotate, the server restarts and the configuration changes.
//!
//! Only the pure core of the program takes part: no sockets, no clock, and one seed is one
//! schedule. The model knows what is due for each stanza, and checks that every reply reaches
//! the user who asked, from the address and under the id that was asked, once, that nobody else
//! gets any, that a named event explains every missing one, and that the tallies add up.
//!
//! `SEED=n` replays one schedule, `SCHEDULES=n` sets their number.

mod bugs;
mod fleet;
mod judge;
mod ledger;
mod operator;
mod replica;
mod server;
mod traffic;
mod world;
mod xml;

use std::collections::BTreeMap;
use std::env;
use std::thread;
use std::time::Instant;

use bugs::Bug;
use ledger::{Loss, Wrong};
use world::{Outcome, run};

#[test]
fn every_reply_reaches_who_asked_or_is_accounted_for() {
    let seeds: Vec<u64> = match (number("SEED"), number("SCHEDULES")) {
        (Some(seed), _) => vec![seed],
        (None, schedules) => (0..schedules.unwrap_or(SCHEDULES)).collect(),
    };
    let begun = Instant::now();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let totals: Vec<Total> = thread::scope(|scope| {
        let share = seeds.len().div_ceil(threads);
        let shares: Vec<_> =
            seeds.chunks(share).map(|seeds| scope.spawn(|| Total::of(seeds))).collect();
        shares.into_iter().map(|share| share.join().expect("a panic in a schedule")).collect()
    });
    let mut losses: BTreeMap<Loss, usize> = BTreeMap::new();
    for (loss, count) in totals.iter().flat_map(|total| &total.losses) {
        *losses.entry(*loss).or_default() += count;
    }
    let [requests, arrived, faults] = [
        totals.iter().map(|t| t.requests).sum::<usize>(),
        totals.iter().map(|t| t.arrived).sum(),
        totals.iter().map(|t| t.faults).sum(),
    ];
    println!(
        "{} schedules in {:.1} s on {threads} threads: {requests} requests, {faults} faults, \
         {arrived} replies delivered; not delivered: {losses:?}",
        seeds.len(),
        begun.elapsed().as_secs_f64()
    );
    if seeds.len() >= 100 {
        let missing: Vec<&Loss> = Loss::ALL.iter().filter(|l| !losses.contains_key(l)).collect();
        assert!(missing.is_empty(), "never happened: {missing:?}");
    }
}

#[test]
fn a_seed_is_a_schedule() {
    for seed in 0..5 {
        let [one, two] = [run(seed, None), run(seed, None)];
        assert_eq!((one.log, one.losses, one.arrived), (two.log, two.losses, two.arrived));
    }
}

#[test]
fn refused_future_keys_are_found() {
    finds(Bug::FutureKeysRefused, Wrong::Unaccounted);
}

#[test]
fn an_unbound_peer_is_found() {
    finds(Bug::PeerNotBound, Wrong::Forgery);
}

#[test]
fn an_unbound_address_is_found() {
    finds(Bug::AskedNotBound, Wrong::Address);
}

#[test]
fn an_expiry_off_by_the_skew_is_found() {
    finds(Bug::ExpiryOffBySkew, Wrong::Overdue);
}

#[test]
fn an_id_taken_from_the_reply_is_found() {
    finds(Bug::IdFromReply, Wrong::Id);
}

/// Does the checker report `wrong` soon when one replica has this bug?
fn finds(bug: Bug, wrong: Wrong) {
    let is_found = |seed: &u64| run(*seed, Some(bug)).violations.iter().any(|v| v.wrong == wrong);
    let found = (0..WITHIN).find(is_found);
    println!("{bug:?}: {wrong:?} in schedule {found:?}");
    assert!(found.is_some(), "{bug:?} is not found as {wrong:?} in {WITHIN} schedules");
}

/// Sums over schedules.
#[derive(Default)]
struct Total {
    requests: usize,
    arrived: usize,
    faults: usize,
    losses: BTreeMap<Loss, usize>,
}

impl Total {
    /// Panics at the first schedule that something is wrong with.
    fn of(seeds: &[u64]) -> Self {
        let mut total = Self::default();
        for seed in seeds {
            let outcome = {
                let _running = Running(*seed);
                run(*seed, None)
            };
            outcome.assert_good(*seed);
            total.requests += outcome.requests;
            total.arrived += outcome.arrived;
            total.faults += outcome.faults;
            for (loss, count) in outcome.losses {
                *total.losses.entry(loss).or_default() += count;
            }
        }
        total
    }
}

/// Names the schedule in which the program panics.
struct Running(u64);

impl Drop for Running {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("replay with SEED={} cargo test --test simulation", self.0);
        }
    }
}

impl Outcome {
    fn assert_good(&self, seed: u64) {
        let shown: Vec<String> =
            self.violations.iter().take(10).map(|v| format!("{:?}: {}", v.wrong, v.text)).collect();
        assert!(
            shown.is_empty(),
            "{} violations, replay with SEED={seed} cargo test --test simulation\n{}\n{}",
            self.violations.len(),
            self.log.join("\n"),
            shown.join("\n")
        );
        let size = (self.replicas, self.requests, self.faults);
        assert!(size.0 >= 3 && size.1 >= 100 && size.2 >= 10, "seed {seed} is too small: {size:?}");
    }
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|value| value.parse().expect("a number"))
}

/// About 45 s of processor time without optimisation.
const SCHEDULES: u64 = 1_000;
/// In how many schedules a planted bug must be found.
const WITHIN: u64 = 40;
