//! Do we share the domain with another process?
//!
//! A server hands each stanza for a shared domain to one connection at random. Of a round of
//! sixteen echoes a lone process hears all, one of two hears about eight. Three things are a
//! sign of a sibling: an echo that a later one has overtaken, for it will not come; an echo of
//! another process; and echoes that don't come while other stanzas do.
//!
//! One sign proves little: for a moment after a quick restart the server still knows the dead
//! predecessor's connection, gives it some of our echoes, and gives us some of its own. So a
//! sign leads to a second round some seconds later, and only that one decides.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Does another process have a stream for the same domain?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sharing {
    #[default]
    Unknown,
    Alone,
    Shared,
}

/// What one stream knows of its siblings.
#[derive(Clone, Debug)]
pub struct SelfTest {
    sharing: Sharing,
    stage: Stage,
    round: Round,
    /// In the stages that wait for it: when the next round goes out.
    next_round: Duration,
    /// How long the slowest echo was under way since the last judgement.
    slowest: Duration,
    /// The latest moment that is known of, and the last one at which somebody looked.
    now: Duration,
    looked: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing was sent yet.
    New,
    /// The first round is out, and there is no sign of a sibling.
    First,
    /// There is a sign: another round goes out, but not before a ghost has vanished.
    Doubt,
    /// The round that decides is out.
    Second,
    /// Alone.
    Settled,
}

#[derive(Clone, Debug, Default)]
struct Round {
    /// Number of its first echo.
    base: u64,
    sent: Duration,
    /// When the round before it was sent.
    before: Duration,
    /// Which of its echoes came back.
    heard: u16,
    /// When the last stanza of any kind came since it was sent.
    alive: Option<Duration>,
    /// Since when we and the server have both been at work.
    listening: Duration,
}

impl SelfTest {
    /// `sharing` is what is known already: whoever is known to be alone needs no test.
    pub fn new(sharing: Sharing, now: Duration) -> Self {
        let stage = match sharing {
            Sharing::Unknown => Stage::New,
            Sharing::Alone => Stage::Settled,
            Sharing::Shared => Stage::Doubt,
        };
        Self {
            sharing,
            stage,
            round: Round { sent: now, ..Round::default() },
            next_round: now + RECHECK,
            slowest: Duration::ZERO,
            now,
            looked: now,
        }
    }

    pub fn sharing(&self) -> Sharing {
        self.sharing
    }

    /// Bytes came; what they were is told afterwards.
    pub fn input(&mut self, now: Duration) {
        self.now = now;
    }

    /// An echo of our own came.
    pub fn own(&mut self, number: u64) {
        self.other();
        let Some(bit) = number.checked_sub(self.round.base) else {
            // Of a round that is over: it only says how slow the server is.
            return self.took(self.round.before);
        };
        if bit >= ROUND {
            return;
        }
        self.took(self.round.sent);
        self.round.heard |= 1 << bit;
        let before = (1u16 << bit) - 1;
        let lost = self.round.heard & before != before;
        match self.stage {
            Stage::First if lost => self.stage = Stage::Doubt,
            Stage::Second if lost => self.judge(Sharing::Shared),
            Stage::First | Stage::Second if self.round.heard == u16::MAX => {
                self.judge(Sharing::Alone);
            }
            _ => {}
        }
    }

    /// An echo of another process came.
    pub fn foreign(&mut self) {
        self.other();
        match self.stage {
            Stage::First => self.stage = Stage::Doubt,
            Stage::Settled => {
                self.stage = Stage::Doubt;
                self.next_round = self.now + PAUSE;
            }
            // What comes before our own may be as old as the ghost: the server took it earlier.
            Stage::Second if self.round.heard != 0 => self.judge(Sharing::Shared),
            _ => {}
        }
    }

    /// Some other stanza came.
    pub fn other(&mut self) {
        if !self.is_listening() {
            // The server stood still, perhaps.
            self.round.listening = self.now;
        }
        self.round.alive = Some(self.now);
    }

    /// Says whether a round is to be sent at once, numbered from `base` on.
    pub fn tick(&mut self, base: u64, now: Duration) -> bool {
        self.look(now);
        self.stage = match self.stage {
            Stage::New => Stage::First,
            Stage::First | Stage::Doubt if now >= self.next_round => Stage::Second,
            Stage::Second if self.is_missed() => {
                self.judge(Sharing::Shared);
                return false;
            }
            // Nothing came, so that nothing follows from it.
            Stage::Second if now >= self.round.sent + RECHECK => Stage::Second,
            _ => return false,
        };
        self.next_round = now + PAUSE;
        let before = self.round.sent;
        self.round = Round { base, sent: now, before, listening: now, heard: 0, alive: None };
        true
    }

