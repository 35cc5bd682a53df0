//! Messages to ourselves: do we share the domain with another process, and is the stream alive?
//!
//! A server hands each stanza for a shared domain to one connection at random. Of sixteen
//! echoes a lone process hears all, one of two hears about eight.

use std::time::Duration;

/// Does another process have a stream for the same domain?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sharing {
    #[default]
    Unknown,
    Alone,
    Shared,
}

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
    sharing: Sharing,
    /// When the self-test began.
    started: Duration,
    /// Which echoes of the self-test came back.
    heard: u16,
    /// Did anything else arrive since it began?
    other_input: bool,
    /// Number of the next sign of life that is asked for, and when the last one was.
    next: u64,
    asked: Option<Duration>,
}

impl Echo {
    /// `nonce` is this stream's own, drawn at random.
    pub fn new(nonce: u64, now: Duration) -> Self {
        Self {
            nonce,
            sharing: Sharing::Unknown,
            started: now,
            heard: 0,
            other_input: false,
            next: u64::from(TEST_ECHOES),
            asked: None,
        }
    }

    /// Goes on where another process stopped; what is not known yet is asked anew.
    pub fn resume(nonce: u64, next: u64, sharing: Sharing, now: Duration) -> Self {
        Self { next, sharing, ..Self::new(nonce, now) }
    }

    pub fn nonce(&self) -> u64 {
        self.nonce
    }

    /// Number of the next echo.
    pub fn next(&self) -> u64 {
        self.next
    }

    pub fn sharing(&self) -> Sharing {
        self.sharing
    }

    /// The ids of the self-test's echoes, to be sent at once.
    pub fn test_ids(&self) -> impl Iterator<Item = String> {
        (0..u64::from(TEST_ECHOES)).map(|n| self.id(n))
    }

    /// A message from our own address arrived under this id.
    pub fn hear(&mut self, id: &str) -> Heard {
        let Some((nonce, number)) = parse(id) else { return Heard::NotOurs };
        if nonce != self.nonce {
            self.sharing = Sharing::Shared;
            return Heard::NotOurs;
        }
        if let Some(bit) = u16::try_from(number).ok().filter(|n| *n < TEST_ECHOES) {
            // One that an overtaking echo has left behind will not come.
            let before = (1u16 << bit) - 1;
            self.heard |= 1 << bit;
            if self.heard & before != before {
                self.sharing = Sharing::Shared;
            } else if self.heard == u16::MAX && self.sharing == Sharing::Unknown {
                self.sharing = Sharing::Alone;
            }
        }
        Heard::Ours
    }

    /// Anything at all arrived: the stream is alive.
    pub fn input(&mut self) {
        self.asked = None;
    }

    /// A stanza that is no echo arrived.
    pub fn other_stanza(&mut self) {
        self.other_input = true;
    }

    /// What is due, given when the last input was.
    pub fn tick(&mut self, last_input: Duration, now: Duration) -> Due {
        if self.sharing == Sharing::Unknown
            && now >= self.started + TEST_TIME
            && (self.heard != 0 || self.other_input)
        {
            self.sharing = Sharing::Shared;
        }
        match self.asked {
            Some(asked) if now >= asked + ANSWER_TIME => Due::Silent,
            None if self.sharing == Sharing::Alone && now >= last_input + ASK_AFTER => {
                self.asked = Some(now);
                self.next += 1;
                Due::Ask(self.id(self.next - 1))
            }
            _ => Due::Nothing,
        }
    }

    /// When [`Self::tick`] has something to do.
    pub fn deadline(&self, last_input: Duration) -> Option<Duration> {
        match (self.asked, self.sharing) {
            (Some(asked), _) => Some(asked + ANSWER_TIME),
            (None, Sharing::Alone) => Some(last_input + ASK_AFTER),
            (None, Sharing::Unknown) if self.heard != 0 || self.other_input => {
                Some(self.started + TEST_TIME)
            }
            _ => None,
        }
    }

    fn id(&self, number: u64) -> String {
        format!("{PREFIX}{:016x}-{number}", self.nonce)
    }
}

/// What [`Echo::tick`] asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    Nothing,
    /// Send an echo with this id.
    Ask(String),
    /// The stream is dead.
    Silent,
}

fn parse(id: &str) -> Option<(u64, u64)> {
    let (nonce, number) = id.strip_prefix(PREFIX)?.split_once('-')?;
    Some((u64::from_str_radix(nonce, 16).ok()?, number.parse().ok()?))
}

const PREFIX: &str = "jat-echo-";
const TEST_ECHOES: u16 = 16;
/// How long the self-test waits before it judges by what is missing.
const TEST_TIME: Duration = Duration::from_secs(10);
/// Silence after which a sign of life is asked for.
const ASK_AFTER: Duration = Duration::from_secs(60);
const ANSWER_TIME: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    const ZERO: Duration = Duration::ZERO;

    fn tested(heard: impl IntoIterator<Item = usize>) -> Echo {
        let mut echo = Echo::new(7, ZERO);
        let ids: Vec<String> = echo.test_ids().collect();
        for n in heard {
            assert_eq!(echo.hear(&ids[n]), Heard::Ours);
        }
        echo
    }

    #[test]
    fn all_echoes_mean_alone_and_a_lost_one_shared() {
        assert_eq!(tested(0..16).sharing(), Sharing::Alone);
        assert_eq!(tested(0..15).sharing(), Sharing::Unknown);
        assert_eq!(tested([0, 2]).sharing(), Sharing::Shared);
        let mut tail_lost = tested(0..15);
        assert_eq!(tail_lost.tick(ZERO, Duration::from_secs(10)), Due::Nothing);
        assert_eq!(tail_lost.sharing(), Sharing::Shared);
    }

    #[test]
    fn silence_alone_is_no_sign_of_a_sibling() {
        let mut echo = Echo::new(7, ZERO);
        echo.tick(ZERO, Duration::from_secs(11));
        assert_eq!((echo.sharing(), echo.deadline(ZERO)), (Sharing::Unknown, None));
        echo.other_stanza();
        echo.tick(ZERO, Duration::from_secs(11));
        assert_eq!(echo.sharing(), Sharing::Shared);
    }

    #[test]
    fn a_siblings_echo_means_shared() {
        let mut echo = tested(0..16);
        let other = Echo::new(8, ZERO).test_ids().next().unwrap();
        assert_eq!(echo.hear(&other), Heard::NotOurs);
        assert_eq!(echo.sharing(), Sharing::Shared);
        assert_eq!(tested(0..16).hear("jat-echo-zz-1"), Heard::NotOurs);
    }

    #[test]
    fn a_stream_of_our_own_is_asked_for_signs_of_life() {
        let at = Duration::from_secs;
        let mut echo = tested(0..16);
        assert_eq!(echo.tick(at(0), at(59)), Due::Nothing);
        assert!(matches!(echo.tick(at(0), at(60)), Due::Ask(_)));
        assert_eq!(echo.tick(at(0), at(74)), Due::Nothing);
        assert_eq!(echo.tick(at(0), at(75)), Due::Silent);
        echo.input();
        assert_eq!(echo.tick(at(75), at(80)), Due::Nothing);
        let mut shared = tested([1]);
        assert_eq!(shared.tick(at(0), at(1000)), Due::Nothing);
    }
}
