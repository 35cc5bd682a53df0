//! Virtual time, and the server in the middle: it hands each stanza for the component's domain
//! to a random connected replica.
//!
//! Presence is the exception: every replica gets its own, as with a presence domain of its own.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use jat_proxy::jat::dispatch::Dispatch;
use jat_proxy::jat::reason::{Direction, Reason};
use jat_proxy::jat::settings::TokenIn;

use crate::bugs::Bug;
use crate::ledger::{Fate, Forwarded, How, Ledger, Loss, Reply, Violation, Wrong};
use crate::operator::{Fault, File};
use crate::replica::{Letter, Replica, State, TARGET, What, full};
use crate::traffic::{self, Answer, RESOURCES, TTL};
use crate::xml;

pub struct World {
    pub rng: Rng,
    /// Milliseconds since the schedule began.
    pub at: u64,
    pub replicas: Vec<Replica>,
    pub file: File,
    pub next_key: u8,
    pub faults: usize,
    ledger: Ledger,
    queue: BTreeMap<(u64, u64), Event>,
    scheduled: u64,
    /// Resources of the target.
    online: BTreeSet<&'static str>,
    /// Does the server deliver what a component sends to itself? The echoes are as many as all
    /// requests, so most schedules do without.
    echoes: bool,
    /// Which machine has a bug.
    bug: Option<(usize, Bug)>,
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
        let at = self.rng.u64(20_000..450_000);
        self.schedule_at(at, Event::Fault(Fault::AddKey));
        let mut moments: Vec<u64> = (0..12).map(|_| self.rng.u64(10_000..LAST_FAULT)).collect();
        for moment in &moments {
            self.schedule_at(*moment, Event::SomeFault);
        }
        moments.truncate(7);
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

    fn schedule(&mut self, after: u64, event: Event) {
        self.schedule_at(self.at + after, event);
    }

    pub fn log(&mut self, line: String) {
        self.log.push(format!("{:9.3} s  {line}", self.at as f64 / 1000.0));
    }
}

/// Users, the target, and the server between them and the replicas.
impl World {
    fn ask(&mut self) {
        let number = self.ledger.asks.len();
        let (ask, xml) = traffic::ask(number, &mut self.rng);
        self.ledger.asks.push(ask);
        self.route(Letter { what: What::Ask(number), xml });
        if number.is_multiple_of(40) {
            self.route(Letter { what: What::Message, xml: traffic::message() });
        }
    }

    fn answer(&mut self, answer: Answer) {
        let forwarded = &self.ledger.forwarded[answer.forwarded];
        let is_there = self.online.iter().any(|r| full(r) == forwarded.peer);
        if is_there || answer.how.is_forged() {
            self.reply(answer.forwarded, answer.how);
        }
    }

    fn reply(&mut self, forwarded: usize, how: How) {
        let number = self.ledger.replies.len();
        let xml = traffic::reply(number, &self.ledger.forwarded[forwarded], how, &mut self.rng);
        self.ledger.replies.push(Reply { forwarded, how, due: None, fate: Fate::Underway });
        let after = self.rng.u64(1..200);
        self.schedule(after, Event::Route(Letter { what: What::Reply(number), xml }));
    }

    fn route(&mut self, letter: Letter) {
        let streams = |r: &Replica| matches!(r.state, State::Connected | State::Closing);
        let numbers: Vec<usize> =
            (0..self.replicas.len()).filter(|n| streams(&self.replicas[*n])).collect();
        if numbers.is_empty() {
            return self.lose(letter.what, Loss::NobodyConnected);
        }
        let number = numbers[self.rng.usize(..numbers.len())];
        self.hand(number, letter);
    }

    /// To this replica and no other.
    fn hand(&mut self, number: usize, letter: Letter) {
        self.replicas[number].inbox.push_back(letter);
        let after = self.rng.u64(1..600);
        self.schedule(after, Event::Read(number));
    }

    /// A resource of the target comes or goes.
    pub fn switch(&mut self, resource: &'static str) {
        let came = !self.online.remove(resource);
        if came {
            self.online.insert(resource);
        }
        for number in 0..self.replicas.len() {
            if self.replicas[number].state == State::Connected {
                let type_ = if came { "" } else { "unavailable" };
                let xml = traffic::presence(type_, Some(resource));
                let what =
                    if came { What::Available(resource) } else { What::Unavailable(resource) };
                self.hand(number, Letter { what, xml });
            }
        }
    }

