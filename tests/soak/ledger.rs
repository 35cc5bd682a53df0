//! What became of each request.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use core_tests::xml::Stanza;
use mock_server::{Direction, Passed};
use test_support::daemon::DOMAIN;

use crate::line::{Inside, Leg, Line, Out};
use crate::traffic::{self, MAX_UNDERWAY, USERS};
use crate::violations::{Violations, Wrong};

pub type Shared = Arc<Mutex<Ledger>>;

/// The account.
pub struct Ledger {
    /// By number.
    fates: Vec<Fate>,
    sent: [usize; USERS],
    /// Since when.
    underway: HashMap<usize, Instant>,
    lines: BTreeMap<u64, Line>,
    pub counts: Counts,
    /// In microseconds, of what the implementing client answers at once.
    pub latencies: Vec<u32>,
    /// How far the users were behind their rate at most, since somebody took it.
    pub late: Duration,
    pub violations: Violations,
}

/// Requests by what became of them.
#[derive(Clone, Copy, Default)]
pub struct Counts {
    pub replied: usize,
    /// Answered with an error by a replica that knew nobody yet.
    pub refused: usize,
    /// Inside a replica when it was killed: on the way there, and on the way back.
    pub killed: [usize; 2],
    /// Most of these at one kill.
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
    /// Without an excuse, which has been said.
    Lost,
}

impl Ledger {
    pub fn shared() -> Shared {
        let ledger = Self {
            fates: Vec::new(),
            sent: [0; USERS],
            underway: HashMap::new(),
            lines: BTreeMap::new(),
            counts: Counts::default(),
            latencies: Vec::new(),
            late: Duration::ZERO,
            violations: Violations::new(),
        };
        Arc::new(Mutex::new(ledger))
    }

    /// The number of the user's next request; `None`: too many are underway already.
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

    /// An IQ reaches a user.
    pub fn hear(&mut self, user: usize, xml: &str) {
        let stanza = Stanza::read(xml);
        let number = self.number(&stanza);
        let Some(number) = number.filter(|n| n % USERS == user && stanza.from == DOMAIN) else {
            return self.violations.report(Wrong::Forged, format!("user {user} gets {xml}"));
        };
        let answer = traffic::payload(stanza.content, "answer");
        let (fate, right) = match stanza.type_ {
            "result" => (Fate::Replied, answer == Some(number)),
            _ => (Fate::Refused, stanza.type_ == "error"),
        };
        if !right {
            self.violations.report(Wrong::Forged, format!("user {user} gets {xml}"));
        }
        let before = self.fates[number];
        if before != Fate::Underway {
            let text = format!("request {number} was {before:?} before user {user} gets {xml}");
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
        if !passed.xml.starts_with("<iq") {
            return;
        }
        let stanza = Stanza::read(&passed.xml);
        if [stanza.from, stanza.to].contains(&HOST) && stanza.id.starts_with("jat-time-") {
            // A replica asks the server for its time.
            return;
        }
        let Some(number) = self.number(&stanza) else {
            return self
                .violations
                .report(Wrong::Forged, format!("nobody asked this: {}", passed.xml));
        };
        let line = self.lines.entry(passed.connection).or_default();
        match (passed.direction, stanza.type_) {
            (Direction::ToComponent, "get") => line.goes_in(number, Leg::Forward),
            (Direction::ToComponent, _) if traffic::is_forged(&stanza) => {
                line.goes_in(number, Leg::Forgery);
            }
            (Direction::ToComponent, _) => line.goes_in(number, Leg::Revert),
            (Direction::FromComponent, "get") => {
                line.out.forwarded += 1;
                self.come_out(passed, number, Leg::Forward);
            }
            (Direction::FromComponent, "result") => {
                line.out.reverted += 1;
                self.come_out(passed, number, Leg::Revert);
            }
            (Direction::FromComponent, _) => {
                line.out.refused += 1;
                // One that has just started has not heard yet who is online.
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
                format!("request {number} ({leg:?}) was not inside connection {connection}"),
            ),
        }
    }

    /// The replica of this connection is about to be killed. That does not excuse what stood
    /// still inside it while others went on.
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

    /// Connections but these have ended.
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

    /// All is over, and what has no account by now has none.
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
            self.violations.report(Wrong::Unaccounted, format!("request {number} is missing"));
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
            format!("request {number} ({leg:?}) {how} connection {connection}, since {ago:.3} s");
        self.violations.report(Wrong::Unaccounted, text);
    }

