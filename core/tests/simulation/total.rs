//! Many schedules on all cores, and their sums.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::fault::Fault;
use crate::ledger::Loss;
use crate::world::{Log, ScheduleResult, run};

#[derive(Default)]
pub struct Total {
    pub schedules: u64,
    pub time: Duration,
    pub threads: usize,
    pub requests: usize,
    pub talks: usize,
    pub delivered: usize,
    pub faults: BTreeMap<Fault, usize>,
    pub losses: BTreeMap<Loss, usize>,
    /// Schedules that failed, the first on each core.
    pub failed: BTreeMap<u64, ScheduleResult>,
}

impl Total {
    /// Runs the schedules of so many seeds, from 0 on, or until one fails.
    pub fn of(schedules: u64) -> Self {
        let begun = Instant::now();
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let next = AtomicU64::new(0);
        let mut total = Self { threads, ..Self::default() };
        thread::scope(|scope| {
            let shares: Vec<_> =
                (0..threads).map(|_| scope.spawn(|| Self::share(&next, schedules))).collect();
            for share in shares {
                total.add(share.join().expect("a schedule ended in a panic, see above"));
            }
        });
        total.time = begun.elapsed();
        total
    }

    fn share(next: &AtomicU64, schedules: u64) -> Self {
        let mut total = Self::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= schedules {
                return total;
            }
            let outcome = run_named(seed, Log::Off);
            if outcome.is_good() {
                total.add(Self::from(outcome));
            } else {
                next.store(schedules, Ordering::Relaxed);
                total.failed.insert(seed, outcome);
            }
        }
    }

    fn add(&mut self, other: Self) {
        self.schedules += other.schedules;
        self.requests += other.requests;
        self.talks += other.talks;
        self.delivered += other.delivered;
        for (fault, count) in other.faults {
            *self.faults.entry(fault).or_default() += count;
        }
        for (loss, count) in other.losses {
            *self.losses.entry(loss).or_default() += count;
        }
        self.failed.extend(other.failed);
    }
}

impl From<ScheduleResult> for Total {
    fn from(outcome: ScheduleResult) -> Self {
        let ScheduleResult { requests, talks, delivered, faults, losses, .. } = outcome;
        Self { schedules: 1, requests, talks, delivered, faults, losses, ..Self::default() }
    }
}

impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, threads) = (self.time.as_secs_f64(), self.threads);
        writeln!(f, "{} schedules in {seconds:.1} s on {threads} cores", self.schedules)?;
        let Self { requests, delivered, talks, .. } = self;
        writeln!(f, "{requests} requests, {delivered} replies delivered, {talks} other stanzas")?;
        writeln!(f, "faults: {} {:?}", self.faults.values().sum::<usize>(), self.faults)?;
        write!(f, "not delivered: {} {:?}", self.losses.values().sum::<usize>(), self.losses)
    }
}

/// Runs a schedule, and prints its seed if the program panics.
pub fn run_named(seed: u64, log: Log) -> ScheduleResult {
    let named = Named(seed);
    let outcome = run(seed, None, log);
    std::mem::forget(named);
    outcome
}

struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        println!("schedule {} ended in a panic; {}", self.0, replay(self.0));
    }
}

/// How to run a schedule again.
pub fn replay(seed: u64) -> String {
    let release = if cfg!(debug_assertions) { "" } else { " --release" };
    format!("replay it with:\n    SEED={seed} cargo test{release} --test simulation every_reply")
}

/// Panics if a schedule failed, and says why and how to run it again.
pub fn assert_good(seed: u64, outcome: &ScheduleResult) {
    let violations: Vec<String> = outcome.violations.iter().map(|v| v.to_string()).collect();
    let replay = replay(seed);
    let shown = violations.join("\n");
    assert!(violations.is_empty(), "schedule {seed} goes wrong; {replay}\n{shown}");
    let size = outcome.size();
    assert!(outcome.is_large(), "schedule {seed} is too small: {size:?}; {replay}");
}

impl ScheduleResult {
    /// Replicas, requests and other stanzas, faults.
    fn size(&self) -> [usize; 3] {
        [self.replicas, self.requests + self.talks, self.faults.values().sum()]
    }

    fn is_large(&self) -> bool {
        self.size().iter().zip(MIN_SIZE).all(|(is, due)| *is >= due)
    }

    fn is_good(&self) -> bool {
        self.violations.is_empty() && self.is_large()
    }
}

/// Replicas, requests and other stanzas, and faults that a schedule must have at least.
const MIN_SIZE: [usize; 3] = [3, 200, 10];
