//! Virtual time: what is going to happen, in the order in which it will.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use jat_proxy::jat::dispatch::Dispatch;
use jat_proxy::jat::settings::TokenIn;

use crate::bugs::Bug;
use crate::ledger::{Fate, Ledger, Loss, Violation};
use crate::operator::{Fault, File};
use crate::replica::{Letter, Replica};
use crate::traffic::{Answer, RESOURCES};

pub struct World {
    pub rng: Rng,
    /// Milliseconds since the schedule began.
    pub at: u64,
    pub replicas: Vec<Replica>,
    pub file: File,
    pub next_key: u8,
    pub faults: usize,
    pub ledger: Ledger,
    pub queue: BTreeMap<(u64, u64), Event>,
    scheduled: u64,
    /// Resources of the target.
    pub online: BTreeSet<&'static str>,
    /// Does the server deliver what a component sends to itself? The echoes are as many as all
    /// requests, so most schedules do without.
    pub echoes: bool,
    /// Which machine has a bug.
    pub bug: Option<(usize, Bug)>,
    log: Vec<String>,
}

#[derive(Clone, Debug)]
pub enum Event {
    /// A user asks.
    Ask,
    /// The client's server sends a reply, if its sender is online.
    Answer(Answer),
    /// A stanza for the component's domain is at the server.
    Route(Letter),
    /// A replica reads, writes, does what is due by time, logs in, ends, rereads its file.
    Read(usize),
    Write(usize),
    Tick(usize),
    Connect(usize),
    End(usize),
    Reload(usize),
    /// A machine starts a process.
    Start(usize),
    SomeFault,
    Fault(Fault),
    /// The time of the keys before this one is over.
    Prune(u8),
}

/// What came of a schedule.
pub struct Outcome {
    pub violations: Vec<Violation>,
    pub requests: usize,
    pub arrived: usize,
    pub faults: usize,
    /// Replicas at the beginning.
    pub replicas: usize,
    pub losses: BTreeMap<Loss, usize>,
    pub log: Vec<String>,
}

/// Runs the schedule of a seed, with a bug in one replica perhaps.
pub fn run(seed: u64, bug: Option<Bug>) -> Outcome {
    let mut world = World::new(seed, bug);
    let replicas = world.replicas.len();
    while let Some((due, event)) = world.queue.pop_first() {
        world.at = due.0;
        world.happen(event);
    }
    for number in 0..world.replicas.len() {
        world.settle(number);
    }
    let losses = world.ledger.close();
    let replies = world.ledger.replies.iter();
    Outcome {
        requests: world.ledger.asks.len(),
        arrived: replies.filter(|reply| reply.fate == Fate::Arrived).count(),
        violations: world.ledger.violations,
        faults: world.faults,
        replicas,
        losses,
        log: world.log,
    }
}

impl World {
    fn new(seed: u64, bug: Option<Bug>) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut file = File::new();
        if rng.u8(..3) == 0 {
            file.token_in = TokenIn::Id;
        }
        if rng.u8(..3) == 0 {
            file.dispatch = Dispatch::Sticky;
        }
        let mut world = Self {
            at: 0,
            replicas: Vec::new(),
            file,
            next_key: 2,
            faults: 0,
            ledger: Ledger::default(),
            queue: BTreeMap::new(),
            scheduled: 0,
            online: RESOURCES.into_iter().take(rng.usize(1..=RESOURCES.len())).collect(),
            echoes: rng.u8(..8) == 0,
            bug: bug.map(|bug| (0, bug)),
            log: Vec::new(),
            rng,
        };
        for slot in 0..world.rng.usize(3..=4) {
            world.start(slot);
        }
        world.plan();
        world
    }

    /// Requests come in bursts, most of them around a fault.
    fn plan(&mut self) {
        let at = self.rng.u64(40_000..450_000);
        self.schedule_at(at, Event::Fault(Fault::AddKey));
        let mut moments: Vec<u64> = (0..10).map(|_| self.rng.u64(10_000..LAST_FAULT)).collect();
        for moment in &moments {
            self.schedule_at(*moment, Event::SomeFault);
        }
        moments.truncate(5);
        moments.extend((0..3).map(|_| self.rng.u64(5_000..LAST_FAULT)));
        for moment in moments {
            for _ in 0..10 {
                let at = moment - 1_000 + self.rng.u64(..1_500);
                self.schedule_at(at, Event::Ask);
            }
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Ask => self.ask(),
            Event::Answer(answer) => self.answer(answer),
            Event::Route(letter) => self.route(letter),
            Event::Read(number) => self.read(number),
            Event::Write(number) => self.write(number),
            Event::Tick(number) => self.tick(number),
            Event::Connect(number) => self.connect(number),
            Event::End(number) => self.end(number),
            Event::Reload(number) => self.reload(number),
            Event::Start(slot) => self.start(slot),
            Event::SomeFault => self.some_fault(),
            Event::Fault(fault) => self.fault(fault),
            Event::Prune(successor) => self.prune(successor),
        }
    }

    pub fn schedule_at(&mut self, at: u64, event: Event) {
        self.scheduled += 1;
        self.queue.insert((at.max(self.at), self.scheduled), event);
    }

    pub fn schedule(&mut self, after: u64, event: Event) {
        self.schedule_at(self.at + after, event);
    }

    pub fn log(&mut self, line: String) {
        self.log.push(format!("{:9.3} s  {line}", self.at as f64 / 1000.0));
    }
}

/// Milliseconds of the schedule.
const LAST_FAULT: u64 = 1_000_000;
