//! Messages to ourselves: do we share the domain with another process, and does the server work on
//! what we say?

use std::time::Duration;

pub use super::self_test::Sharing;
use super::self_test::{ROUND, SelfTest};
use super::standstill::{Standstill, Step};

/// What a stanza from our own address was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    Ours,
    /// An echo of another process, or something else.
    NotOurs,
}

/// The echoes of one stream.
#[derive(Clone, Debug)]
pub struct Echo {
    nonce: u64,
    /// Number of the next echo.
    next: u64,
    test: SelfTest,
    standstill: Standstill,
}

impl Echo {
    /// A stream that has just logged in. `nonce` is its own, drawn at random.
    pub fn new(nonce: u64, now: Duration) -> Self {
        Self::resume(nonce, 0, Sharing::Unknown, now)
    }

    /// Goes on where another left off, given what that one last said of itself.
    pub fn resume(nonce: u64, next: u64, sharing: Sharing, now: Duration) -> Self {
        let test = SelfTest::new(sharing, now);
        Self { nonce, next, test, standstill: Standstill::new(next, now) }
    }

    pub fn nonce(&self) -> u64 {
        self.nonce
    }

    /// Number of the next echo.
    pub fn next(&self) -> u64 {
        self.next
    }

    pub fn sharing(&self) -> Sharing {
        self.test.sharing()
    }

    /// A message from our own address arrived under this id.
    pub fn hear(&mut self, id: &str) -> Heard {
        match parse(id) {
            Some((nonce, number)) if nonce == self.nonce => {
                self.test.own(number);
                self.standstill.heard(number);
                Heard::Ours
            }
            Some(_) => {
                self.test.foreign();
                Heard::NotOurs
            }
            None => Heard::NotOurs,
        }
    }

    /// How long the server has worked on nothing that we said, if for too long.
    pub fn standstill(&self) -> Option<Duration> {
        self.standstill.lasts()
    }

    /// Anything at all arrived.
    pub fn input(&mut self, now: Duration) {
        self.test.input(now);
    }

    /// A stanza that is no echo arrived.
    pub fn other_stanza(&mut self) {
        self.test.other();
    }

    /// What is due.
    pub fn tick(&mut self, flow: Flow, now: Duration) -> Due {
        let mut count = 0;
        // An echo behind a backlog would tell of the backlog.
        if !flow.blocked && self.test.tick(self.next, now) {
            count += ROUND;
        }
        if !self.test.is_settled() {
            // A sibling may get our echoes.
            self.standstill.rest(self.next, now);
        } else {
            match self.standstill.tick(self.next, flow.said, flow.hearing, now) {
                Step::Nothing => {}
                Step::Ask => count = count.max(1),
                Step::Nudge => return Due::Nudge,
                Step::End => return Due::Silent,
            }
        }
        if count == 0 {
            return Due::Nothing;
        }
        let first = self.next;
        self.next += count;
        Due::Send((first..self.next).map(|number| id(self.nonce, number)).collect())
    }

    /// The echoes that [`Self::tick`] wanted were said, behind all else so far.
    pub fn asked(&mut self, said: u64, now: Duration) {
        self.standstill.asked(said, now);
    }

    /// When [`Self::tick`] has something to do.
    pub fn deadline(&self, flow: Flow) -> Option<Duration> {
        let settled = self.test.is_settled();
        let asked = settled.then(|| self.standstill.deadline(self.next, flow.said));
        let test = self.test.deadline().filter(|_| !flow.blocked);
        [asked, test].into_iter().flatten().min()
    }
}

/// What goes to the server, and what comes from it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flow {
    /// How many bytes of stanzas were said so far.
    pub said: u64,
    /// Does some of it wait for the server to take it?
    pub blocked: bool,
    /// Is what comes read at all?
    pub hearing: bool,
}

/// What [`Echo::tick`] asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    Nothing,
    /// Send echoes with these ids, in this order.
    Send(Vec<String>),
    /// The server stands still: white space may help.
    Nudge,
    /// The stream is dead.
    Silent,
}

