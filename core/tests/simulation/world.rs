//! Virtual time: the events to come, in their order.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use fastrand::Rng;
use jat_core::jat::dispatch::Dispatch;
use jat_core::jat::settings::TokenIn;

use crate::bugs::Bug;
use crate::fault::Fault;
use crate::ledger::{Fate, Ledger, Loss, Violation};
use crate::operator::File;
use crate::replica::Replica;
use crate::stream::Stream;
use crate::talk::Talk;
use crate::traffic::{PlannedReply, TARGET_RESOURCES};

pub struct World {
    pub rng: Rng,
    /// Milliseconds since the schedule began.
    pub at: u64,
    pub replicas: Vec<Replica>,
    pub file: File,
    pub faults: BTreeMap<Fault, usize>,
    pub ledger: Ledger,
    pub queue: BTreeMap<(u64, u64), Event>,
    scheduled: u64,
    /// Whom the target's server sends presence to, with the address of each.
    pub roster: Vec<Talk>,
    /// Resources of the target.
    pub online: BTreeSet<&'static str>,
    /// Those that the component's server can't reach, without notice.
    pub cut_off: BTreeSet<&'static str>,
    /// When each was last cut off or could be reached again.
    pub changed: BTreeMap<&'static str, u64>,
    /// Whether the target's server loses presence, sends it in the wrong order, and does not report
    /// that hosts die.
    pub loses_presence: bool,
    /// Whether the server at first sends a component's echoes to any replica. A replica that notices
    /// sends many more echoes, so this is true of few schedules only.
    pub echoes_stray: bool,
    /// Which machine has a bug.
    pub bug: Option<(usize, Bug)>,
    log: Log,
}

#[derive(Clone, Debug)]
pub enum Event {
    /// A user asks, or writes.
    Ask,
    /// Somebody writes.
    Say(Box<Talk>),
    /// Names are made with the newest name key.
    NewNames,
    /// The client's server sends a reply, if its sender is online.
    Answer(PlannedReply),
    /// A replica reads, writes, handles timers, logs in or ends on a stream.
    Read(StreamPlace),
    Write(StreamPlace),
    Tick(StreamPlace),
    Connect(StreamPlace),
    End(StreamPlace),
    /// A replica rereads its file.
    Reload(usize),
    /// A machine starts a process.
    Start(usize),
    SomeFault,
    Fault(Fault),
    /// A key is no longer needed.
    Prune,
    /// Resources that were cut off are reached again.
    Heal,
    /// A stream of this number has had the time to find all of them.
    Found(StreamPlace, u32),
}

/// One stream of one replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamPlace {
    pub replica: usize,
    pub role: usize,
}

/// What to do with the lines that say what happens.
#[derive(Debug, PartialEq, Eq)]
pub enum Log {
    Off,
    Kept(Vec<String>),
    /// They are printed at once, so that a panic does not lose them.
    Printed,
}

/// The result of a schedule.
pub struct ScheduleResult {
    pub violations: Vec<Violation>,
    /// Replicas at the beginning.
    pub replicas: usize,
    pub requests: usize,
    /// Messages, presence and requests of the target.
    pub talks: usize,
    /// Replies that reached a user.
    pub delivered: usize,
    pub faults: BTreeMap<Fault, usize>,
    pub losses: BTreeMap<Loss, usize>,
    pub log: Log,
}

/// Runs the schedule of a seed, maybe with a bug in one replica, to its end, or until shortly after
/// the first violation.
pub fn run(seed: u64, bug: Option<Bug>, log: Log) -> ScheduleResult {
    let mut world = World::new(seed, bug, log);
    let replicas = world.replicas.len();
    let mut end = u64::MAX;
    while let Some((due, event)) = world.queue.pop_first().filter(|(due, _)| due.0 <= end) {
        world.at = due.0;
        let known = world.ledger.violations.len();
        world.happen(event);
        if world.ledger.violations.len() > known {
            world.log_violations(known);
            end = end.min(world.at + AFTERMATH);
        }
    }
    let mut losses = BTreeMap::new();
    if end == u64::MAX {
        (0..world.replicas.len()).for_each(|number| world.settle(number));
        losses = world.ledger.close();
        world.log_violations(0);
    }
    let replies = world.ledger.replies.iter();
    ScheduleResult {
        replicas,
        requests: world.ledger.asks.len(),
        talks: world.ledger.talks.len(),
        delivered: replies.filter(|reply| reply.fate == Fate::Arrived).count(),
        violations: world.ledger.violations,
        faults: world.faults,
        losses,
        log: world.log,
    }
}

