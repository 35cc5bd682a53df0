//! What the daemon sees of its components, as a document: `/status` serves it, `jat-proxy
//! status` prints it.
//!
//! Times are RFC 3339 in UTC.

pub mod words;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config;
use crate::config::time::{show_duration, show_moment};
use crate::jat::keyring::Keyring;
use crate::jat::presence::Subscription;
use crate::jat::settings::Settings;
use crate::link::cause::Cause;
use crate::link::component::{Component, lock};
use crate::link::stream::{State, Stream};
use crate::session::echo::Sharing;

use super::history::{Recent, SPAN, Series};
use super::recorder::Recorder;

/// The whole document.
#[derive(Debug, Serialize, Deserialize)]
pub struct Status {
    pub version: String,
    /// When the process began.
    pub started: String,
    pub components: Vec<ComponentStatus>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct ComponentStatus {
    pub target: String,
    pub server: String,
    /// The name that the server's certificate must be for; `null` without TLS.
    pub tls: Option<String>,
    /// As in the configuration: `random` or `sticky`.
    pub dispatch: String,
    /// As in the configuration: `resource` or `id`.
    pub token_in: String,
    /// Why nothing can be forwarded; `null` when it can.
    pub missing: Option<String>,
    /// What an operator has to put right, for people.
    pub warnings: Vec<String>,
    /// The component's own stream.
    #[serde(flatten)]
    pub own: StreamStatus,
    /// That of its presence domain; `null` when it has none.
    pub presence: Option<StreamStatus>,
    /// `null` for a fixed destination.
    pub subscription: Option<SubscriptionStatus>,
    /// Online resources of the target.
    pub resources: Vec<ResourceStatus>,
    pub keys: KeysStatus,
    /// Seconds by which the clock of the target's server is ahead of ours, give or take one;
    /// `null` while it is not known.
    pub clock_offset_seconds: Option<i64>,
    pub reply_ttl_seconds: u64,
    /// Stanzas a second, over shorter and longer periods that end now; empty in the very
    /// beginning.
    #[serde(default)]
    pub rates: Vec<Rates>,
    /// Stanzas by what became of them, without zeros.
    pub counts: Vec<Count>,
}

/// How many stanzas a second, on average over a period.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// How long the period is.
    pub seconds: u64,
    /// Requests that were relayed.
    pub requests: f64,
    /// Replies that were relayed.
    pub replies: f64,
    /// Stanzas of any kind that were answered with an error.
    pub answered: f64,
    /// Stanzas of any kind that were dropped.
    pub dropped: f64,
}

