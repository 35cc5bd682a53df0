//! What happened to each request, or to each message.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use core_tests::xml::Stanza;
use mock_server::{Direction, Passed};

use crate::line::{Inside, Leg, Line, Out};
use crate::talk::{Said, Step, Talk, user_of};
use crate::traffic::{self, MAX_UNDERWAY, USERS};
use crate::violations::{Violations, Wrong};

/// The records of a kind of talk.
pub struct Ledger {
    talk: Talk,
    /// By number.
    fates: Vec<Fate>,
    sent: [usize; USERS],
    /// With the time since when they are under way.
    underway: HashMap<usize, Instant>,
    lines: BTreeMap<u64, Line>,
    pub counts: Counts,
    /// In microseconds, of those that the implementing client answers at once.
    pub latencies: Vec<u32>,
    /// The maximum delay of users behind their rate, since the last call.
    pub late: Duration,
    pub violations: Violations,
}

/// What users sent, by result.
#[derive(Clone, Copy, Default)]
pub struct Counts {
    pub replied: usize,
    /// Answered with an error by a replica that had no presence yet.
    pub refused: usize,
    /// Inside a replica when it was killed, on the way to the client and on the way back.
    pub killed: [usize; 2],
    /// The most of these at one kill.
    pub killed_at_once: usize,
}

impl Counts {
    pub fn excused(&self) -> usize {
        self.killed.iter().sum()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Unasked,
    Underway,
    Replied,
    Refused,
    Killed,
    /// Lost without an excuse; this has been reported.
    Lost,
}

impl Ledger {
    pub fn new(talk: Talk) -> Self {
        Self {
            talk,
            fates: Vec::new(),
            sent: [0; USERS],
            underway: HashMap::new(),
            lines: BTreeMap::new(),
            counts: Counts::default(),
            latencies: Vec::new(),
            late: Duration::ZERO,
            violations: Violations::new(),
        }
    }

    /// The number of the user's next one; `None` if too many are under way already.
    pub fn ask(&mut self, user: usize) -> Option<usize> {
        if self.underway.len() >= MAX_UNDERWAY {
            return None;
        }
        let number = self.sent[user] * USERS + user;
        self.sent[user] += 1;
        if self.fates.len() <= number {
            self.fates.resize(number + 1, Fate::Unasked);
        }
        self.fates[number] = Fate::Underway;
        self.underway.insert(number, Instant::now());
        Some(number)
    }

    /// A stanza reaches a user.
    pub fn hear(&mut self, user: usize, xml: &str) {
        let stanza = Stanza::read(xml);
        let said = self.read(&stanza).filter(|said| {
            // Nothing reveals the client's address.
            user_of(said.number) == user
                && self.talk.is_address(stanza.from)
                && !xml.contains(self.talk.target())
        });
        let (number, fate) = match said {
            Some(Said { number, step: Step::Answer }) => (number, Fate::Replied),
            Some(Said { number, step: Step::Refusal }) => (number, Fate::Refused),
            _ => {
                return self.violations.report(Wrong::Forged, format!("user {user} gets {xml}"));
            }
        };
        let before = self.fates[number];
        if before != Fate::Underway {
            let text = format!("number {number} was {before:?} before user {user} gets {xml}");
            return self.violations.report(Wrong::Twice, text);
        }
        self.fates[number] = fate;
        let since = self.underway.remove(&number).expect("it was underway");
        match fate {
            Fate::Refused => self.counts.refused += 1,
            _ => self.counts.replied += 1,
        }
        if fate == Fate::Replied && !traffic::is_held(number) {
            self.latencies.push(u32::try_from(since.elapsed().as_micros()).unwrap_or(u32::MAX));
        }
    }

    /// A stanza passes between the server and a replica.
    pub fn pass(&mut self, passed: &Passed) {
        if !self.talk.has(&passed.xml) {
            return;
        }
        let stanza = Stanza::read(&passed.xml);
        let (said, line) = (self.read(&stanza), self.lines.entry(passed.connection).or_default());
        let Some(Said { number, step }) = said else {
            return self
                .violations
                .report(Wrong::Forged, format!("nobody said this: {}", passed.xml));
        };
        match (passed.direction, step) {
            (Direction::ToComponent, Step::Ask) => line.goes_in(number, Leg::Forward),
            (Direction::ToComponent, Step::Forgery) => line.goes_in(number, Leg::Forgery),
            (Direction::ToComponent, Step::Answer) => line.goes_in(number, Leg::Revert),
            (Direction::FromComponent, Step::Ask) => {
                line.out.forwarded += 1;
                self.come_out(passed, number, Leg::Forward);
            }
            (Direction::FromComponent, Step::Answer) => {
                line.out.reverted += 1;
                self.come_out(passed, number, Leg::Revert);
            }
            (Direction::ToComponent, Step::Refusal) | (Direction::FromComponent, Step::Forgery) => {
                self.violations.report(Wrong::Forged, format!("it passed: {}", passed.xml));
            }
            (Direction::FromComponent, Step::Refusal) => {
                line.out.refused += 1;
                // One that has just started does not know yet who is online.
                if line.out.forwarded > 0 {
                    self.violations.report(Wrong::Refused, passed.xml.clone());
                }
                self.come_out(passed, number, Leg::Forward);
            }
        }
    }

