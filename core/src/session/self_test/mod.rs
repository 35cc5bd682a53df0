//! Whether we share the domain with another process.
//!
//! A server hands each stanza for a shared domain to one connection at random
//! (docs/servers.md#random-connection). Of a round of sixteen echoes, a process that is alone
//! receives all, one of two receives about eight. Three things are a sign of another process: an
//! echo of ours that has been overtaken by a later one, since it will not come any more; an echo
//! of that process; and echoes that do not come while other stanzas do. But if no echo at all has
//! ever come, neither ours nor another's, that is a sign of something that drops them.
//!
//! One sign proves little: shortly after a quick restart the server still has the connection of
//! the process that died, sends some of our echoes to it, and some of its echoes to us. So a sign
//! only leads to a second round some seconds later, and that one decides.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::named;

named! {
    /// Whether another process has a stream for the same domain.
    #[derive(Default, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    pub enum Sharing {
        #[default]
        Unknown = "unknown",
        Alone = "alone",
        Shared = "shared",
    }
}

/// What one stream knows of other processes on its domain.
#[derive(Clone, Debug)]
pub(super) struct SelfTest {
    sharing: Sharing,
    stage: Stage,
    round: Round,
    /// In the stages that wait for it: when the next round goes out.
    next_round: Duration,
    /// Whether any echo has come, ours or another's.
    heard_any: bool,
    /// Whether none come, as far as is known.
    unheard: bool,
    /// How long the slowest echo since the last verdict took.
    slowest: Duration,
    /// The latest known moment, and the last one at which it was checked.
    now: Duration,
    looked: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing was sent yet.
    New,
    /// The first round is out, and there is no sign of another process.
    First,
    /// There is a sign: another round goes out once the server must have noticed the end of an
    /// earlier connection of this process.
    Doubt,
    /// The round that decides is out.
    Second,
    /// The process was found to be alone, and there has been no sign of another since.
    Alone,
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
    /// Since when both we and the server have been running.
    listening: Duration,
}

impl SelfTest {
    /// `sharing` is what is known already: a process that is known to be alone needs no test.
    pub(super) fn new(sharing: Sharing, now: Duration) -> Self {
        let stage = match sharing {
            Sharing::Unknown => Stage::New,
            Sharing::Alone => Stage::Alone,
            Sharing::Shared => Stage::Doubt,
        };
        Self {
            sharing,
            stage,
            round: Round { sent: now, ..Round::default() },
            next_round: now + RECHECK,
            // What is known came from echoes.
            heard_any: sharing != Sharing::Unknown,
            unheard: false,
            slowest: Duration::ZERO,
            now,
            looked: now,
        }
    }

    pub(super) fn sharing(&self) -> Sharing {
        self.sharing
    }

    /// Whether nothing that we send to ourselves comes back, although the server sends other
    /// stanzas.
    pub(super) fn is_unheard(&self) -> bool {
        self.unheard
    }

    /// Whether the stream is known not to be shared, with no sign of another process since.
    pub(super) fn is_alone(&self) -> bool {
        self.stage == Stage::Alone
    }

    /// Bytes came; calls that say what they were follow.
    pub(super) fn input(&mut self, now: Duration) {
        self.now = now;
    }

    /// An echo of our own came.
    pub(super) fn own(&mut self, number: u64) {
        self.heard();
        let Some(bit) = number.checked_sub(self.round.base) else {
            // From a round that is over: it only shows how slow the server is.
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
    pub(super) fn foreign(&mut self) {
        self.heard();
        match self.stage {
            Stage::First => self.stage = Stage::Doubt,
            Stage::Alone => {
                self.stage = Stage::Doubt;
                self.next_round = self.now + PAUSE;
            }
            // What comes before our own may be from that connection: the server read it earlier.
            Stage::Second if self.round.heard != 0 => self.judge(Sharing::Shared),
            _ => {}
        }
    }

    /// Some other stanza came.
    pub(super) fn other(&mut self) {
        if !self.is_listening() {
            // The server may have hung.
            self.round.listening = self.now;
        }
        self.round.alive = Some(self.now);
    }

    /// Says whether a round is to be sent at once, numbered from `base` on.
    pub(super) fn tick(&mut self, base: u64, now: Duration) -> bool {
        self.look(now);
        self.stage = match self.stage {
            Stage::New => Stage::First,
            Stage::First | Stage::Doubt if now >= self.next_round => Stage::Second,
            Stage::Second if self.is_missed() => {
                self.unheard = !self.heard_any;
                self.judge(if self.unheard { Sharing::Unknown } else { Sharing::Shared });
                return false;
            }
            // Nothing came, which proves nothing.
            Stage::Second if now >= self.round.sent + RECHECK => Stage::Second,
            _ => return false,
        };
        self.next_round = now + PAUSE;
        let before = self.round.sent;
        self.round = Round { base, sent: now, before, listening: now, heard: 0, alive: None };
        true
    }

    /// When [`Self::tick`] has something to do.
    pub(super) fn deadline(&self) -> Option<Duration> {
        match self.stage {
            Stage::New => Some(self.now),
            Stage::First | Stage::Doubt => Some(self.next_round),
            Stage::Second if self.is_listening() => Some(self.looked + LOOK),
            Stage::Second => Some(self.round.sent + RECHECK),
            Stage::Alone => None,
        }
    }

    fn heard(&mut self) {
        (self.heard_any, self.unheard) = (true, false);
        self.other();
    }

    fn judge(&mut self, sharing: Sharing) {
        self.sharing = sharing;
        self.stage = match sharing {
            Sharing::Alone => Stage::Alone,
            // The other process may leave.
            _ => Stage::Doubt,
        };
        self.next_round = self.round.sent + RECHECK;
        self.slowest = Duration::ZERO;
    }

    /// Whether the second round should have come back by now if we were alone.
    fn is_missed(&self) -> bool {
        // A slow server gets more time.
        let patience = PATIENCE.max(2 * self.slowest);
        self.round.alive.is_some() && self.now >= self.round.listening + patience
    }

    fn took(&mut self, since: Duration) {
        let took = self.now.saturating_sub(since);
        self.slowest = self.slowest.max(took).min(SLOWEST);
    }

    fn look(&mut self, now: Duration) {
        if now > self.looked + STOPPED {
            // We could not receive anything meanwhile, or the round itself had to wait for the
            // server.
            self.round.listening = now;
        }
        self.looked = now;
        self.now = now;
    }

    /// Whether we are waiting for echoes, and the server sends anything.
    fn is_listening(&self) -> bool {
        let alive = self.round.alive.unwrap_or(self.round.sent);
        self.stage == Stage::Second && self.now < alive + SILENCE
    }
}

/// Echoes of a round.
pub(super) const ROUND: u64 = 16;
/// From the first round, or from the first echo of another process, to the second round. Servers
/// forget a dead connection sooner.
const PAUSE: Duration = Duration::from_secs(4);
/// How long the second round may take. Together with the pause less than ten seconds.
const PATIENCE: Duration = Duration::from_secs(5);
/// A server that sent nothing for this long may have hung.
const SILENCE: Duration = Duration::from_secs(3);
/// An echo that took longer was delayed by something else.
const SLOWEST: Duration = Duration::from_secs(10);
/// From one round to the next while the domain is shared, or while nothing is known.
const RECHECK: Duration = Duration::from_secs(60);
/// How often to check while the passing of time can be a sign.
const LOOK: Duration = Duration::from_millis(500);
/// A process that has not checked for longer was not running.
const STOPPED: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