    /// A stanza of a replica is at the server.
    fn take(&mut self, number: usize, what: What, xml: &str) {
        let to = xml::attribute(xml, "to").unwrap_or_default();
        match what {
            What::Own if xml.starts_with("<message") => {
                if self.echoes {
                    let what = What::Echo(number, self.replicas[number].stream);
                    self.route(Letter { what, xml: xml.to_owned() });
                }
            }
            What::Own => self.presence(number, &xml::attribute(xml, "type").unwrap_or_default()),
            What::Ask(ask) if to.starts_with(&format!("{TARGET}/")) => {
                self.ledger.asks[ask].fate = Fate::Arrived;
                let newest_first = self.ledger.forwarded.iter().rposition(|f| f.ask == ask);
                let forwarded = newest_first.expect("it was forwarded");
                if !self.online.iter().any(|r| full(r) == to) {
                    // Its server says so in its name.
                    return self.reply(forwarded, How::Honest);
                }
                for answer in traffic::answers(forwarded, &mut self.rng) {
                    self.schedule(answer.after, Event::Answer(answer));
                }
            }
            What::Ask(ask) => self.ledger.asks[ask].fate = Fate::Lost(Loss::NobodyOnline),
            What::Message => {}
            _ => self.ledger.deliver(xml),
        }
    }

    /// The target's server answers a subscription or a probe.
    fn presence(&mut self, number: usize, type_: &str) {
        let mut answers = Vec::new();
        match type_ {
            "subscribe" => {
                answers.push((What::Subscribed, traffic::presence("subscribed", None)));
            }
            "probe" if self.online.is_empty() => {
                answers.push((What::AllGone, traffic::presence("unavailable", None)));
            }
            "probe" => answers.extend(
                self.online.iter().map(|r| (What::Available(r), traffic::presence("", Some(r)))),
            ),
            _ => self.ledger.report(Wrong::Stray, format!("presence {type_}")),
        }
        for (what, xml) in answers {
            self.hand(number, Letter { what, xml });
        }
    }

    pub fn server_restart(&mut self) {
        for number in 0..self.replicas.len() {
            match self.replicas[number].state {
                State::Connected => self.lose_stream(number, true),
                State::Closing => self.end(number),
                State::Away | State::Dead => {}
            }
        }
    }
}

/// Replicas: their life, and what they do with stanzas.
impl World {
    pub fn start(&mut self, slot: usize) {
        let skew = self.rng.i64(-30..=30);
        let unix = (crate::replica::START + self.at / 1000).saturating_add_signed(skew);
        let settings = self.file.settings(unix);
        let mut replica = Replica::start(slot, settings, skew, self.at, self.rng.u64(..));
        replica.bug = self.bug.filter(|(buggy, _)| *buggy == slot).map(|(_, bug)| bug);
        self.replicas.push(replica);
        self.collect(self.replicas.len() - 1);
    }

    /// Its machine starts another process in place of one that ended.
    pub fn start_later(&mut self, number: usize) {
        let after = self.rng.u64(500..30_000);
        self.schedule(after, Event::Start(self.replicas[number].slot));
    }

    pub fn one_connected_is_there(&self) -> bool {
        self.replicas.iter().any(|r| r.state == State::Connected)
    }

    /// A connected replica, the one with most in its memory.
    pub fn one_connected(&mut self) -> Option<usize> {
        let numbers =
            (0..self.replicas.len()).filter(|n| self.replicas[*n].state == State::Connected);
        numbers.max_by_key(|n| self.replicas[*n].inbox.len() + self.replicas[*n].outbox.len())
    }

    /// SIGKILL: what is in its memory is gone.
    pub fn kill(&mut self, number: usize) {
        self.replicas[number].state = State::Dead;
        self.empty(number, Loss::Killed);
    }

    /// SIGTERM: what was read is translated and written, then it says goodbye.
    pub fn leave(&mut self, number: usize) {
        while !self.replicas[number].inbox.is_empty() {
            self.read(number);
        }
        self.write(number);
        self.replicas[number].close(self.at);
        let after = self.rng.u64(1..1_500);
        self.schedule(after, Event::End(number));
    }

