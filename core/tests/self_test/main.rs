//! Thousands of simulated logins: a process that has its domain to itself never believes that
//! another one shares it, however slow the server is, and whatever of a dead predecessor is left;
//! a process that does share it says so within ten seconds.
//!
//! The sessions are the real ones, the server is a model of a few lines, and time is virtual.
//! `SEED=n` replays one schedule. For the figures: `cargo test --test self_test -- --nocapture`.

mod fleet;
mod lone;
mod process;
mod world;

use std::env;
use std::ops::Range;
use std::thread;
use std::time::Instant;

use lone::{Login, Pace, Trouble};

#[test]
fn a_lone_process_never_raises_the_alarm() {
    let begun = Instant::now();
    let logins = each(0..LONE, lone::run);
    let of = |fits: fn(&Login) -> bool| logins.iter().filter(|login| fits(login)).count();
    let ordinary = logins.iter().filter(|login| login.is_ordinary());
    println!(
        "{} logins of a lone process in {:.1} s, no false alarm. The server still had a dead \
         predecessor in {}, and echoes of its in {}; it took up to 3 s in {}, 7 s in {}; it stood \
         still in {}, read nothing in {}; the process was stopped and continued in {}. More than \
         one round of echoes went out in {}. But for those with an interruption, or 7 s, each \
         was `alone` within {} ms.",
        logins.len(),
        begun.elapsed().as_secs_f64(),
        of(|login| login.predecessor),
        of(|login| login.stale),
        of(|login| login.pace == Pace::Slow),
        of(|login| login.pace == Pace::Crawling),
        of(|login| login.trouble == Trouble::Frozen),
        of(|login| login.trouble == Trouble::Unread),
        of(|login| login.trouble == Trouble::Stopped),
        of(|login| login.rounds > 1),
        ordinary.map(|login| login.alone_after).max().unwrap_or(0),
    );
}

#[test]
fn processes_that_share_a_domain_say_so_within_ten_seconds() {
    let begun = Instant::now();
    let fleets = each(0..FLEETS, fleet::run);
    let mut after: Vec<u64> = fleets.iter().flat_map(|f| f.shared_after.clone()).collect();
    after.sort_unstable();
    let share = |percent: usize| after.get(after.len() * percent / 100).copied().unwrap_or(0);
    println!(
        "{} processes on {} shared domains in {:.1} s. Each said `shared`: half of them within \
         {} ms, 95 % within {} ms, the last within {} ms ({} took longer than 10 s, since they \
         heard nothing for 3 s). The last on its domain was `alone` again within {} ms.",
        after.len(),
        fleets.len(),
        begun.elapsed().as_secs_f64(),
        share(50),
        share(95),
        after.last().unwrap_or(&0),
        after.iter().filter(|ms| **ms > 10_000).count(),
        fleets.iter().map(|fleet| fleet.alone_after).max().unwrap_or(0),
    );
}

/// Runs the schedules of these seeds on all cores.
fn each<T: Send>(seeds: Range<u64>, run: fn(u64) -> T) -> Vec<T> {
    let seeds: Vec<u64> = match env::var("SEED") {
        Ok(seed) => vec![seed.parse().expect("a number")],
        Err(_) => seeds.collect(),
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let share = seeds.len().div_ceil(threads);
        let shares: Vec<thread::ScopedJoinHandle<'_, Vec<T>>> = seeds
            .chunks(share)
            .map(|seeds| scope.spawn(move || seeds.iter().map(|seed| named(*seed, run)).collect()))
            .collect();
        shares.into_iter().flat_map(|share| share.join().expect("a schedule that fails")).collect()
    })
}

fn named<T>(seed: u64, run: fn(u64) -> T) -> T {
    let _running = Running(seed);
    run(seed)
}

/// Prints the schedule that fails.
struct Running(u64);

impl Drop for Running {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("replay with SEED={} cargo test --test self_test", self.0);
        }
    }
}

const LONE: u64 = 10_000;
const FLEETS: u64 = 250;
