//! The subscription to the target's presence, and what it tells (RFC 6121 sections 3 and 4).

use std::time::Duration;

use fastrand::Rng;

use super::address::Address;
use super::now::Now;
use super::resources::Resources;

mod handover;
mod subscription;

pub use handover::Handover;
pub use subscription::Subscription;

/// A presence stanza to send to the target's bare address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Subscribe,
    Probe,
    Subscribed,
    Available,
}

/// A presence stanza of the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    Available {
        dnd: bool,
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

/// The subscription and the resources that it tells.
#[derive(Clone, Debug)]
pub struct Presence {
    pub resources: Resources,
    subscription: Subscription,
    /// Unix second of the last change of `subscription`.
    since: u64,
    /// When to subscribe again, and how often that was done in vain.
    retry_at: Option<Duration>,
    attempts: u32,
    /// When entries go that nobody has confirmed since we connected.
    doubt_ends: Option<Duration>,
    /// Is there a stream on which the subscription was requested?
    connected: bool,
}

impl Presence {
    pub fn new() -> Self {
        Self {
            resources: Resources::default(),
            subscription: Subscription::Never,
            since: 0,
            retry_at: None,
            attempts: 0,
            doubt_ends: None,
            connected: false,
        }
    }

    pub fn subscription(&self) -> &Subscription {
        &self.subscription
    }

    /// Do we hear of every resource, and has every one been seen since we connected?
    pub fn is_settled(&self) -> bool {
        self.subscription == Subscription::Subscribed && self.connected && self.doubt_ends.is_none()
    }

    /// Unix second of the last change of [`Self::subscription`].
    pub fn since(&self) -> u64 {
        self.since
    }

    /// The stream is up: asks, since no server tells by itself what changed meanwhile
    /// (docs/servers.md#no-push).
    fn connect(&mut self, now: Now, rng: &mut Rng) -> Action {
        self.connected = true;
        self.resources.doubt();
        self.doubt_ends = Some(now.mono + CONFIRM_AFTER_CONNECT);
        self.attempts = 0;
        self.subscribe(now, rng)
    }

    /// The stream is down: nothing is asked until it is up again.
    pub fn disconnected(&mut self) {
        self.connected = false;
        self.retry_at = None;
        self.doubt_ends = None;
    }

    /// The subscription is to be another one: the resources may last, until it tells of them.
    pub fn start_anew(&mut self) {
        *self = Self { resources: std::mem::take(&mut self.resources), ..Self::new() };
    }

    /// The next [`Self::tick`] asks, whatever was heard so far, and what follows an answer that is no
    /// consent starts from the beginning: an operator may have changed what made it so.
    pub fn ask_again(&mut self) {
        self.attempts = 0;
        self.retry_at = self.connected.then_some(Duration::ZERO);
    }

    /// The target, or its server in its name, sent presence from `from`; what to answer, and
    /// whether it told anything.
    pub fn hear(&mut self, from: &Address<'_>, heard: Heard, now: Now, rng: &mut Rng) -> Answer {
        let full = from.resource().is_some();
        match heard {
            Heard::Available { dnd } if full => {
                self.resources.add(from, dnd);
                self.probe_was_answered(now);
            }
            Heard::Unavailable if full => self.resources.remove(from),
            // Nobody is online, or the request is still pending (docs/servers.md#nobody-online).
            Heard::Unavailable => {
                self.resources.clear();
                self.probe_was_answered(now);
            }
            // A probe earlier than this can cancel the request (docs/servers.md#pending-probe).
            Heard::Subscribed => {
                if self.subscription == Subscription::Denied {
                    // Nobody was asked since the denial, and servers pass such a stanza on without
                    // a subscription behind it (docs/servers.md#unasked-acceptance): ask for one
                    // that holds.
                    self.become_(Subscription::Pending, now);
                    return Answer::Used(&[Action::Subscribe]);
                }
                self.become_(Subscription::Subscribed, now);
                self.retry_at = None;
                self.attempts = 0;
                return Answer::Used(&[Action::Probe]);
            }
            Heard::Unsubscribed => {
                self.become_(Subscription::Denied, now);
                self.resources.clear();
                self.retry_later(SLOW_RETRY, now, rng);
            }
            // An error from a resource is that client's reply to something else.
            Heard::Error(condition) if !full => {
                if self.subscription != Subscription::Subscribed {
                    self.become_(Subscription::Failed(condition), now);
                }
                self.retry_later(QUICK_RETRY, now, rng);
            }
            Heard::Subscribe => return Answer::Used(&[Action::Subscribed, Action::Available]),
            Heard::Probe => return Answer::Used(&[Action::Available]),
            Heard::Available { .. } | Heard::Error(_) | Heard::Other => return Answer::Ignored,
        }
        Answer::Used(&[])
    }

