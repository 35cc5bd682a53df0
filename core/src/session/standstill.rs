//! Whether the server processes what it is sent. A stream can be up and still be useless: its
//! server hangs, or waits for bytes that do not come.
//!
//! The proof is an echo of our own that comes back, whatever else comes. One is sent after other
//! output, now and then, and always after much, so that a server that is merely slow returns one
//! every few seconds.

use std::time::Duration;

/// Watches the echoes of one stream, or the proofs that go to a witness.
#[derive(Clone, Debug)]
pub(super) struct Standstill {
    /// Echoes with numbers from this one to the next are on their way.
    awaited: u64,
    /// The number after that of the last one that came back.
    heard: u64,
    /// When the last one was sent, and how many bytes had been sent by then.
    sent: Duration,
    said: u64,
    /// How long none has come back although some are on their way, not counting time when we could
    /// not receive anything.
    waited: Duration,
    /// When it was last checked.
    looked: Duration,
    /// Whether white space was sent that might help.
    nudged: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Nothing,
    /// Send an echo.
    Ask,
    /// Send white space: perhaps it waits for more bytes.
    Nudge,
    /// Give the stream up.
    End,
}

impl Standstill {
    /// `next` is the number of the next echo.
    pub(super) fn new(next: u64, now: Duration) -> Self {
        Self {
            awaited: next,
            heard: 0,
            sent: now,
            said: 0,
            waited: Duration::ZERO,
            looked: now,
            nudged: false,
        }
    }

    /// Echoes were sent, and by then this many bytes in all.
    pub(super) fn asked(&mut self, said: u64, now: Duration) {
        (self.sent, self.said) = (now, said);
    }

    /// How many bytes had been sent by the last echo.
    pub(super) fn said(&self) -> u64 {
        self.said
    }

    /// The echo with this number came back, and so all before it was processed. It may have been
    /// sent before a [rest](Self::rest), or by the program before this one, since stanzas in a
    /// backlog are old. Returns whether an earlier one is lost.
    pub(super) fn heard(&mut self, number: u64) -> bool {
        if number < self.heard {
            return false;
        }
        let lost = self.heard > 0 && number > self.heard;
        self.heard = number + 1;
        self.awaited = self.awaited.max(number + 1);
        (self.waited, self.nudged) = (Duration::ZERO, false);
        lost
    }

    /// Not watched at the moment, as others may get our echoes.
    pub(super) fn rest(&mut self, next: u64, now: Duration) {
        let Self { heard, sent, said, .. } = *self;
        *self = Self { heard, sent, said, ..Self::new(next, now) };
    }

    /// What is due. `next` is the number of the next echo, `said` how many bytes of stanzas have
    /// been sent so far; `hearing`: whether input is being read at all.
    pub(super) fn tick(&mut self, next: u64, said: u64, hearing: bool, now: Duration) -> Step {
        let passed = now.saturating_sub(std::mem::replace(&mut self.looked, now));
        if self.is_waiting(next) && hearing {
            // A check this late means that the process was not running.
            self.waited += passed.min(2 * LOOK);
            if self.waited >= END {
                return Step::End;
            }
            if self.waited >= STILL && !std::mem::replace(&mut self.nudged, true) {
                return Step::Nudge;
            }
        }
        if now >= self.ask_at(next, said) { Step::Ask } else { Step::Nothing }
    }

    /// When [`Self::tick`] has something to do.
    pub(super) fn deadline(&self, next: u64, said: u64) -> Duration {
        let ask = self.ask_at(next, said);
        if self.is_waiting(next) { ask.min(self.looked + LOOK) } else { ask }
    }

    /// How long the server has processed nothing, if that is too long to be mere slowness.
    pub(super) fn lasts(&self) -> Option<Duration> {
        (self.waited >= STILL).then_some(self.waited)
    }

    /// Whether echoes are on their way.
    pub(super) fn is_waiting(&self, next: u64) -> bool {
        self.awaited < next
    }

    fn ask_at(&self, next: u64, said: u64) -> Duration {
        match said - self.said {
            MUCH.. => self.sent,
            // A new process on the domain may have received the one that does not come.
            1.. => self.sent + ASK_BEHIND,
            0 if self.is_waiting(next) => self.sent + ASK_BEHIND,
            0 => self.sent + ASK_IDLE,
        }
    }
}

