//! Messages to ourselves: do we share the domain with another process, and does the server process
//! what we say?

use std::time::Duration;

pub use super::self_test::Sharing;
use super::self_test::{ROUND, SelfTest};
use super::standstill::{Standstill, Step};
use super::witness::Proof;

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
    /// Number of the next echo or proof.
    next: u64,
    test: SelfTest,
    standstill: Standstill,
    /// Where what `standstill` watches comes back; `None`: nowhere for sure.
    way: Option<Way>,
}

/// Where what we say to ourselves comes back to us, and to nobody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// On this stream, as nobody shares it.
    Echo,
    /// On that of the presence domain.
    Witness,
}

impl Echo {
    /// A stream that has just logged in. `nonce` is its own, drawn at random.
    pub fn new(nonce: u64, now: Duration) -> Self {
        Self::resume(nonce, 0, Sharing::Unknown, now)
    }

    /// Goes on where another left off, given what that one last said of itself.
    pub fn resume(nonce: u64, next: u64, sharing: Sharing, now: Duration) -> Self {
        let test = SelfTest::new(sharing, now);
        let standstill = Standstill::new(next, now);
        Self { nonce, next, test, standstill, way: None }
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
                if self.standstill.heard(number) && self.way == Some(Way::Echo) {
                    self.test.foreign();
                }
                Heard::Ours
            }
            Some(_) => {
                self.test.foreign();
                Heard::NotOurs
            }
            None => Heard::NotOurs,
        }
    }

    /// How long the server has processed nothing that we said, if for too long.
    pub fn standstill(&self) -> Option<Duration> {
        self.standstill.lasts()
    }

    /// The proof with this number came where the witness listens.
    pub fn proven(&mut self, number: u64) {
        self.standstill.heard(number);
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
        let way = self.way(flow);
        if way != self.way || way.is_none() {
            self.way = way;
            self.standstill.rest(self.next, now);
        }
        let step = match way {
            Some(_) => self.standstill.tick(self.next, flow.said, flow.hearing, now),
            None => Step::Nothing,
        };
        match (step, way) {
            (Step::Nudge, _) => Due::Nudge,
            (Step::End, _) => Due::Silent,
            // An echo behind a backlog would tell of the backlog.
            _ if !flow.blocked && self.test.tick(self.next, now) => Due::Send(self.echoes(ROUND)),
            (Step::Ask, Some(Way::Witness)) => self.prove(),
            (Step::Ask, _) => Due::Send(self.echoes(1)),
            (Step::Nothing, _) => Due::Nothing,
        }
    }

    /// The witness may be what hangs. So while a proof does not come, echoes go with it, of which
    /// some will be ours if the server processes them.
    fn prove(&mut self) -> Due {
        let waiting = self.standstill.is_waiting(self.next);
        let echoes = self.echoes(if waiting { ROUND } else { 0 });
        let number = self.next;
        self.next += 1;
        Due::Prove(Proof { nonce: self.nonce, number }, echoes)
    }

    fn echoes(&mut self, count: u64) -> Vec<String> {
        let first = self.next;
        self.next += count;
        (first..self.next).map(|number| id(self.nonce, number)).collect()
    }

    /// Echoes that [`Self::tick`] wanted were said, behind all else so far.
    pub fn asked(&mut self, said: u64, now: Duration) {
        if self.way == Some(Way::Echo) {
            self.standstill.asked(said, now);
        }
    }

    /// The proof that [`Self::tick`] wanted was said, behind all else so far.
    pub fn asked_witness(&mut self, said: u64, now: Duration) {
        self.standstill.asked(said, now);
    }

    /// When [`Self::tick`] has something to do.
    pub fn deadline(&self, flow: Flow) -> Option<Duration> {
        let watches = self.way.is_some() || self.test.is_settled();
        let asked = watches.then(|| self.standstill.deadline(self.next, flow.said));
        let test = self.test.deadline().filter(|_| !flow.blocked);
        [asked, test].into_iter().flatten().min()
    }

    fn way(&self, flow: Flow) -> Option<Way> {
        match () {
            () if self.test.is_settled() => Some(Way::Echo),
            () if flow.witnessed => Some(Way::Witness),
            () => None,
        }
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
    /// Does a witness listen at the presence domain?
    pub witnessed: bool,
}

/// What [`Echo::tick`] asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    Nothing,
    /// Send echoes with these ids, in this order.
    Send(Vec<String>),
    /// Send this to the presence domain, behind echoes with these ids.
    Prove(Proof, Vec<String>),
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
        Flow { said, hearing: true, ..Flow::default() }
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
            match echo.tick(flow(1), at(second)) {
                Due::Send(_) => echo.asked(1, at(second)),
                due => nudged |= due == Due::Nudge,
            }
        }
        assert_eq!((nudged, echo.standstill()), (true, Some(at(29))));
        let mut answered = echo.clone();
        answered.hear("jat-echo-0000000000000007-16");
        assert_eq!(answered.standstill(), None);
        assert!(matches!(answered.tick(flow(1), at(35)), Due::Nothing | Due::Send(_)));
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

    /// Ticks a shared stream with a witness for so many seconds; says whether it was given up.
    /// `proven`: do proofs come; `heard`: do some echoes, of which a sibling gets the others?
    fn witnessed(echo: &mut Echo, from: u64, seconds: u64, proven: bool, heard: bool) -> bool {
        let mut ended = false;
        for second in from..from + seconds {
            let said = 100 * second;
            let mut echoes = Vec::new();
            match echo.tick(Flow { witnessed: true, ..flow(said) }, at(second)) {
                Due::Prove(proof, with) => {
                    echo.asked_witness(said, at(second));
                    if proven {
                        echo.proven(proof.number);
                    }
                    echoes = with;
                }
                Due::Send(ids) => echoes = ids,
                due => ended |= due == Due::Silent,
            }
            if heard {
                for id in echoes.iter().step_by(2) {
                    echo.hear(id);
                }
            }
        }
        ended
    }

    #[test]
    fn on_a_shared_stream_a_witness_is_asked() {
        let mut echo = tested(1);
        assert!(!witnessed(&mut echo, 1, 60, true, false));
        assert!(witnessed(&mut echo, 61, 60, false, false));
        echo.tick(flow(0), at(121));
        assert_eq!(echo.standstill(), None, "without a witness nothing is known");
    }

    #[test]
    fn a_witness_that_hangs_is_not_believed() {
        let mut echo = tested(1);
        assert!(!witnessed(&mut echo, 1, 20, true, true));
        assert!(!witnessed(&mut echo, 21, 200, false, true));
        assert_eq!(echo.standstill(), None);
    }

    #[test]
    fn an_echo_that_somebody_else_got_is_looked_into() {
        let mut echo = tested(16);
        let lost = sent(echo.tick(flow(0), at(60)));
        echo.asked(0, at(60));
        let next = sent(echo.tick(flow(0), at(65)));
        assert_eq!((lost.len(), next.len()), (1, 1));
        echo.asked(0, at(65));
        echo.hear(&next[0]);
        let round = (66..80).find_map(|second| match echo.tick(flow(0), at(second)) {
            Due::Send(ids) => Some(ids.len()),
            _ => None,
        });
        assert_eq!(round, Some(16), "the self-test begins anew");
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