    /// Does what is due on a stream that is up; at [`Self::deadline`] at the latest. The first
    /// time on each stream that is asking.
    pub fn tick(&mut self, now: Now, rng: &mut Rng) -> Option<Action> {
        if !self.connected {
            return Some(self.connect(now, rng));
        }
        if self.doubt_ends.is_some_and(|at| at <= now.mono) {
            self.doubt_ends = None;
            self.resources.remove_unverified();
        }
        let due = self.retry_at.is_some_and(|at| at <= now.mono);
        due.then(|| self.subscribe(now, rng))
    }

    /// When [`Self::tick`] has something to do.
    pub fn deadline(&self) -> Option<Duration> {
        if !self.connected {
            return Some(Duration::ZERO);
        }
        [self.retry_at, self.doubt_ends].into_iter().flatten().min()
    }

    /// When the next `subscribe` goes out if nothing is heard.
    pub fn retry_at(&self) -> Option<Duration> {
        self.retry_at
    }

    fn subscribe(&mut self, now: Now, rng: &mut Rng) -> Action {
        if self.subscription != Subscription::Subscribed {
            self.become_(Subscription::Pending, now);
        }
        self.attempts = self.attempts.saturating_add(1);
        self.retry_later(SLOW_RETRY, now, rng);
        Action::Subscribe
    }

    fn become_(&mut self, subscription: Subscription, now: Now) {
        if self.subscription != subscription {
            self.subscription = subscription;
            self.since = now.unix;
        }
    }

    /// `first` after the first attempt, twice as much after each further one, up to an hour;
    /// less up to a quarter at random.
    fn retry_later(&mut self, first: Duration, now: Now, rng: &mut Rng) {
        let doublings = self.attempts.saturating_sub(1).min(16);
        let full = (first * 2u32.pow(doublings)).min(LAST_RETRY);
        self.retry_at = Some(now.mono + full.mul_f64(1.0 - rng.f64() / 4.0));
    }

    fn probe_was_answered(&mut self, now: Now) {
        let soon = now.mono + CONFIRM_AFTER_ANSWER;
        self.doubt_ends = self.doubt_ends.map(|ends| ends.min(soon));
    }
}

impl Default for Presence {
    fn default() -> Self {
        Self::new()
    }
}

/// What comes of a presence stanza.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It told something; these go out.
    Used(&'static [Action]),
    Ignored,
}

/// After an answer that some server's fault may explain (its hosts are not up yet, say).
const QUICK_RETRY: Duration = Duration::from_secs(5);
/// After a denial, or no answer at all: people decide those.
const SLOW_RETRY: Duration = Duration::from_secs(60);
const LAST_RETRY: Duration = Duration::from_secs(3600);
/// How long entries from before a reconnect stay unconfirmed.
const CONFIRM_AFTER_CONNECT: Duration = Duration::from_secs(60);
/// The same, once the first answer to the probe is there.
const CONFIRM_AFTER_ANSWER: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
