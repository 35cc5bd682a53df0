//! What the daemon sees of its components, as a document: `/status` serves it, `jat-proxy
//! status` prints it.
//!
//! Times are RFC 3339 in UTC.

mod document;
pub(crate) mod key_states;
pub(crate) mod name_keys;
mod resources;
mod service_view;
mod stream_view;
pub(crate) mod words;

use std::collections::BTreeMap;
use std::iter;

use serde::{Deserialize, Serialize};

pub(crate) use document::not_ready;

/// The whole document.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Status {
    pub version: String,
    /// When the process began.
    pub started: String,
    pub components: Vec<ComponentStatus>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ComponentStatus {
    /// That of the domain itself; empty, like all that is of it, where only faces have a target.
    pub target: String,
    pub server: String,
    /// The name that the server's certificate must be for; `null` without TLS.
    pub tls: Option<String>,
    /// As in the configuration: `random`, `sticky` or `priority`.
    pub dispatch: String,
    /// As in the configuration, in normal form: which resources serve; empty for all.
    pub patterns: Vec<String>,
    /// As in the configuration: `iq`, and `messages`, `presence` or `requests`.
    pub relay: Vec<String>,
    /// As in the configuration: `disco` or `ping`, if it answers these itself.
    pub answer: Vec<String>,
    /// As in the configuration: `resource` or `id`; `id` where more is relayed than `iq`.
    pub token_in: String,
    /// Who may ask; `null` when everybody may.
    pub access: Option<AccessStatus>,
    /// How much each asker may send; `null` when as much as it likes.
    pub limit: Option<LimitStatus>,
    /// How it is done where more than requests of users is relayed; else `null`.
    pub two_way: Option<TwoWayStatus>,
    /// Why nothing can be forwarded; `null` when it can.
    pub not_ready: Option<String>,
    /// What an operator has to fix, for people.
    pub warnings: Vec<String>,
    /// The component's own stream.
    #[serde(flatten)]
    pub own: StreamStatus,
    /// That of its presence domain; `null` when it has none.
    pub presence: Option<StreamStatus>,
    /// `null` for a fixed destination.
    pub subscription: Option<SubscriptionStatus>,
    /// Online resources of the target, or the one that is its fixed destination.
    pub resources: Vec<ResourceStatus>,
    /// Each `[[component.face]]`, in the order of the configuration.
    pub faces: Vec<FaceStatus>,
    pub keys: KeysStatus,
    /// Seconds by which the clock of the target's server is ahead of ours, give or take one;
    /// `null` while it is not known.
    pub clock_offset_seconds: Option<i64>,
    pub reply_ttl_seconds: u64,
    /// Stanzas a second, over shorter and longer periods that end now; empty in the very
    /// beginning.
    pub rates: Vec<Rates>,
    /// Errors that users got as replies to requests that were relayed, by their condition,
    /// without zeros.
    pub error_replies: BTreeMap<String, u64>,
    /// Stanzas by what became of them, without zeros.
    pub counts: Vec<Count>,
}

impl ComponentStatus {
    /// The component's own stream, and that of its presence domain if it has one.
    pub(crate) fn streams(&self) -> impl Iterator<Item = &StreamStatus> {
        iter::once(&self.own).chain(&self.presence)
    }

    /// Whether some service relays stanzas of this kind, in the words of the configuration.
    pub(crate) fn relays(&self, kind: &str) -> bool {
        let faces = self.faces.iter().map(|face| &face.relay);
        iter::once(&self.relay).chain(faces).flatten().any(|relayed| relayed == kind)
    }
}

/// One of several services of a component; what is not said is as in [`ComponentStatus`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FaceStatus {
    /// As in the configuration, in normal form: a node or a pattern; empty for the domain itself.
    pub node: String,
    pub target: String,
    pub dispatch: String,
    pub patterns: Vec<String>,
    pub relay: Vec<String>,
    pub token_in: String,
    pub access: Option<AccessStatus>,
    pub limit: Option<LimitStatus>,
    pub two_way: Option<TwoWayStatus>,
    /// Why nothing can be forwarded while the component's streams are up; `null` when it can.
    pub not_ready: Option<String>,
    pub subscription: Option<SubscriptionStatus>,
    pub resources: Vec<ResourceStatus>,
    /// Stanzas that were relayed to the target.
    pub relayed_inward: u64,
    /// Stanzas that were relayed to users.
    pub relayed_outward: u64,
    /// Stanzas that were answered or dropped.
    pub refused: u64,
}

/// As in the configuration, patterns in normal form.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TwoWayStatus {
    pub faces: Vec<String>,
    /// How many entries `initiate` has.
    pub initiate: usize,
    pub messages_to: String,
    pub account_queries: Vec<String>,
    /// Ids of the name keys; the first makes names.
    pub name_keys: Vec<u8>,
}

