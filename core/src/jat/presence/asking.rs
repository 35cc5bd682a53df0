//! When the target is probed, and what its answer, or none, means.

use std::time::Duration;

use fastrand::Rng;

use crate::jat::now::Now;
use crate::jat::resources::Gone;

use super::probing::{AFTER_LOGIN, ANSWER_TIME, GRANT_TIME, ProbeCause, Round};
use super::{Hearing, OwnPresence, Presence, Subscription};

impl Presence {
    /// Does what is due on a stream that is up; call it at [`Self::deadline`] at the latest. The first
    /// call on each stream sends a probe or a request.
    pub fn tick(&mut self, now: Now, rng: &mut Rng) -> Option<OwnPresence> {
        if !self.connected {
            return Some(self.connect(now, rng));
        }
        if let Some(round) = self.probing.ended(now.mono)
            && let Some(presence) = self.judge(round, now, rng)
        {
            return Some(presence);
        }
        if self.retry_at.is_some_and(|at| at <= now.mono) {
            return Some(self.subscribe(ProbeCause::Order, now, rng));
        }
        self.plan(now, rng);
        self.probing.due().filter(|at| *at <= now.mono)?;
        if self.probing.is_open() {
            self.probing.ask_also(now.mono);
            return Some(OwnPresence::Probe);
        }
        if self.resources.is_empty() {
            // Without a subscription servers do not answer a probe, or take it for the end of the
            // request (docs/servers.md#lost-subscription, docs/servers.md#pending-probe).
            return Some(self.subscribe(ProbeCause::Empty, now, rng));
        }
        self.begin_round();
        self.probing.ask(ProbeCause::Routine, true, ANSWER_TIME, true, now.mono);
        Some(OwnPresence::Probe)
    }

    /// When [`Self::tick`] has something to do.
    pub fn deadline(&self) -> Option<Duration> {
        if !self.connected {
            return Some(Duration::ZERO);
        }
        [self.retry_at, self.probing.deadline()].into_iter().flatten().min()
    }

    /// When the next `subscribe` is sent if there is no answer.
    pub fn retry_at(&self) -> Option<Duration> {
        self.retry_at
    }

    /// The answer to a probe is complete, or there is none: probes again, or concludes.
    fn judge(&mut self, round: Round, now: Now, rng: &mut Rng) -> Option<OwnPresence> {
        let silent = !round.answered;
        if silent && round.once_more {
            self.probing.go_on(round.probed, false, now.mono);
            return Some(if round.probed { OwnPresence::Probe } else { OwnPresence::Subscribe });
        }
        let limit = match self.hearing {
            Hearing::Part => Some(MISSED_OF_PART),
            // Each answer may have gone to a replica on another node, and there is no sign that the list
            // is wrong: a missing answer is no reason to doubt it.
            Hearing::Likely if silent && round.is_routine() => None,
            Hearing::Likely | Hearing::All => Some(1),
        };
        let Gone { all: lapsed, steady } =
            limit.map_or_else(Gone::default, |limit| self.resources.end_round(limit));
        self.lapsed += lapsed as u64;
        // Otherwise another process may have got the answers. A missing answer may also mean that the
        // subscription was lost (docs/servers.md#lost-subscription).
        if self.hearing == Hearing::All && !silent {
            self.vanished.note(steady, now.unix);
        }
        self.probing.judged(lapsed, now.mono, rng);
        if !std::mem::replace(&mut self.settled, true) {
            self.probing.need(ProbeCause::Login, AFTER_LOGIN, now.mono, rng);
        }
        let lost = silent && !round.probed && self.resources.is_empty();
        if lost && self.may_probe() && self.hearing != Hearing::Part {
            // All servers confirm an existing subscription at once (docs/servers.md#no-push).
            self.become_(Subscription::Pending, now);
            self.retry_later(SLOW_RETRY, now, rng);
        }
        if !self.may_probe() {
            self.probing.rest();
        }
        self.plan(now, rng);
        None
    }

    fn subscribe(&mut self, cause: ProbeCause, now: Now, rng: &mut Rng) -> OwnPresence {
        if self.subscription == Subscription::Subscribed {
            self.retry_at = None;
            self.begin_round();
            let once_more = !self.resources.is_empty();
            self.probing.ask(cause, false, GRANT_TIME, once_more, now.mono);
            return OwnPresence::Subscribe;
        }
        self.become_(Subscription::Pending, now);
        self.attempts = self.attempts.saturating_add(1);
        // If it exists, servers confirm it at once; after a crash of ours the answer may go to the old
        // stream. Otherwise a person has to decide, so the next request is a minute later, and so on.
        let first = if self.attempts == 1 { QUICK_RETRY } else { SLOW_RETRY / 2 };
        self.retry_later(first, now, rng);
        self.plan(now, rng);
        OwnPresence::Subscribe
    }

    /// The stream is up: requests the subscription, since servers do not report changes by themselves
    /// (docs/servers.md#no-push).
    fn connect(&mut self, now: Now, rng: &mut Rng) -> OwnPresence {
        self.connected = true;
        self.settled = false;
        self.resources.doubt();
        self.attempts = 0;
        self.subscribe(ProbeCause::Order, now, rng)
    }

    /// Waits `first` after the first attempt, and twice as long after each further one, up to an hour, or
    /// up to a minute if it was granted before; up to a quarter less, at random.
    pub(super) fn retry_later(&mut self, first: Duration, now: Now, rng: &mut Rng) {
        let doublings = self.attempts.saturating_sub(1).min(16);
        let last = if self.granted { SLOW_RETRY } else { LAST_RETRY };
        let full = (first * 2u32.pow(doublings)).min(last);
        self.retry_at = Some(now.mono + full.mul_f64(1.0 - rng.f64() / 4.0));
    }
}

/// After an answer that may be caused by a fault of a server, whose hosts may not be up yet.
pub(super) const QUICK_RETRY: Duration = Duration::from_secs(5);
/// After a denial, or no answer at all: a person decides.
pub(super) const SLOW_RETRY: Duration = Duration::from_secs(60);
const LAST_RETRY: Duration = Duration::from_secs(3600);
/// How long resources stay without presence or results while there is no subscription.
pub(super) const CONFIRM_WITHOUT_GRANT: Duration = Duration::from_secs(60);
/// If three processes share the answers, at least one of twenty comes to us, except once in 3,000
/// times; and we get answers to the others' probes, too.
const MISSED_OF_PART: u8 = 20;
