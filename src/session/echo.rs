//! Messages to ourselves: do we share the domain with another process, and is the stream alive?

use std::time::Duration;

pub use super::self_test::Sharing;
use super::self_test::{ROUND, SelfTest};

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
    /// When a sign of life was asked for that has not come yet.
    asked: Option<Duration>,
}

impl Echo {
    /// A stream that has just logged in. `nonce` is its own, drawn at random.
    pub fn new(nonce: u64, now: Duration) -> Self {
        Self::resume(nonce, 0, Sharing::Unknown, now)
    }

    /// Goes on where another left off, given what that one last said of itself.
    pub fn resume(nonce: u64, next: u64, sharing: Sharing, now: Duration) -> Self {
        Self { nonce, next, test: SelfTest::new(sharing, now), asked: None }
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
                Heard::Ours
            }
            Some(_) => {
                self.test.foreign();
                Heard::NotOurs
            }
            None => Heard::NotOurs,
        }
    }

    /// Anything at all arrived: the stream is alive.
    pub fn input(&mut self, now: Duration) {
        self.asked = None;
        self.test.input(now);
    }

    /// A stanza that is no echo arrived.
    pub fn other_stanza(&mut self) {
        self.test.other();
    }

    /// What is due, given when the last input was.
    pub fn tick(&mut self, last_input: Duration, now: Duration) -> Due {
        let mut count = 0;
        if self.test.tick(self.next, now) {
            count += ROUND;
        }
        match self.asked {
            Some(asked) if now >= asked + ANSWER_TIME => return Due::Silent,
            None if self.sharing() == Sharing::Alone && now >= last_input + ASK_AFTER => {
                self.asked = Some(now);
                count = count.max(1);
            }
            _ => {}
        }
        let first = self.next;
        self.next += count;
        if count == 0 {
            return Due::Nothing;
        }
        Due::Send((first..self.next).map(|number| id(self.nonce, number)).collect())
    }

    /// When [`Self::tick`] has something to do.
    pub fn deadline(&self, last_input: Duration) -> Option<Duration> {
        let alive = match self.asked {
            Some(asked) => Some(asked + ANSWER_TIME),
            None => (self.sharing() == Sharing::Alone).then(|| last_input + ASK_AFTER),
        };
        [alive, self.test.deadline()].into_iter().flatten().min()
    }
}

/// What [`Echo::tick`] asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    Nothing,
    /// Send echoes with these ids, in this order.
    Send(Vec<String>),
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
/// Silence after which a sign of life is asked for.
const ASK_AFTER: Duration = Duration::from_secs(60);
const ANSWER_TIME: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
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
        for id in &sent(echo.tick(at(0), at(0)))[..heard] {
            assert_eq!(echo.hear(id), Heard::Ours);
        }
        echo
    }

    #[test]
    fn the_first_round_goes_out_at_once_and_numbers_go_on() {
        let mut echo = Echo::new(7, at(0));
        assert_eq!(echo.deadline(at(0)), Some(at(0)));
        let first = sent(echo.tick(at(0), at(0)));
        assert_eq!((first.len(), first[1].as_str()), (16, "jat-echo-0000000000000007-1"));
        assert_eq!(echo.tick(at(0), at(0)), Due::Nothing);
        let second = sent(echo.tick(at(0), at(9)));
        assert_eq!(second[0], "jat-echo-0000000000000007-16");
        assert_eq!((echo.nonce(), echo.next()), (7, 32));
    }

    #[test]
    fn ours_are_told_from_others() {
        let mut echo = tested(16);
        assert_eq!(echo.sharing(), Sharing::Alone);
        assert_eq!(echo.hear("jat-echo-zz-1"), Heard::NotOurs);
        assert_eq!(echo.deadline(at(0)), Some(ASK_AFTER));
        assert_eq!(echo.hear("jat-echo-0000000000000008-1"), Heard::NotOurs);
        assert!(echo.deadline(at(0)) < Some(ASK_AFTER), "a sibling's echo is looked into");
    }

    #[test]
    fn a_stream_of_our_own_is_asked_for_signs_of_life() {
        let mut echo = tested(16);
        assert_eq!(echo.tick(at(0), at(59)), Due::Nothing);
        assert_eq!(sent(echo.tick(at(0), at(60))), ["jat-echo-0000000000000007-16"]);
        assert_eq!(echo.tick(at(0), at(74)), Due::Nothing);
        assert_eq!(echo.tick(at(0), at(75)), Due::Silent);
        echo.input(at(75));
        assert_eq!(echo.tick(at(75), at(80)), Due::Nothing);
    }

    #[test]
    fn a_stream_that_may_be_shared_is_not() {
        let mut echo = tested(1);
        for seconds in 1..1_000 {
            assert_ne!(echo.tick(at(0), at(seconds)), Due::Silent);
        }
    }

    #[test]
    fn one_that_goes_on_says_no_number_twice() {
        let mut echo = Echo::resume(7, 40, Sharing::Alone, at(5));
        assert_eq!((echo.sharing(), echo.deadline(at(5))), (Sharing::Alone, Some(at(65))));
        assert_eq!(sent(echo.tick(at(5), at(65))), ["jat-echo-0000000000000007-40"]);
        let mut echo = Echo::resume(7, 40, Sharing::Unknown, at(5));
        assert_eq!(sent(echo.tick(at(5), at(5)))[0], "jat-echo-0000000000000007-40");
    }
}
