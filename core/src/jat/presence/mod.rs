//! The subscription to the target's presence, and what it shows (RFC 6121 sections 3 and 4).

use std::time::Duration;

use fastrand::Rng;

use crate::stanza::condition::DefinedCondition;

use super::address::Address;
use super::now::Now;
use super::reason::Reason;
use super::resources::Resources;

mod asking;
mod pace;
mod probing;
mod recent;
mod snapshot;
mod subscription;
pub mod vanished;

use asking::{CONFIRM_WITHOUT_GRANT, QUICK_RETRY, SLOW_RETRY};
use pace::SHORTEST_PAUSE;
use probing::{AFTER_HEELS, ProbeCause, Probing, SOON};
use recent::Recent;
use vanished::Vanished;

pub use snapshot::PresenceSnapshot;
pub use subscription::Subscription;

/// A presence stanza to send to the target's bare address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnPresence {
    Subscribe,
    Probe,
    Subscribed,
    Available,
}

/// A presence stanza of the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetPresence {
    Available {
        dnd: bool,
        priority: i8,
    },
    Unavailable,
    Subscribe,
    Subscribed,
    Unsubscribed,
    Probe,
    /// With the stanza error condition.
    Error(String),
    /// Any other type.
    Other,
}

/// The subscription and the resources that it shows.
#[derive(Clone, Debug)]
pub struct Presence {
    pub resources: Resources,
    subscription: Subscription,
    /// Unix second of the last change of `subscription`.
    since: u64,
    /// When to subscribe again, and how often that has failed.
    retry_at: Option<Duration>,
    attempts: u32,
    /// Whether it was granted, and not refused since; then no person has to decide.
    granted: bool,
    probing: Probing,
    recent: Recent,
    hearing: Hearing,
    /// Unix second of the last answer of the target's server.
    confirmed: Option<u64>,
    /// Resources that were removed because an answer lacked them, without unavailable presence.
    lapsed: u64,
    /// Those of them that had been online for long, on one stream.
    vanished: Vanished,
    /// Whether there is a stream on which the subscription was requested.
    connected: bool,
    /// Whether a round has been judged since it is up.
    settled: bool,
}

/// How much of the target's presence reaches us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hearing {
    /// All: only this replica has the domain.
    All,
    /// All, unless another node of the server's cluster also has a replica without a presence domain,
    /// which is noticed late, if at all.
    #[default]
    Likely,
    /// A share, as another process has the same domain.
    Part,
}

impl Presence {
    pub fn new() -> Self {
        Self {
            resources: Resources::default(),
            subscription: Subscription::Never,
            since: 0,
            retry_at: None,
            attempts: 0,
            granted: false,
            probing: Probing::default(),
            recent: Recent::default(),
            hearing: Hearing::default(),
            confirmed: None,
            lapsed: 0,
            vanished: Vanished::default(),
            connected: false,
            settled: false,
        }
    }

    pub fn subscription(&self) -> &Subscription {
        &self.subscription
    }

    /// Why there is nobody to forward to.
    pub fn reason_for_nobody(&self) -> Reason {
        match self.resources.is_empty() {
            true => self.subscription.reason_for_nobody(),
            false => Reason::NeverAsked,
        }
    }

    /// Whether we get all presence, and the list has been complete since we connected.
    pub fn is_settled(&self) -> bool {
        self.subscription == Subscription::Subscribed && self.connected && self.settled
    }

    /// Unix second of the last change of [`Self::subscription`].
    pub fn since(&self) -> u64 {
        self.since
    }

    /// Unix second at which the target's server last confirmed it, or reported who is online.
    pub fn confirmed(&self) -> Option<u64> {
        self.confirmed
    }

    /// Resources that were removed because the target's server no longer listed them.
    pub fn lapsed(&self) -> u64 {
        self.lapsed
    }

    /// Those of them that had been online for long: their host has died, or is cut off.
    pub fn vanished(&self) -> Vanished {
        self.vanished
    }

    /// Continues with the counts of another one, since counters never decrease.
    pub fn inherit(&mut self, other: &Self) {
        self.vanished.total += other.vanished.total;
    }

    /// The stream is down: nothing is sent until it is up again.
    pub fn disconnected(&mut self) {
        self.connected = false;
        self.retry_at = None;
        self.probing.rest();
        self.recent = Recent::default();
    }

    /// The subscription changes: the resources stay until the new one reports them.
    pub fn start_over(&mut self) {
        let (resources, vanished) = (std::mem::take(&mut self.resources), self.vanished);
        *self = Self { resources, vanished, ..Self::new() };
    }

    /// The next [`Self::tick`] sends a request, whatever the state, and the pauses after a refusal start
    /// over, since an operator may have removed its reason.
    pub fn ask_again(&mut self) {
        self.attempts = 0;
        self.retry_at = self.connected.then_some(Duration::ZERO);
    }

    /// How much of the target's presence reaches us.
    pub fn set_hearing(&mut self, hearing: Hearing) {
        self.hearing = hearing;
    }

    /// The target, or its server in its place, sent presence from `from`; returns what to answer, and
    /// whether it was of use.
    pub fn hear(
        &mut self,
        from: &Address<'_>,
        heard: TargetPresence,
        now: Now,
        rng: &mut Rng,
    ) -> Reaction {
        let answer = self.take(from, heard, now, rng);
        self.plan(now, rng);
        answer
    }

    /// A reply with a valid token came from a full JID in normal form: a result, or an error with
    /// this stanza error condition.
    pub fn answered(
        &mut self,
        normal: &str,
        error: Option<DefinedCondition>,
        now: Now,
        rng: &mut Rng,
    ) {
        match error {
            None => self.resources.vouch(normal),
            Some(condition) => {
                let of_missing = condition.is_of_missing();
                let doubted = if of_missing { self.resources.suspect(normal) } else { None };
                match doubted.filter(|_| self.may_probe()) {
                    Some(true) => self.probing.need(ProbeCause::Error, SOON, now.mono, rng),
                    Some(false) => self.probing.want(ProbeCause::Error, SOON, now.mono, rng),
                    None => {}
                }
            }
        }
    }