    /// The server has read the goodbye.
    fn end(&mut self, number: usize) {
        if self.replicas[number].state != State::Closing {
            return;
        }
        while !self.replicas[number].inbox.is_empty() {
            self.read(number);
        }
        self.replicas[number].ended_by_server(self.at);
        self.replicas[number].state = State::Dead;
    }

    /// The stream ends; `said` by the server, or without a word.
    fn lose_stream(&mut self, number: usize, said: bool) {
        if said && self.rng.bool() {
            while !self.replicas[number].inbox.is_empty() {
                self.read(number);
            }
            self.replicas[number].ended_by_server(self.at);
        }
        self.replicas[number].disconnect();
        self.empty(number, Loss::StreamLost);
        let after = self.rng.u64(200..5_000);
        self.schedule(after, Event::Connect(number));
    }

    fn connect(&mut self, number: usize) {
        if self.replicas[number].state == State::Away {
            self.replicas[number].reconnect(self.at);
            self.collect(number);
        }
    }

    /// All replicas reread their file, each within so many milliseconds.
    pub fn reload_all(&mut self, within: u64) {
        for number in 0..self.replicas.len() {
            let after = self.rng.u64(..within);
            self.schedule(after, Event::Reload(number));
        }
    }

    /// A replica rereads its file at this time and not before.
    pub fn late_reload(&mut self, number: usize, at: u64) {
        let is_reload = |event: &Event| matches!(event, Event::Reload(n) if *n == number);
        self.queue.retain(|_, event| !is_reload(event));
        self.schedule_at(at, Event::Reload(number));
    }

    fn reload(&mut self, number: usize) {
        if matches!(self.replicas[number].state, State::Connected | State::Away) {
            let settings = self.file.settings(self.replicas[number].unix(self.at));
            self.replicas[number].reload(settings, self.at);
            self.collect(number);
        }
    }

    fn tick(&mut self, number: usize) {
        let replica = &mut self.replicas[number];
        if replica.tick_at != Some(self.at) {
            return;
        }
        replica.tick_at = None;
        if replica.state == State::Connected {
            match replica.tick(self.at) {
                Ok(()) => self.collect(number),
                Err(_) => self.lose_stream(number, false),
            }
        }
    }

    fn read(&mut self, number: usize) {
        let cut = self.rng.u8(..4) == 0;
        let must_forward = self.replicas[number].must_know_somebody();
        let Some((letter, written)) = self.replicas[number].read(cut, self.at) else { return };
        let (direction, reason) = self.judge(number, &letter, &written, must_forward);
        if !self.replicas[number].must_count(direction, reason) {
            let text = format!("no {direction:?} {reason:?} for {}", letter.xml);
            self.ledger.report(Wrong::Tally, text);
        }
        self.put(number, letter.what, written);
    }

    /// What a replica had to make of a stanza, given what it wrote.
    fn judge(
        &mut self,
        number: usize,
        letter: &Letter,
        written: &[String],
        must_forward: bool,
    ) -> (Direction, Reason) {
        let closing = self.replicas[number].state == State::Closing;
        let after_close = |reason| if closing { Reason::ArrivedAfterClose } else { reason };
        match letter.what {
            What::Ask(ask) if closing => {
                self.lose(What::Ask(ask), Loss::AfterClose);
                (Direction::Forward, Reason::ArrivedAfterClose)
            }
            What::Ask(ask) => (Direction::Forward, self.asked(number, ask, written, must_forward)),
            What::Reply(reply) => (Direction::Revert, self.replied(number, reply, written)),
            What::Echo(of, stream) => {
                let ours = of == number && stream == self.replicas[number].stream;
                let reason = if ours { Reason::Echo } else { Reason::OwnAddress };
                (Direction::Message, after_close(reason))
            }
            What::Message => (Direction::Message, after_close(Reason::MessageRefused)),
            What::Own => unreachable!("nobody sends these"),
            presence if !closing => (Direction::Presence, self.replicas[number].heard(presence)),
            _ => (Direction::Presence, Reason::ArrivedAfterClose),
        }
    }