    /// When [`Self::tick`] has something to do.
    pub fn deadline(&self) -> Option<Duration> {
        match self.stage {
            Stage::New => Some(self.now),
            Stage::First | Stage::Doubt => Some(self.next_round),
            Stage::Second if self.is_listening() => Some(self.looked + LOOK),
            Stage::Second => Some(self.round.sent + RECHECK),
            Stage::Settled => None,
        }
    }

    fn judge(&mut self, sharing: Sharing) {
        self.sharing = sharing;
        self.stage = match sharing {
            Sharing::Alone => Stage::Settled,
            // The sibling may leave.
            _ => Stage::Doubt,
        };
        self.next_round = self.round.sent + RECHECK;
        self.slowest = Duration::ZERO;
    }

    /// Should the second round have come by now, if we were alone?
    fn is_missed(&self) -> bool {
        // A slow server has more time.
        let patience = PATIENCE.max(2 * self.slowest);
        self.round.alive.is_some() && self.now >= self.round.listening + patience
    }

    fn took(&mut self, since: Duration) {
        let took = self.now.saturating_sub(since);
        self.slowest = self.slowest.max(took).min(SLOWEST);
    }

    fn look(&mut self, now: Duration) {
        if now > self.looked + STOPPED {
            // We could hear nothing meanwhile, or the round itself had to wait for the server.
            self.round.listening = now;
        }
        self.looked = now;
        self.now = now;
    }

    /// Are we waiting for echoes, and does the server say anything?
    fn is_listening(&self) -> bool {
        let alive = self.round.alive.unwrap_or(self.round.sent);
        self.stage == Stage::Second && self.now < alive + SILENCE
    }
}