fn id(nonce: u64, number: u64) -> String {
    format!("{PREFIX}{nonce:016x}-{number}")
}

fn parse(id: &str) -> Option<(u64, u64)> {
    let (nonce, number) = id.strip_prefix(PREFIX)?.split_once('-')?;
    Some((u64::from_str_radix(nonce, 16).ok()?, number.parse().ok()?))
}

const PREFIX: &str = "jat-echo-";

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn flow(said: u64) -> Flow {
        Flow { said, blocked: false, hearing: true }
    }

    fn sent(due: Due) -> Vec<String> {
        match due {
            Due::Send(ids) => ids,
            due => panic!("{due:?}"),
        }
    }

    /// One that has heard so many of its first sixteen.
    fn tested(heard: usize) -> Echo {
        let mut echo = Echo::new(7, at(0));
        let ids = sent(echo.tick(flow(0), at(0)));
        echo.asked(0, at(0));
        for id in &ids[..heard] {
            assert_eq!(echo.hear(id), Heard::Ours);
        }
        echo
    }

    #[test]
    fn the_first_round_goes_out_at_once_and_numbers_go_on() {
        let mut echo = Echo::new(7, at(0));
        assert_eq!(echo.deadline(flow(0)), Some(at(0)));
        let first = sent(echo.tick(flow(0), at(0)));
        assert_eq!((first.len(), first[1].as_str()), (16, "jat-echo-0000000000000007-1"));
        assert_eq!(echo.tick(flow(0), at(0)), Due::Nothing);
        let second = sent(echo.tick(flow(0), at(9)));
        assert_eq!(second[0], "jat-echo-0000000000000007-16");
        assert_eq!((echo.nonce(), echo.next()), (7, 32));
    }

    #[test]
    fn ours_are_told_from_others() {
        let mut echo = tested(16);
        assert_eq!(echo.sharing(), Sharing::Alone);
        assert_eq!(echo.hear("jat-echo-zz-1"), Heard::NotOurs);
        assert_eq!(echo.deadline(flow(0)), Some(at(60)));
        assert_eq!(echo.hear("jat-echo-0000000000000008-1"), Heard::NotOurs);
        assert!(echo.deadline(flow(0)) < Some(at(60)), "a sibling's echo is looked into");
    }

    #[test]
    fn only_an_echo_shows_that_a_stream_of_our_own_is_worked_on() {
        let mut echo = tested(16);
        assert_eq!(sent(echo.tick(flow(1), at(5))), ["jat-echo-0000000000000007-16"]);
        echo.asked(1, at(5));
        let mut nudged = false;
        for second in 6..35 {
            echo.input(at(second));
            echo.other_stanza();
            nudged |= echo.tick(flow(1), at(second)) == Due::Nudge;
        }
        assert_eq!((nudged, echo.standstill()), (true, Some(at(29))));
        let mut answered = echo.clone();
        answered.hear("jat-echo-0000000000000007-16");
        assert_eq!((answered.standstill(), answered.tick(flow(1), at(35))), (None, Due::Nothing));
        assert_eq!(echo.tick(flow(1), at(35)), Due::Silent);
    }

    #[test]
    fn of_a_stream_that_may_be_shared_nothing_follows() {
        let mut echo = tested(1);
        for seconds in 1..1_000 {
            let due = echo.tick(flow(seconds), at(seconds));
            assert!(matches!(due, Due::Nothing | Due::Send(_)), "{due:?}");
        }
    }

    #[test]
    fn one_that_goes_on_says_no_number_twice() {
        let mut echo = Echo::resume(7, 40, Sharing::Alone, at(5));
        assert_eq!((echo.sharing(), echo.deadline(flow(0))), (Sharing::Alone, Some(at(65))));
        assert_eq!(sent(echo.tick(flow(0), at(65))), ["jat-echo-0000000000000007-40"]);
        let mut echo = Echo::resume(7, 40, Sharing::Unknown, at(5));
        assert_eq!(sent(echo.tick(flow(0), at(5)))[0], "jat-echo-0000000000000007-40");
    }
}