impl World {
    fn new(seed: u64, bug: Option<Bug>, log: Log) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut file = File::new();
        file.relays_all = bug.map_or(rng.u8(..4) == 0, Bug::concerns_talk);
        if !file.relays_all && rng.u8(..3) == 0 {
            file.token_in = TokenIn::Id;
        }
        if rng.u8(..3) == 0 {
            file.dispatch = Dispatch::Sticky;
        }
        file.presence_domains = rng.bool();
        let mut world = Self {
            at: 0,
            replicas: Vec::new(),
            file,
            faults: BTreeMap::new(),
            ledger: Ledger::default(),
            queue: BTreeMap::new(),
            scheduled: 0,
            roster: Vec::new(),
            online: TARGET_RESOURCES
                .into_iter()
                .take(rng.usize(1..=TARGET_RESOURCES.len()))
                .collect(),
            cut_off: BTreeSet::new(),
            changed: BTreeMap::new(),
            loses_presence: rng.bool(),
            echoes_stray: rng.u8(..64) == 0,
            bug: bug.map(|bug| (0, bug)),
            log,
            rng,
        };
        let replicas = if world.rng.u8(..4) == 0 { 4 } else { 3 };
        (0..replicas).for_each(|slot| world.start(slot));
        world.plan();
        world
    }

    /// Requests come in bursts, most of them around a fault. Keys rotate in every schedule, in
    /// half of them twice at a time.
    fn plan(&mut self) {
        let at = self.rng.u64(40_000..200_000);
        self.schedule_at(at, Event::Fault(Fault::AddKey));
        if self.rng.bool() {
            let at = at + self.rng.u64(1_000..50_000);
            self.schedule_at(at, Event::Fault(Fault::AddKeyMeanwhile));
        }
        let mut moments: Vec<u64> = (0..10).map(|_| self.rng.u64(10_000..LAST_FAULT)).collect();
        for moment in &moments {
            self.schedule_at(*moment, Event::SomeFault);
        }
        moments.extend((0..6).map(|_| self.rng.u64(5_000..LAST_FAULT)));
        // Some users write instead of sending requests, and few of the target's resources may be online.
        let at_once = if self.file.relays_all { 14 } else { 11 };
        for moment in moments {
            for _ in 0..at_once {
                let at = moment - 1_000 + self.rng.u64(..1_500);
                self.schedule_at(at, Event::Ask);
            }
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Ask if self.file.relays_all && self.rng.bool() => self.talk(),
            Event::Ask => self.ask(),
            Event::Say(talk) => self.say(*talk),
            Event::NewNames => self.new_names(),
            Event::Answer(answer) => self.answer(answer),
            Event::Read(place) => self.read_some(place),
            Event::Write(place) => self.write_some(place),
            Event::Tick(place) => self.tick(place),
            Event::Connect(place) => self.connect(place),
            Event::End(place) => self.end(place),
            Event::Reload(number) => self.reload(number),
            Event::Start(slot) => self.start(slot),
            Event::SomeFault => self.some_fault(),
            Event::Fault(fault) => self.fault(fault),
            Event::Prune => self.prune(),
            Event::Heal => self.heal(),
            Event::Found(place, serial) => self.must_have_found(place, serial),
        }
    }

    pub fn schedule_at(&mut self, at: u64, event: Event) {
        self.scheduled += 1;
        self.queue.insert((at.max(self.at), self.scheduled), event);
    }

    pub fn schedule(&mut self, after: u64, event: Event) {
        self.schedule_at(self.at + after, event);
    }

    pub fn stream(&mut self, place: StreamPlace) -> &mut Stream {
        &mut self.replicas[place.replica].streams[place.role]
    }

    /// Where a replica has its streams.
    pub fn places(&self, replica: usize) -> impl Iterator<Item = StreamPlace> + use<> {
        (0..self.replicas[replica].streams.len()).map(move |role| StreamPlace { replica, role })
    }

    /// Logs those after the first `known` ones.
    fn log_violations(&mut self, known: usize) {
        for number in known..self.ledger.violations.len() {
            let line = format!("VIOLATION: {}", self.ledger.violations[number]);
            self.log(|| line);
        }
    }

    pub fn log(&mut self, line: impl FnOnce() -> String) {
        let line = |at: u64| format!("{:9.3} s  {}", at as f64 / 1000.0, line());
        match &mut self.log {
            Log::Off => {}
            Log::Kept(lines) => lines.push(line(self.at)),
            Log::Printed => println!("{}", line(self.at)),
        }
    }
}

impl fmt::Display for StreamPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = if self.role == 0 { "" } else { ", presence" };
        write!(f, "replica {}{role}", self.replica)
    }
}

/// For how many milliseconds a schedule continues after a violation.
const AFTERMATH: u64 = 1_000;
/// Milliseconds of the schedule.
const LAST_FAULT: u64 = 600_000;