    /// What came out of a connection that stands.
    pub fn out(&self, connection: u64) -> Option<Out> {
        self.lines.get(&connection).map(|line| line.out)
    }

    pub fn sent(&self) -> usize {
        self.sent.iter().sum()
    }

    pub fn underway(&self) -> usize {
        self.underway.len()
    }

    /// How many have an end.
    pub fn answered(&self) -> usize {
        self.counts.replied + self.counts.refused
    }

    fn number(&self, stanza: &Stanza<'_>) -> Option<usize> {
        let number: usize = stanza.id.parse().ok()?;
        (*self.fates.get(number)? != Fate::Unasked).then_some(number)
    }
}

/// The server of the target, and of the users.
const HOST: &str = "some-domain.example";
/// How far one replica may be behind the other, for what takes both milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    /// User 1 has asked one thing, which replica 7 has forwarded.
    fn ledger() -> Ledger {
        let mut ledger = Arc::into_inner(Ledger::shared()).unwrap().into_inner().unwrap();
        assert_eq!(ledger.ask(1), Some(1));
        pass(&mut ledger, Direction::ToComponent, "get", "ask");
        pass(&mut ledger, Direction::FromComponent, "get", "ask");
        pass(&mut ledger, Direction::ToComponent, "result", "answer");
        assert_eq!((ledger.violations.count(), ledger.underway()), (0, 1));
        ledger
    }

    fn pass(ledger: &mut Ledger, direction: Direction, type_: &str, payload: &str) {
        ledger.pass(&Passed { connection: 7, direction, xml: iq(type_, "x", payload) });
    }

    fn iq(type_: &str, from: &str, payload: &str) -> String {
        format!("<iq type='{type_}' id='1' from='{from}'><{payload} n='1'/></iq>")
    }

    #[test]
    fn a_reply_is_good_once_for_who_asked() {
        let mut ledger = ledger();
        let good = iq("result", DOMAIN, "answer");
        for (user, xml, wrong) in [
            (0, &good, "Forged"),
            (1, &iq("result", "elsewhere.example", "answer"), "Forged"),
            (1, &good, ""),
            (1, &good, "Twice"),
        ] {
            let before = ledger.violations.count();
            ledger.hear(user, xml);
            assert_eq!(ledger.violations.count() - before, usize::from(!wrong.is_empty()), "{xml}");
            assert!(ledger.violations.named().last().is_some_and(|said| said.contains(wrong)));
        }
        assert_eq!((ledger.counts.replied, ledger.underway()), (1, 0));
        ledger.hear(1, &iq("result", DOMAIN, "forged"));
        assert!(ledger.violations.named().iter().any(|said| said.contains("forged")));
    }

    #[test]
    fn only_a_kill_excuses_what_was_inside() {
        let mut killed = ledger();
        killed.kill(7);
        killed.settle(&[]);
        killed.close();
        assert_eq!((killed.violations.count(), killed.counts.killed), (0, [0, 1]));

        let mut left = ledger();
        left.settle(&[]);
        left.close();
        assert!(left.violations.named()[0].contains("Unaccounted: request 1 (Revert)"));
        assert_eq!(left.counts.killed, [0, 0]);

        let mut stood_still = ledger();
        stood_still.lines.entry(8).or_default().reached = Some(Instant::now() + 2 * PATIENCE);
        stood_still.kill(7);
        stood_still.settle(&[8]);
        assert!(stood_still.violations.named()[0].contains("request 1 (Revert) stood still"));
        assert_eq!(stood_still.counts.excused(), 0);

        // It came out, and nobody has it.
        let mut vanished = ledger();
        pass(&mut vanished, Direction::FromComponent, "result", "answer");
        vanished.kill(7);
        vanished.settle(&[]);
        vanished.close();
        assert!(vanished.violations.named()[0].contains("Unaccounted: request 1 is missing"));
    }
}