/// From one echo to the next after other output, or while one does not come.
const ASK_BEHIND: Duration = Duration::from_secs(5);
/// The same while nothing else is sent.
const ASK_IDLE: Duration = Duration::from_secs(60);
/// After this many bytes an echo follows at once: to users, a server that processes less than this
/// in [`STILL`] hangs.
const MUCH: u64 = 256 * 1024;
/// A server that processes nothing for this long hangs.
const STILL: Duration = Duration::from_secs(10);
/// When the stream is given up. Not sooner: the server may only have been stopped for a while, and
/// a new stream would lose what is in it.
const END: Duration = Duration::from_secs(30);
/// How often it is checked while echoes are on their way.
const LOOK: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Sends something at each of these seconds and ticks every second; returns what was due when.
    /// An echo comes back if `answers` says so for its second.
    fn watch(seconds: u64, answers: impl Fn(u64) -> bool) -> Vec<(u64, Step)> {
        let (mut it, mut next, mut steps) = (Standstill::new(0, at(0)), 0, Vec::new());
        for second in 1..=seconds {
            match it.tick(next, second * 100, true, at(second)) {
                Step::Nothing => {}
                Step::Ask => {
                    it.asked(second * 100, at(second));
                    next += 1;
                }
                step => steps.push((second, step)),
            }
            if answers(second) && next > 0 {
                it.heard(next - 1);
            }
            if it.lasts().is_some() && steps.last().is_none_or(|(_, step)| *step == Step::Nothing) {
                panic!("it stands still unnoticed");
            }
        }
        steps
    }

    #[test]
    fn one_that_answers_is_left_alone() {
        assert_eq!(watch(1_000, |_| true), []);
        assert_eq!(watch(1_000, |second| second % 9 == 0), [], "slow, but at work");
    }

    #[test]
    fn one_that_answers_nothing_is_nudged_and_given_up() {
        let steps = watch(40, |_| false);
        assert_eq!(steps[..2], [(15, Step::Nudge), (35, Step::End)], "asked after 5 s");
    }

    #[test]
    fn one_that_goes_on_is_forgiven() {
        let steps = watch(60, |second| second >= 20);
        assert_eq!(steps, [(15, Step::Nudge)]);
    }

    #[test]
    fn much_is_asked_behind_at_once_and_an_idle_one_once_a_minute() {
        let mut it = Standstill::new(0, at(0));
        assert_eq!(it.tick(0, MUCH - 1, true, at(1)), Step::Nothing);
        assert_eq!(it.tick(0, MUCH, true, at(1)), Step::Ask);
        it.asked(MUCH, at(1));
        assert!(it.deadline(1, 2 * MUCH - 1) > at(1));
        assert!(it.deadline(1, 2 * MUCH) <= at(1), "whoever only looks at deadlines sees it, too");
        it.heard(0);
        assert_eq!(it.tick(1, MUCH, true, at(60)), Step::Nothing);
        assert_eq!(it.deadline(1, MUCH), at(61));
        assert_eq!(it.tick(1, MUCH, true, at(61)), Step::Ask);
    }

    #[test]
    fn what_was_asked_before_is_a_proof_as_well() {
        let mut it = Standstill::new(40, at(0));
        for second in 1..30 {
            it.asked(second, at(second));
            assert!(it.tick(40 + second, second, true, at(second)) != Step::Nudge);
            assert!(!it.heard(10 + second), "all of the backlog came, in order");
        }
        it.rest(80, at(30));
        assert!(!it.heard(40));
        assert!(it.heard(45), "41 to 44 are lost");
    }

    #[test]
    fn while_one_does_not_come_others_are_asked() {
        let mut it = Standstill::new(0, at(0));
        assert_eq!(it.deadline(0, 0), at(60));
        assert_eq!(it.tick(0, 0, true, at(60)), Step::Ask);
        it.asked(0, at(60));
        assert_eq!(it.tick(1, 0, true, at(64)), Step::Nothing);
        assert_eq!(it.tick(1, 0, true, at(65)), Step::Ask);
    }

    #[test]
    fn time_in_which_we_did_not_run_or_read_does_not_count() {
        let mut it = Standstill::new(0, at(0));
        it.asked(1, at(0));
        assert_eq!(it.tick(1, 1, true, at(1_000)), Step::Ask, "stopped by a signal, say");
        it.asked(1, at(1_000));
        for second in 1_001..1_040 {
            assert!(matches!(it.tick(2, 1, false, at(second)), Step::Nothing | Step::Ask));
        }
        assert_eq!(it.lasts(), None);
    }
}
