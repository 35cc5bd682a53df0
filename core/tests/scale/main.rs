//! A cluster far larger than one machine: what presence and probes cost it, and how that grows
//! with the replicas and with the resources of the target.
//!
//! The replicas are the real ones, without sockets and clocks. The server is a model with only what
//! decides who gets which presence: nodes, local connections first, a presence domain for each
//! replica, an answer to a probe from each resource, no notice of hosts that die.
//!
//!     cargo test --release --test scale how_that_grows -- --ignored --nocapture
//!
//! prints the figures of docs/capacity.md; with `a_thousand` instead of the name, which takes long,
//! those of 1,000 replicas on 100 nodes with 10,000 resources.
//!
//! Every replica is simulated, with a list of its own. A million users are not: users who send
//! requests independently at random moments are Poisson processes, and together they are one, with a
//! random user for each request. So their number changes only the rate.
//!
//! | file | what is in it |
//! |---|---|
//! | phase | what happens to the cluster |
//! | cluster | virtual time, and the server |
//! | bots | the target's resources |
//! | replica | the program on its two streams |
//! | expense | how many stanzas of each kind, and how many a second |
//! | growth | how that grows |
//! | cost | time for one stanza |
//! | by_hand | sizes that take minutes and gigabytes |

mod bots;
mod by_hand;
mod cluster;
mod cost;
mod expense;
mod growth;
mod phase;
mod replica;

use std::thread;
use std::time::Duration;

use allocation_counter::measure;
use jat_core::jat::dispatch::Dispatch;

use bots::available;
use cluster::{Cluster, Size};
use expense::{Expense, Kind};
use growth::Growth;
use phase::Phase;
use replica::{Replica, Role};

/// The cost of a replica does not depend on how many there are, and the answers that it asks for in
/// the long run do not grow with the list.
#[test]
fn nothing_grows_with_replicas_times_resources_but_what_everybody_must_be_told() {
    let sizes = [3, 6]
        .into_iter()
        .flat_map(|replicas| [700, 2_800].map(|resources| Size { nodes: 3, replicas, resources }));
    let runs: Vec<_> = thread::scope(|scope| {
        let run = |size| scope.spawn(move || (size, run(size, &Phase::ALL, 0.4)));
        let runs: Vec<_> = sizes.map(run).collect();
        runs.into_iter().map(|run| run.join().expect("see above")).collect()
    });
    for (number, phase) in Phase::ALL.iter().enumerate() {
        // With less than one probe of each replica the growth can't be measured.
        let of = |kind, least: fn(&Size) -> u64| {
            let counts = runs.iter().map(|(size, all)| (*size, all[number].count(kind)));
            Growth::of(counts.map(|(size, count)| (size, count.max(least(&size)))))
        };
        let probes = of(Kind::Probe, |size| size.replicas as u64);
        let answers = match phase.is_lasting() {
            true => of(Kind::Answer, |size| (size.replicas * 700) as u64),
            false => of(Kind::Answer, |size| (size.replicas * size.resources) as u64),
        };
        println!("{}: probes {probes}, answers {answers}", phase.name());
        for growth in [probes, answers] {
            assert!(growth.replicas < 1.5, "{phase:?}: with replicas {growth}");
        }
        for (size, all) in &runs {
            let replicas = size.replicas as f64;
            let seconds = all[number].seconds() as f64;
            let [probes, answers] = [Kind::Probe, Kind::Answer].map(|kind| all[number].count(kind));
            let (probes, answers) = (probes as f64 / replicas, answers as f64 / replicas);
            let lists = answers / size.resources as f64;
            if phase.is_lasting() {
                let each = answers / seconds;
                assert!(each < MOST_ANSWERS, "{phase:?}, {size:?}: {each:.1} answers a second");
            } else {
                assert!(lists < MOST_LISTS, "{phase:?}, {size:?}: {lists:.1} whole lists");
            }
            assert!(probes < MOST_PROBES, "{phase:?}, {size:?}: {probes:.1} probes");
            if *phase == Phase::ThirdDies {
                let [requests, failed] =
                    [Kind::Request, Kind::Failed].map(|it| all[number].count(it));
                assert!(failed * 10 < requests, "{size:?}: {failed} of {requests} failed");
            }
        }
        if phase.is_lasting() {
            // Up to 1,200 resources the pause is what it is for a few.
            assert!(answers.resources < 0.9, "{phase:?}: {answers}");
            assert!(probes.resources < 0.1, "{phase:?}: {probes}");
        } else {
            assert!(answers.resources < 1.2, "{phase:?}: {answers}");
        }
    }
}

/// What each phase costs a cluster of this size, where so many requests a second come to each
/// replica.
fn run(size: Size, phases: &[Phase], requests: f64) -> Vec<Expense> {
    let mut cluster = Cluster::new(size, requests);
    let all = phases.iter().map(|phase| phase.run(&mut cluster)).collect();
    assert!(!cluster.replicas.iter().any(Replica::shares_its_presence_domain));
    all
}

#[test]
fn the_list_of_a_replica_takes_so_much() {
    let bytes = |resources: usize| {
        let mut replica = None;
        let presence: String =
            (0..resources).map(|number| available(number, "r0.proxy.example")).collect();
        let taken = measure(|| {
            let mut new = Replica::new(0, 0, Dispatch::Random);
            new.connect(0);
            new.read(Role::Presence, presence.as_bytes(), 0);
            assert_eq!(new.online(), resources);
            replica = Some(new);
        });
        drop(replica);
        taken.bytes_current as f64
    };
    let [none, some, many] = [0, 1_000, 10_000].map(bytes);
    let each = (many - some) / 9_000.0;
    println!("{:.0} kB and {each:.0} bytes for each resource", none / 1e3);
    assert!((100.0..450.0).contains(&each), "{each} bytes for each resource");
}

/// A second for each replica: a million users who ask ten times an hour, over a thousand.
const REQUESTS: f64 = 1_000_000.0 * 10.0 / 3_600.0 / 1_000.0;
/// How long a lasting problem is simulated.
const AFTERMATH: Duration = Duration::from_secs(600);
/// Answers a second that a replica may cause in that time: 20 for each of two causes, and more at
/// first.
const MOST_ANSWERS: f64 = 60.0;
/// How often a replica may ask for the whole list when many resources came or went at once.
const MOST_LISTS: f64 = 6.0;
const MOST_PROBES: f64 = 60.0;