    fn come_out(&mut self, passed: &Passed, number: usize, leg: Leg) {
        let connection = passed.connection;
        let line = self.lines.entry(connection).or_default();
        match line.comes_out(number, leg) {
            Some(overtaken) => {
                for inside in overtaken {
                    self.lose(connection, inside, "was overtaken inside");
                }
            }
            None => self.violations.report(
                Wrong::Twice,
                format!("number {number} ({leg:?}) was not inside connection {connection}"),
            ),
        }
    }

    /// The replica of this connection is about to be killed. That does not excuse stanzas that were
    /// already stuck in it.
    pub fn kill(&mut self, connection: u64) {
        let reached = self.lines.values().filter_map(|line| line.reached).max();
        let stuck = |inside: &Inside| {
            reached.is_some_and(|at| at.saturating_duration_since(inside.since) > PATIENCE)
        };
        let line = self.lines.entry(connection).or_default();
        line.killed = true;
        for inside in line.rest().filter(stuck).collect::<Vec<_>>() {
            self.lose(connection, inside, "stood still inside, before the kill,");
        }
    }

    /// All connections except these have ended.
    pub fn settle(&mut self, connected: &[u64]) {
        let lines = std::mem::take(&mut self.lines);
        let (stand, ended) = lines.into_iter().partition(|(id, _)| connected.contains(id));
        self.lines = stand;
        for (connection, line) in ended {
            let before = self.counts.excused();
            for inside in line.rest() {
                if !line.killed {
                    self.lose(connection, inside, "was inside, and nobody killed it:");
                } else if self.fates[inside.number] == Fate::Underway {
                    self.fates[inside.number] = Fate::Killed;
                    self.underway.remove(&inside.number);
                    self.counts.killed[usize::from(inside.leg == Leg::Revert)] += 1;
                }
            }
            let at_once = self.counts.excused() - before;
            self.counts.killed_at_once = self.counts.killed_at_once.max(at_once);
        }
    }

    /// At the end: everything that is not accounted for by now is lost.
    pub fn close(&mut self) {
        let inside: Vec<_> =
            self.lines.iter().flat_map(|(id, line)| line.rest().map(|i| (*id, i))).collect();
        for (connection, inside) in inside {
            self.lose(connection, inside, "is still inside");
        }
        let mut missing: Vec<_> = self.underway.drain().map(|(number, _)| number).collect();
        missing.sort_unstable();
        for number in missing {
            self.fates[number] = Fate::Lost;
            self.violations.report(Wrong::Unaccounted, format!("number {number} is missing"));
        }
    }

    fn lose(&mut self, connection: u64, inside: Inside, how: &str) {
        let Inside { number, leg, since } = inside;
        if self.fates[number] == Fate::Underway {
            self.fates[number] = Fate::Lost;
            self.underway.remove(&number);
        }
        let ago = since.elapsed().as_secs_f64();
        let text =
            format!("number {number} ({leg:?}) {how} connection {connection}, since {ago:.3} s");
        self.violations.report(Wrong::Unaccounted, text);
    }

    /// What came out of an open connection.
    pub fn out(&self, connection: u64) -> Option<Out> {
        self.lines.get(&connection).map(|line| line.out)
    }

    pub fn sent(&self) -> usize {
        self.sent.iter().sum()
    }

    pub fn underway(&self) -> usize {
        self.underway.len()
    }

    /// How many are finished.
    pub fn answered(&self) -> usize {
        self.counts.replied + self.counts.refused
    }

    /// Reads a stanza that belongs to what a user has sent.
    fn read(&self, stanza: &Stanza<'_>) -> Option<Said> {
        let said = self.talk.read(stanza)?;
        (*self.fates.get(said.number)? != Fate::Unasked).then_some(said)
    }
}

/// How far one replica may be behind the other, for things that take milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