    fn asked(&mut self, number: usize, ask: usize, written: &[String], must: bool) -> Reason {
        let replica = &self.replicas[number];
        let [stanza] = written else {
            self.ledger.report(Wrong::Unaccounted, format!("request {ask} led to {written:?}"));
            return Reason::Relayed;
        };
        let get = |name| xml::attribute(stanza, name).unwrap_or_default();
        if get("type") == "error" {
            let due = replica.due_for_nobody();
            if must {
                self.ledger.report(Wrong::Dispatch, format!("somebody is online: {stanza}"));
            }
            self.ledger.check_refusal(ask, stanza);
            return due;
        }
        let forwarded = Forwarded {
            ask,
            peer: get("to"),
            encoded_from: get("from"),
            id: get("id"),
            token_in: replica.settings().token_in,
            key: replica.signing(self.at),
            expires: replica.unix(self.at) + TTL,
        };
        if !replica.may_know(&forwarded.peer) {
            self.ledger.report(Wrong::Dispatch, format!("not online: {stanza}"));
        }
        self.ledger.check_forward(&forwarded, stanza);
        self.ledger.forwarded.push(forwarded);
        Reason::Relayed
    }

    fn replied(&mut self, number: usize, number_of_reply: usize, written: &[String]) -> Reason {
        let reply = &mut self.ledger.replies[number_of_reply];
        let forwarded = &self.ledger.forwarded[reply.forwarded];
        let replica = &self.replicas[number];
        let due = replica.due_for_reply(reply, forwarded, self.at);
        reply.due = Some(due);
        if written.is_empty() {
            let has_expired = replica.unix(self.at) >= forwarded.expires;
            let event = match due {
                Reason::ArrivedAfterClose => Some(Loss::AfterClose),
                Reason::Relayed => None,
                _ if reply.how.is_forged() => Some(Loss::ForgeryRefused),
                Reason::TokenLength => Some(Loss::IdThrownAway),
                _ if has_expired => Some(Loss::Expired),
                _ if self.file.pruned_early.contains(&forwarded.key) => Some(Loss::KeyPrunedEarly),
                _ if self.file.late.contains(&forwarded.key) => Some(Loss::KeyLate),
                _ => None,
            };
            if let Some(event) = event {
                reply.fate = Fate::Lost(event);
            }
        }
        due
    }

    /// What a replica says by itself goes on its way; when it is to be woken.
    fn collect(&mut self, number: usize) {
        let written = self.replicas[number].written(self.at);
        self.put(number, What::Own, written);
    }

    fn put(&mut self, number: usize, what: What, written: Vec<String>) {
        if !written.is_empty() {
            let after = self.rng.u64(1..300);
            self.schedule(after, Event::Write(number));
        }
        let replica = &mut self.replicas[number];
        let is_own = |xml: &String| xml.starts_with("<presence");
        let outs = written.into_iter().map(|x| (if is_own(&x) { What::Own } else { what }, x));
        replica.outbox.extend(outs);
        let wake = replica.deadline();
        if wake <= LAST_TICK && replica.tick_at.is_none_or(|at| wake < at) {
            let at = wake.max(self.at + 1);
            replica.tick_at = Some(at);
            self.schedule_at(at, Event::Tick(number));
        }
    }

    fn write(&mut self, number: usize) {
        for (what, xml) in std::mem::take(&mut self.replicas[number].outbox) {
            self.take(number, what, &xml);
        }
    }

    /// What is in a replica's memory is lost.
    fn empty(&mut self, number: usize, loss: Loss) {
        let replica = &mut self.replicas[number];
        let inbox = replica.inbox.drain(..).map(|letter| letter.what);
        let whats: Vec<What> =
            inbox.chain(replica.outbox.drain(..).map(|(what, _)| what)).collect();
        whats.into_iter().for_each(|what| self.lose(what, loss));
    }

    fn lose(&mut self, what: What, loss: Loss) {
        match what {
            What::Ask(ask) => self.ledger.asks[ask].fate = Fate::Lost(loss),
            What::Reply(reply) => self.ledger.replies[reply].fate = Fate::Lost(loss),
            _ => {}
        }
    }

    /// At the end its tally must add up.
    fn settle(&mut self, number: usize) {
        for miscount in self.replicas[number].miscounts() {
            self.ledger.report(Wrong::Tally, format!("replica {number}: {miscount:?}"));
        }
    }
}

/// Milliseconds of the schedule.
const LAST_FAULT: u64 = 1_000_000;
/// From then on nobody is woken, and the schedule runs dry.
const LAST_TICK: u64 = 1_400_000;