/// As in the configuration, with the default of `limit-burst`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LimitStatus {
    pub rate: String,
    pub burst: u32,
}

/// The lists of senders.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AccessStatus {
    /// As in the configuration: `enforce` or `observe`.
    pub mode: String,
    /// How many entries `allow-from` has; `null` without it.
    pub allow_from: Option<usize>,
    pub deny_from: usize,
    /// Stanzas that were let pass though the lists refuse their sender, of all faces of the target.
    pub observed: u64,
    /// Some of the domains that these came from.
    pub observed_domains: Vec<ObservedDomain>,
    /// How many of them came from other domains.
    pub observed_further: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ObservedDomain {
    pub domain: String,
    pub count: u64,
}

/// How many stanzas a second, on average over a period.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rates {
    /// How long the period is.
    pub seconds: u64,
    /// Requests that were relayed, either way.
    pub requests: f64,
    /// Replies that were relayed, either way.
    pub replies: f64,
    /// Those of them that were errors.
    pub errors: f64,
    /// Messages that were relayed, either way.
    pub messages: f64,
    /// Presence that was relayed, either way.
    pub presence: f64,
    /// Stanzas of any kind that were answered with an error.
    pub answered: f64,
    /// Stanzas of any kind that were dropped.
    pub dropped: f64,
}

/// The address that a stream leads to.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PeerStatus {
    pub address: String,
    pub of: usize,
}

/// One stream to the server.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StreamStatus {
    /// What it logs in as.
    pub domain: String,
    pub stream: StreamState,
    /// Whether another process has the domain: `unknown`, `alone` or `shared`; `unheard` where
    /// nobody can know, since what the stream says to itself does not come back.
    pub sharing: String,
    /// Whether a process on another node of the server's cluster has the domain, and no presence domain.
    #[serde(default)]
    pub shared_elsewhere: bool,
    /// Where it leads to, and how many addresses of that family the server's name had; `null` while it
    /// is down.
    #[serde(default)]
    pub peer: Option<PeerStatus>,
    pub backlog_bytes: usize,
    pub logins: u64,
    /// Lost streams and failed logins by cause, without zeros.
    pub failures: BTreeMap<String, u64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum StreamState {
    /// No attempt to connect has ended yet.
    Starting,
    Up {
        since: String,
        /// How long the server has processed nothing; `null` while it processes stanzas.
        standstill_seconds: Option<u64>,
    },
    Down {
        since: String,
        cause: String,
        message: String,
        /// `null` where waiting is all.
        remedy: Option<String>,
    },
    Closed,
}

impl StreamState {
    pub(crate) fn is_up(&self) -> bool {
        matches!(self, Self::Up { .. })
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SubscriptionStatus {
    /// One of [`Subscription::NAMES`](crate::jat::presence::Subscription::NAMES).
    pub state: String,
    /// `null` when it was never requested.
    pub since: Option<String>,
    /// When the target's server last answered, with the subscription or with who is online;
    /// `null` before the first time.
    pub confirmed: Option<String>,
    /// The stanza error condition, where the server refused the request.
    pub condition: Option<String>,
    /// When it will be requested again.
    pub next_retry: Option<String>,
    /// What to do while there is nobody to forward to; `null` when there is somebody.
    pub remedy: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ResourceStatus {
    /// The full JID.
    pub address: String,
    /// It gets no new requests while another resource is online.
    pub dnd: bool,
    /// Whether presence has said that it is online since there was reason to doubt it.
    pub verified: bool,
    pub priority: i8,
    /// When it gets requests: `now`, `later` (when those before it are gone) or `never`.
    pub asked: String,
    /// What it made of its requests since the daemon was started.
    pub answers: AnswersStatus,
    /// What is wrong with it by that, for people; `null` when nothing is known to be.
    pub trouble: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct AnswersStatus {
    /// Requests that it got.
    pub forwarded: u64,
    /// Answers that went to users. With several replicas those to other requests than these.
    pub results: u64,
    pub errors: u64,
    /// When the last of them came.
    pub last_answer: Option<String>,
    /// The condition of the last error.
    pub last_error: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeysStatus {
    /// Id of the key that signs.
    pub signing: u8,
    /// Since when; `null` for a key without a beginning.
    pub signing_since: Option<String>,
    /// The key that takes over, and when.
    pub next: Option<KeyTime>,
    /// Superseded keys, and when each can be taken out.
    pub superseded: Vec<KeyTime>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeyTime {
    pub id: u8,
    pub at: String,
    /// Whether this time has come.
    pub due: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Count {
    pub stanza: String,
    pub way: String,
    pub outcome: String,
    pub reason: String,
    pub count: u64,
    /// How many of them came in the longest period of [`ComponentStatus::rates`].
    pub recent: u64,
}