/// One stream to the server.
#[derive(Debug, Serialize, Deserialize)]
pub struct StreamStatus {
    /// What it logs in as.
    pub domain: String,
    pub stream: StreamState,
    /// Does another process have the domain too: `unknown`, `alone` or `shared`.
    pub sharing: String,
    pub backlog_bytes: usize,
    pub logins: u64,
    /// Lost streams and failed logins by cause, without zeros.
    pub failures: BTreeMap<String, u64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum StreamState {
    /// No attempt to connect has ended yet.
    Starting,
    Up {
        since: String,
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

#[derive(Debug, Serialize, Deserialize)]
pub struct SubscriptionStatus {
    /// One of [`SUBSCRIPTION_STATES`].
    pub state: String,
    /// `null` when it was never requested.
    pub since: Option<String>,
    /// The stanza error condition, where the server refused the request.
    pub condition: Option<String>,
    /// When it will be requested again.
    pub next_retry: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct ResourceStatus {
    /// The full JID.
    pub address: String,
    /// It gets no new requests while another resource is online.
    pub dnd: bool,
    /// Was it seen since the stream came up?
    pub verified: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct KeysStatus {
    /// Id of the key that signs.
    pub signing: u8,
    /// Since when; `null` for a key without a beginning.
    #[serde(default)]
    pub signing_since: Option<String>,
    /// The key that takes over, and when.
    pub next: Option<KeyTime>,
    /// Superseded keys, and when each can be taken out.
    pub superseded: Vec<KeyTime>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct KeyTime {
    pub id: u8,
    pub at: String,
    /// Has this time come?
    pub due: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Count {
    pub direction: String,
    pub outcome: String,
    pub reason: String,
    pub count: u64,
    /// How many of them came in the longest period of [`ComponentStatus::rates`].
    #[serde(default)]
    pub recent: u64,
}

impl Status {
    pub fn of(recorder: &Recorder) -> Self {
        let links = recorder.links();
        let components = links.configured().into_iter();
        let components =
            components.map(|(c, config)| ComponentStatus::of(&lock(&c), &config, recorder));
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: show_moment(links.started()),
            components: components.collect(),
        }
    }
}

impl ComponentStatus {
    fn of(component: &Component, config: &config::Component, recorder: &Recorder) -> Self {
        let settings = component.translator.settings();
        let now = component.now().unix;
        let recent = |window| recorder.recent(settings.domain.as_str(), window, &component.tally);
        let lately = recent(SPAN).map(|recent| recent.tally).unwrap_or_default();
        let streams = [Some(component.stream()), component.presence_stream()];
        let counts = component.tally.iter().map(|(direction, reason, count)| Count {
            direction: direction.name().to_owned(),
            outcome: reason.outcome().name().to_owned(),
            reason: reason.name().to_owned(),
            count,
            recent: lately.of(direction, reason),
        });
        Self {
            target: settings.target.as_str().to_owned(),
            server: config.server.clone(),
            tls: config.tls.as_ref().map(|tls| tls.name.to_str().into_owned()),
            dispatch: settings.dispatch.name().to_owned(),
            token_in: settings.token_in.name().to_owned(),
            missing: missing(component),
            warnings: streams
                .into_iter()
                .flatten()
                .filter_map(|s| component.alarm(s))
                .chain(component.clock_alarm())
                .collect(),
            own: StreamStatus::of(component.stream()),
            presence: component.presence_stream().map(StreamStatus::of),
            subscription: component.translator.subscription().map(|s| subscription(component, s)),
            resources: resources(component),
            clock_offset_seconds: component.clock_offset(),
            keys: KeysStatus::of(&settings.keyring, now, settings.reply_ttl),
            reply_ttl_seconds: settings.reply_ttl,
            rates: Rates::of(&WINDOWS.map(recent)),
            counts: counts.filter(|c| c.count > 0).collect(),
        }
    }
}

impl Rates {
    /// Of each period that is worth telling: one that is as long as that before it is not.
    fn of(periods: &[Option<Recent>]) -> Vec<Self> {
        let mut rates: Vec<Self> = Vec::new();
        for recent in periods.iter().flatten() {
            let seconds = recent.period.as_secs();
            // More digits would only pretend to say something.
            let rate = |series| (recent.rate(series) * 1000.0).round() / 1000.0;
            if rates.last().map_or(0, |last| last.seconds) < seconds {
                rates.push(Self {
                    seconds,
                    requests: rate(Series::Requests),
                    replies: rate(Series::Replies),
                    answered: rate(Series::Answered),
                    dropped: rate(Series::Dropped),
                });
            }
        }
        rates
    }

    /// The same as a list.
    pub fn series(&self) -> [(Series, f64); Series::ALL.len()] {
        Series::ALL.map(|series| match series {
            Series::Requests => (series, self.requests),
            Series::Replies => (series, self.replies),
            Series::Answered => (series, self.answered),
            Series::Dropped => (series, self.dropped),
        })
    }

    /// How long the period is, for people.
    pub fn period(&self) -> String {
        show_duration(Duration::from_secs(self.seconds))
    }
}

/// Why `component` can't forward anything, for people; `None` when it can.
pub fn missing(component: &Component) -> Option<String> {
    if let Some(what) = missing_stream(component.stream()) {
        return Some(what);
    }
    if component.translator.is_ready() {
        return None;
    }
    if let Some(stream) = component.presence_stream()
        && let Some(what) = missing_stream(stream)
    {
        return Some(format!("{}: {what}", stream.domain));
    }
    let subscription = component.translator.presence().subscription();
    let what = subscription.reason_for_nobody().describe();
    Some(format!("{what} {}", remedy(subscription, component.translator.settings())))
}

/// What to do when there is nobody to forward to.
fn remedy(subscription: &Subscription, settings: &Settings) -> String {
    let target = settings.target.bare();
    let subscriber = settings.subscriber().unwrap_or(&settings.domain);
    match subscription {
        Subscription::Never => "It is asked for in a moment.".to_owned(),
        Subscription::Failed(condition) => format!(
            "Asking for it failed with {condition}: is {target} the right account, and its \
             server up? It is asked again."
        ),
        Subscription::Pending | Subscription::Denied => format!(
            "{target} has to accept the presence subscription of {subscriber}: let the \
             implementing client do so, or accept it in any other client of this account."
        ),
        Subscription::Subscribed => {
            format!("Log in as {target} with the implementing client, and let it send presence.")
        }
    }
}

fn missing_stream(stream: &Stream) -> Option<String> {
    match &stream.state {
        State::Starting => Some("no stream yet: connecting".to_owned()),
        State::Closed => Some("the stream was closed for good".to_owned()),
        State::Down { since, cause, message } => {
            Some(format!("no stream since {}: {}", show_moment(*since), cause.explain(message)))
        }
        State::Up { .. } => None,
    }
}

/// The words for a subscription.
pub const SUBSCRIPTION_STATES: [&str; 5] = ["never", "failed", "pending", "denied", "subscribed"];

/// One of [`SUBSCRIPTION_STATES`].
pub fn subscription_state(subscription: &Subscription) -> &'static str {
    let [never, failed, pending, denied, subscribed] = SUBSCRIPTION_STATES;
    match subscription {
        Subscription::Never => never,
        Subscription::Failed(_) => failed,
        Subscription::Pending => pending,
        Subscription::Denied => denied,
        Subscription::Subscribed => subscribed,
    }
}

fn subscription(component: &Component, subscription: &Subscription) -> SubscriptionStatus {
    let presence = component.translator.presence();
    let now = component.now();
    let unix = |at| now.unix + (at - now.mono.min(at)).as_secs();
    SubscriptionStatus {
        state: subscription_state(subscription).to_owned(),
        since: (*subscription != Subscription::Never).then(|| show_moment(presence.since())),
        condition: match subscription {
            Subscription::Failed(condition) => Some(condition.clone()),
            _ => None,
        },
        next_retry: presence.retry_at().map(|at| show_moment(unix(at))),
    }
}

fn resources(component: &Component) -> Vec<ResourceStatus> {
    let resources = component.translator.presence().resources.iter();
    resources
        .map(|r| ResourceStatus { address: r.address.clone(), dnd: r.dnd, verified: r.verified })
        .collect()
}

impl StreamStatus {
    fn of(stream: &Stream) -> Self {
        let failures =
            Cause::ALL.iter().map(|c| (c.name().to_owned(), stream.failures[*c as usize]));
        Self {
            domain: stream.domain.to_string(),
            stream: StreamState::of(&stream.state),
            sharing: match stream.sharing {
                Sharing::Unknown => "unknown".to_owned(),
                Sharing::Alone => "alone".to_owned(),
                Sharing::Shared => "shared".to_owned(),
            },
            backlog_bytes: stream.backlog,
            logins: stream.logins,
            failures: failures.filter(|(_, count)| *count > 0).collect(),
        }
    }
}

impl StreamState {
    fn of(state: &State) -> Self {
        match state {
            State::Starting => Self::Starting,
            State::Closed => Self::Closed,
            State::Up { since } => Self::Up { since: show_moment(*since) },
            State::Down { since, cause, message } => Self::Down {
                since: show_moment(*since),
                cause: cause.name().to_owned(),
                message: message.clone(),
                remedy: Some(cause.remedy().to_owned()).filter(|remedy| !remedy.is_empty()),
            },
        }
    }
}

impl KeysStatus {
    fn of(ring: &Keyring, now: u64, reply_ttl: u64) -> Self {
        let key = ring.signing(now);
        let signing = key.id();
        let time = |id, at| KeyTime { id, at: show_moment(at), due: at <= now };
        let before = ring.keys().iter().map(|k| k.id()).take_while(|id| *id != signing);
        let retired = before.filter_map(|id| ring.retires(id, reply_ttl).map(|at| time(id, at)));
        Self {
            signing,
            signing_since: key.not_before().map(show_moment),
            next: ring.next(now).map(|(key, at)| time(key.id(), at)),
            superseded: retired.collect(),
        }
    }
}

/// The periods of [`Rates`].
const WINDOWS: [Duration; 2] = [Duration::from_secs(60), SPAN];