    fn take(
        &mut self,
        from: &Address<'_>,
        heard: TargetPresence,
        now: Now,
        rng: &mut Rng,
    ) -> Reaction {
        let full = from.resource().is_some();
        match heard {
            TargetPresence::Available { dnd, priority } if full => {
                let new = self.resources.add(from, dnd, priority);
                self.confirm(new, now, rng);
                let on_heels = self.recent.note(from, true, now.mono);
                // While a probe is open it is most likely the answer.
                if on_heels && self.may_probe() && !self.probing.is_open() {
                    self.probing.want(ProbeCause::Came, AFTER_HEELS, now.mono, rng);
                }
                if self.recent.is_clear() {
                    self.probing.drop(ProbeCause::Left);
                }
            }
            TargetPresence::Unavailable if full => {
                self.resources.remove(from);
                // It may be online, so this probe does not wait for a pause.
                if self.recent.note(from, false, now.mono) && self.may_probe() {
                    self.probing.need(ProbeCause::Left, AFTER_HEELS, now.mono, rng);
                }
            }
            // Nobody is online, or the request is still pending (docs/servers.md#nobody-online).
            TargetPresence::Unavailable => {
                self.resources.clear();
                self.confirm(false, now, rng);
            }
            TargetPresence::Subscribed => return Reaction::Used(self.accepted(now, rng)),
            TargetPresence::Unsubscribed => {
                // One that was granted may be lost by accident, for example when the account is created
                // again: one request repairs that.
                let was_granted = std::mem::take(&mut self.granted);
                self.become_(Subscription::Denied, now);
                self.resources.clear();
                self.probing.rest();
                self.retry_later(if was_granted { QUICK_RETRY } else { SLOW_RETRY }, now, rng);
            }
            // An error from a resource is a reply of that client to something else.
            TargetPresence::Error(condition) if !full => {
                if self.subscription != Subscription::Subscribed {
                    self.become_(Subscription::Failed(condition), now);
                }
                // It says nothing about who is online, so an open probe stays open.
                if !self.probing.is_open() || self.subscription != Subscription::Subscribed {
                    let before = self.retry_at;
                    self.retry_later(QUICK_RETRY, now, rng);
                    // Repeated errors do not postpone it.
                    self.retry_at = before.into_iter().chain(self.retry_at).min();
                }
            }
            TargetPresence::Subscribe => {
                return Reaction::Used(&[OwnPresence::Subscribed, OwnPresence::Available]);
            }
            TargetPresence::Probe => return Reaction::Used(&[OwnPresence::Available]),
            TargetPresence::Available { .. } | TargetPresence::Error(_) | TargetPresence::Other => {
                return Reaction::Ignored;
            }
        }
        Reaction::Used(&[])
    }

    /// The target has accepted the subscription, or its server confirms it.
    fn accepted(&mut self, now: Now, rng: &mut Rng) -> &'static [OwnPresence] {
        if self.subscription == Subscription::Denied {
            // There was no request since the denial, and servers pass on such a stanza without a subscription
            // (docs/servers.md#unasked-acceptance): so request one.
            if self.probing.takes_turn(ProbeCause::Accepted, now.mono) {
                self.become_(Subscription::Pending, now);
                return &[OwnPresence::Subscribe];
            }
            let soon = now.mono + SHORTEST_PAUSE;
            self.retry_at = Some(self.retry_at.map_or(soon, |at| at.min(soon)));
            return &[];
        }
        self.confirmed = Some(now.unix);
        if self.subscription == Subscription::Subscribed && !self.probing.is_to_be_probed() {
            // This answers no request of ours.
            self.probing.want(ProbeCause::Accepted, SOON, now.mono, rng);
            return &[];
        }
        self.become_(Subscription::Subscribed, now);
        self.granted = true;
        self.retry_at = None;
        self.attempts = 0;
        self.begin_round();
        // Earlier than this it could cancel the request (docs/servers.md#pending-probe).
        self.probing.go_on(true, !self.resources.is_empty(), now.mono);
        &[OwnPresence::Probe]
    }

    fn may_probe(&self) -> bool {
        self.connected && self.subscription == Subscription::Subscribed
    }

    fn plan(&mut self, now: Now, rng: &mut Rng) {
        if self.may_probe() {
            self.probing.plan(self.resources.len(), now.mono, rng);
        } else if self.connected && !self.resources.is_empty() && !self.probing.is_open() {
            // Known from another subscription, or from presence without one. A probe could cancel the request
            // (docs/servers.md#pending-probe), so there is nothing to do but wait.
            self.begin_round();
            self.probing.ask(ProbeCause::Order, false, CONFIRM_WITHOUT_GRANT, false, now.mono);
        }
    }

    fn begin_round(&mut self) {
        self.resources.begin_round();
    }

    fn become_(&mut self, subscription: Subscription, now: Now) {
        if self.subscription != subscription {
            self.subscription = subscription;
            self.since = now.unix;
        }
    }

    fn confirm(&mut self, new: bool, now: Now, rng: &mut Rng) {
        if self.probing.is_open() {
            self.confirmed = Some(now.unix);
            self.probing.answered(new, now.mono, rng);
        }
    }
}

impl Default for Presence {
    fn default() -> Self {
        Self::new()
    }
}

/// The result of a presence stanza.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// It was used; these are sent.
    Used(&'static [OwnPresence]),
    Ignored,
}

#[cfg(test)]
mod tests;
