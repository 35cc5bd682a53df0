//! A fleet of replicas on a seeded schedule: users ask, the implementing client answers late,
//! twice, out of order or never, somebody forges, and meanwhile replicas are killed, clocks
//! differ, keys rotate, the server restarts and the configuration changes. In some schedules
//! everything is relayed: users and the target write to each other, and subscribe.
//!
//! Only the pure core of the program takes part, without sockets or a clock, and one seed is one
//! schedule. The model knows what has to happen to each stanza, and checks that every reply reaches
//! the user who asked, from the address that was asked, with its id, and once; that nobody else
//! gets any; that a named event explains every missing one; and that the tallies add up.
//!
//! `SEED=n` replays one schedule and prints what happens in it, `SCHEDULES=n` sets their number.
//!
//! | file | what is in it |
//! |---|---|
//! | world | virtual time and the schedule |
//! | fault, operator | what goes wrong, and what operators do to the configuration and its keys |
//! | traffic, server | what users and the implementing client send, and who gets it |
//! | talk, names | messages, presence and requests of the target, where everything is relayed, and under which addresses |
//! | presence | the target's resources, and the presence that its server sends |
//! | fleet, replica, stream | the life of processes, the program in them, what is under way |
//! | judge, view, ledger | what each replica had to do, and what happened to each stanza |
//! | total, bugs | many schedules, and the bugs that must be found |

mod bugs;
mod fault;
mod fleet;
mod judge;
mod ledger;
mod names;
mod operator;
mod presence;
mod replica;
mod server;
mod services;
mod stream;
mod talk;
mod total;
mod traffic;
mod view;
mod world;

use std::env;

use bugs::Bug;
use fault::Fault;
use ledger::{Invariant, Loss};
use total::{Total, assert_good, run_named};
use world::{Log, run};

#[test]
fn every_reply_reaches_who_asked_or_is_accounted_for() {
    if let Some(seed) = number("SEED") {
        return assert_good(seed, &run_named(seed, Log::Printed));
    }
    let total = Total::of(number("SCHEDULES").unwrap_or(SCHEDULES));
    println!("{total}");
    if let Some((seed, outcome)) = total.failed.first_key_value() {
        assert_good(*seed, outcome);
    }
    if total.schedules >= 100 {
        let faults = Fault::ALL.iter().filter(|fault| !total.faults.contains_key(fault));
        let losses = Loss::ALL.iter().filter(|loss| !total.losses.contains_key(loss));
        let missing = (faults.collect::<Vec<_>>(), losses.collect::<Vec<_>>());
        assert!(missing.0.is_empty() && missing.1.is_empty(), "never happened: {missing:?}");
    }
}

#[test]
fn a_seed_is_a_schedule() {
    for seed in 0..5 {
        let [one, two] = [(); 2].map(|()| run(seed, None, Log::Kept(Vec::new())));
        assert_eq!((one.log, one.losses), (two.log, two.losses));
    }
}

#[test]
fn refused_future_keys_are_found() {
    finds(Bug::FutureKeysRefused, Invariant::Accounted);
}

#[test]
fn an_unbound_peer_is_found() {
    finds(Bug::PeerNotBound, Invariant::Authentic);
}

#[test]
fn an_unbound_address_is_found() {
    finds(Bug::AskedNotBound, Invariant::Address);
}

#[test]
fn an_expiry_off_by_the_skew_is_found() {
    finds(Bug::ExpiryOffBySkew, Invariant::InTime);
}

#[test]
fn an_id_taken_from_the_reply_is_found() {
    finds(Bug::IdFromReply, Invariant::Id);
}

#[test]
fn an_alias_that_is_not_read_is_found() {
    finds(Bug::AliasIgnored, Invariant::Resource);
}

#[test]
fn a_forgotten_face_is_found() {
    finds(Bug::FaceForgotten, Invariant::Address);
}

#[test]
fn the_mirror_of_somebody_else_is_found() {
    finds(Bug::NodeForgotten, Invariant::Address);
}

#[test]
fn a_stanza_that_goes_out_twice_is_found() {
    finds(Bug::SaysTwice, Invariant::Once);
}

#[test]
fn the_targets_address_in_a_payload_is_found() {
    finds(Bug::NotScrubbed, Invariant::Hidden);
}

#[test]
fn one_that_never_asks_again_is_found() {
    finds(Bug::NeverAsksAgain, Invariant::Served);
}

#[test]
fn one_that_never_doubts_is_found() {
    finds(Bug::NeverDoubts, Invariant::Stale);
}

/// Checks that this invariant is soon found to be broken when one replica has this bug.
fn finds(bug: Bug, broken: Invariant) {
    let violation = (0..WITHIN).find_map(|seed| {
        let violations = run(seed, Some(bug), Log::Off).violations;
        violations.into_iter().find(|v| v.broken == broken).map(|v| (seed, v))
    });
    let Some((seed, violation)) = violation else {
        panic!("{bug:?} does not break {broken:?} in {WITHIN} schedules");
    };
    println!("{bug:?} is found in schedule {seed}: {violation}");
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|value| value.parse().expect("a number"))
}

/// These take less than a minute on two slow cores.
const SCHEDULES: u64 = if cfg!(debug_assertions) { 300 } else { 10_000 };
/// Within how many schedules a planted bug must be found.
const WITHIN: u64 = 40;