/// Echoes of a round.
pub const ROUND: u64 = 16;
/// From the first round, or from a sibling's first echo, to the second round. Servers forget a
/// dead connection sooner.
const PAUSE: Duration = Duration::from_secs(4);
/// How long the second round may take. Together with the pause less than ten seconds.
const PATIENCE: Duration = Duration::from_secs(5);
/// A server that said nothing for so long may have stood still.
const SILENCE: Duration = Duration::from_secs(3);
/// Whatever took longer was not under way all that time.
const SLOWEST: Duration = Duration::from_secs(10);
/// From one round to the next while the domain is shared, or while nothing is known.
const RECHECK: Duration = Duration::from_secs(60);
/// How often somebody looks while time is a sign.
const LOOK: Duration = Duration::from_millis(500);
/// A process that has not looked for longer did not run.
const STOPPED: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// After the login at 0: numbers from 0 are out.
    fn logged_in() -> SelfTest {
        let mut test = SelfTest::new(Sharing::Unknown, at(0.0));
        assert!(test.tick(0, at(0.0)));
        test
    }

    /// Echoes 0 and 2 have come, and the second round, from 16, is out since 4 s.
    fn doubting() -> SelfTest {
        let mut test = logged_in();
        hear(&mut test, [0, 2]);
        assert_eq!(run(&mut test, 16, 10.0), Some(at(4.0)));
        test
    }

    fn hear(test: &mut SelfTest, numbers: impl IntoIterator<Item = u64>) {
        numbers.into_iter().for_each(|number| test.own(number));
    }

    /// Ticks when due, until a round goes out: says when.
    fn run(test: &mut SelfTest, base: u64, until: f64) -> Option<Duration> {
        while let Some(due) = test.deadline().filter(|due| *due <= at(until)) {
            let due = due.max(test.now);
            if test.tick(base, due) {
                return Some(due);
            }
            assert!(test.deadline() > Some(due), "due {due:?} for ever: {test:?}");
        }
        None
    }

    /// The same, while other stanzas come every second.
    fn run_busy(test: &mut SelfTest, base: u64, until: f64) -> Option<Duration> {
        let mut second = test.now.as_secs_f64().ceil();
        while second <= until {
            let round = run(test, base, second);
            if round.is_some() {
                return round;
            }
            test.input(at(second));
            test.other();
            second += 1.0;
        }
        run(test, base, until)
    }

    #[test]
    fn a_complete_round_means_alone_at_once() {
        let mut test = logged_in();
        hear(&mut test, 0..15);
        assert_eq!(test.sharing(), Sharing::Unknown);
        hear(&mut test, [15]);
        assert_eq!((test.sharing(), test.deadline()), (Sharing::Alone, None));
    }

    #[test]
    fn one_sign_leads_to_a_second_round_and_to_no_judgement() {
        let signs: [fn(&mut SelfTest); 4] = [
            |test| hear(test, [0, 2]),
            |test| hear(test, 0..15),
            SelfTest::foreign,
            |test| {
                test.foreign();
                hear(test, 0..16);
            },
        ];
        for sign in signs {
            let mut test = logged_in();
            sign(&mut test);
            assert_eq!(run(&mut test, 16, 10.0), Some(at(4.0)));
            // What the predecessor said still arrives, and then what the ghost left us.
            test.foreign();
            hear(&mut test, [15]);
            assert_eq!(test.sharing(), Sharing::Unknown);
            hear(&mut test, 16..32);
            assert_eq!((test.sharing(), test.deadline()), (Sharing::Alone, None));
        }
    }

    #[test]
    fn a_sign_in_the_second_round_means_shared() {
        let mut test = doubting();
        hear(&mut test, [17]);
        assert_eq!(test.sharing(), Sharing::Shared);
        let mut test = doubting();
        hear(&mut test, [16]);
        test.foreign();
        assert_eq!(test.sharing(), Sharing::Shared);
    }

    #[test]
    fn what_does_not_come_within_ten_seconds_while_others_do_means_shared() {
        for heard in [16..16, 16..31] {
            let mut test = doubting();
            hear(&mut test, heard);
            run_busy(&mut test, 32, 8.9);
            assert_eq!(test.sharing(), Sharing::Unknown);
            run_busy(&mut test, 32, 9.5);
            assert_eq!(test.sharing(), Sharing::Shared);
        }
    }

    #[test]
    fn silence_is_no_sign_and_the_round_is_repeated() {
        let mut test = doubting();
        assert_eq!(run(&mut test, 32, 100.0), Some(at(64.0)));
        assert_eq!(run(&mut test, 48, 200.0), Some(at(124.0)));
        assert_eq!(test.sharing(), Sharing::Unknown);
    }

    #[test]
    fn a_server_that_stood_still_gets_time() {
        let mut test = doubting();
        run_busy(&mut test, 32, 5.0);
        assert_eq!(run(&mut test, 32, 30.0), None);
        test.input(at(30.0));
        run_busy(&mut test, 32, 31.0);
        assert_eq!(test.sharing(), Sharing::Unknown);
        hear(&mut test, 16..32);
        assert_eq!(test.sharing(), Sharing::Alone);
    }

    #[test]
    fn time_in_which_nobody_looked_is_no_sign() {
        let mut test = doubting();
        run_busy(&mut test, 32, 5.0);
        assert!(!test.tick(32, at(30.0)));
        test.input(at(30.0));
        test.other();
        assert!(!test.tick(32, at(30.0)));
        assert_eq!(test.sharing(), Sharing::Unknown);
        hear(&mut test, 16..32);
        assert_eq!(test.sharing(), Sharing::Alone);
    }

    #[test]
    fn a_slow_server_gets_the_time_it_needs() {
        let mut test = logged_in();
        assert_eq!(run_busy(&mut test, 16, 10.0), Some(at(4.0)));
        run_busy(&mut test, 32, 8.0);
        hear(&mut test, [0, 2]);
        run_busy(&mut test, 32, 19.0);
        assert_eq!(test.sharing(), Sharing::Unknown);
        hear(&mut test, 16..32);
        assert_eq!(test.sharing(), Sharing::Alone);
    }

    #[test]
    fn shared_is_forgotten_after_a_complete_round() {
        let mut test = doubting();
        hear(&mut test, [17]);
        assert_eq!(run(&mut test, 32, 100.0), Some(at(64.0)));
        hear(&mut test, [33]);
        assert_eq!(run(&mut test, 48, 200.0), Some(at(124.0)));
        assert_eq!(test.sharing(), Sharing::Shared);
        hear(&mut test, 48..64);
        assert_eq!((test.sharing(), test.deadline()), (Sharing::Alone, None));
    }

    #[test]
    fn a_sibling_may_come_later() {
        let mut test = logged_in();
        hear(&mut test, 0..16);
        test.input(at(1_000.0));
        test.foreign();
        assert_eq!(test.sharing(), Sharing::Alone);
        assert_eq!(run(&mut test, 16, 2_000.0), Some(at(1_004.0)));
        hear(&mut test, [18]);
        assert_eq!(test.sharing(), Sharing::Shared);
    }

    #[test]
    fn what_was_known_before_an_upgrade_is_still_known() {
        let due = |sharing| {
            let mut test = SelfTest::new(sharing, at(7.0));
            assert_eq!(test.sharing(), sharing);
            run(&mut test, 99, 1_000.0)
        };
        assert_eq!(due(Sharing::Unknown), Some(at(7.0)));
        assert_eq!(due(Sharing::Alone), None);
        assert_eq!(due(Sharing::Shared), Some(at(67.0)));
    }
}
