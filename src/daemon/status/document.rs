//! How the document is made of what the components know.

use std::time::Duration;

use crate::config;
use crate::daemon::history::{Recent, SPAN, Series};
use crate::daemon::recorder::Recorder;
use crate::jat::dispatch::Dispatch;
use crate::jat::limit::Limit;
use crate::jat::presence::{Presence, Subscription};
use crate::jat::reason::Reason;
use crate::jat::services::{FaceCounts, Seat};
use crate::jat::settings::{Settings, TokenIn};
use crate::jat::translator::Translator;
use crate::jat::two_way::TwoWay;
use crate::link::cause::Cause;
use crate::link::component::{Component, lock};
use crate::link::stream::{State, StreamRecord};
use crate::session::echo::Sharing;
use crate::time::{show_duration, show_moment};

use super::{
    AccessStatus, ComponentStatus, Count, FaceStatus, KeysStatus, LimitStatus, ObservedDomain,
    Rates, Status, StreamState, StreamStatus, SubscriptionStatus, TwoWayStatus, resources,
};

/// A service of a component.
pub(super) struct Face<'c> {
    pub component: &'c Component,
    pub translator: &'c Translator,
    pub service: usize,
}

impl Status {
    pub(crate) fn of(recorder: &Recorder) -> Self {
        let all = recorder.components();
        let components = all.configured().into_iter();
        let components =
            components.map(|(c, config)| ComponentStatus::of(&lock(&c), &config, recorder));
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: show_moment(all.started()),
            components: components.collect(),
        }
    }
}

impl ComponentStatus {
    fn of(component: &Component, config: &config::ComponentConfig, recorder: &Recorder) -> Self {
        let services = &component.services;
        let settings = services.settings();
        let own = config.has_own.then(|| Face::of(component, services.seats()[0]));
        let two_way = settings.two_way.as_ref();
        let token_in = two_way.map_or(settings.token_in, |_| TokenIn::Id);
        let now = component.now().unix;
        let recent = |window| recorder.recent(settings.domain.as_str(), window, &component.tally);
        let lately = recent(SPAN).map(|recent| recent.tally).unwrap_or_default();
        let errors = services.errors();
        let errors = errors.iter().filter(|(_, count)| *count > 0);
        let counts = component.tally.iter().map(|(traffic, reason, count)| Count {
            stanza: traffic.class.name().to_owned(),
            way: traffic.way.name().to_owned(),
            outcome: reason.outcome().name().to_owned(),
            reason: reason.name().to_owned(),
            count,
            recent: lately.of(traffic, reason),
        });
        Self {
            target: own.as_ref().map(|_| settings.target.as_str().to_owned()).unwrap_or_default(),
            server: config.server.clone(),
            tls: config.tls.as_ref().map(|tls| tls.name.to_str().into_owned()),
            dispatch: settings.dispatch.name().to_owned(),
            patterns: settings.resources.iter().map(|p| p.as_str().to_owned()).collect(),
            relay: relay(settings),
            answer: settings
                .own_answers
                .iter()
                .flat_map(|own| own.words())
                .map(str::to_owned)
                .collect(),
            token_in: token_in.name().to_owned(),
            access: own.as_ref().and_then(AccessStatus::of),
            limit: own.as_ref().and_then(|own| own.settings().limit).map(LimitStatus::of),
            two_way: settings.two_way.as_deref().map(TwoWayStatus::of),
            not_ready: not_ready(component),
            warnings: [component.warnings(), resources::warnings(component)].concat(),
            own: StreamStatus::of(component.stream()),
            presence: component.presence_stream().map(StreamStatus::of),
            subscription: own.as_ref().and_then(Face::subscription),
            resources: own.as_ref().map(resources::of).unwrap_or_default(),
            faces: faces(component, config),
            clock_offset_seconds: component.clock_offset(),
            keys: KeysStatus::of(&settings.keyring, now, settings.reply_ttl),
            reply_ttl_seconds: settings.reply_ttl,
            rates: Rates::of(&WINDOWS.map(recent)),
            error_replies: errors.map(|(c, count)| (c.name().to_owned(), count)).collect(),
            counts: counts.filter(|c| c.count > 0).collect(),
        }
    }
}

impl TwoWayStatus {
    pub(crate) fn of(two_way: &TwoWay) -> Self {
        let faces = two_way.faces.0.iter();
        Self {
            faces: faces.map(|face| face.as_str().to_owned()).collect(),
            initiate: two_way.initiate.len(),
            messages_to: two_way.messages_to.name().to_owned(),
            account_queries: two_way.account_queries.to_vec(),
            name_keys: two_way.names.ids().collect(),
        }
    }
}

impl LimitStatus {
    fn of(limit: Limit) -> Self {
        Self { rate: limit.rate.to_string(), burst: limit.burst }
    }
}

impl AccessStatus {
    fn of(face: &Face<'_>) -> Option<Self> {
        let access = &face.settings().access;
        let observed = face.translator.observed();
        let domains = observed.domains().iter();
        access.is_limited().then(|| Self {
            mode: access.mode.name().to_owned(),
            allow_from: access.allow.as_ref().map(|list| list.len()),
            deny_from: access.deny.len(),
            observed: observed.stanzas(),
            observed_domains: domains
                .map(|(domain, count)| ObservedDomain { domain: domain.clone(), count: *count })
                .collect(),
        })
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
                    errors: rate(Series::Errors),
                    messages: rate(Series::Messages),
                    presence: rate(Series::Presence),
                    answered: rate(Series::Answered),
                    dropped: rate(Series::Dropped),
                });
            }
        }
        rates
    }

    /// The same as a list.
    pub(crate) fn series(&self) -> [(Series, f64); Series::ALL.len()] {
        Series::ALL.map(|series| match series {
            Series::Requests => (series, self.requests),
            Series::Replies => (series, self.replies),
            Series::Errors => (series, self.errors),
            Series::Messages => (series, self.messages),
            Series::Presence => (series, self.presence),
            Series::Answered => (series, self.answered),
            Series::Dropped => (series, self.dropped),
        })
    }

    /// How long the period is, for people.
    pub(crate) fn period(&self) -> String {
        show_duration(Duration::from_secs(self.seconds))
    }
}

/// In the words of the configuration.
fn relay(settings: &Settings) -> Vec<String> {
    let words = settings.two_way.as_deref().map(|two_way| two_way.relayed().collect());
    words.unwrap_or_else(|| vec!["iq"]).into_iter().map(str::to_owned).collect()
}

/// Why `component` can't forward anything, for people; `None` when it can.
pub(crate) fn not_ready(component: &Component) -> Option<String> {
    if let Some(what) = stream_not_ready(component.stream()) {
        return Some(what);
    }
    if component.services.is_ready(component.now().unix) {
        return None;
    }
    Face::of(component, component.services.seats()[0]).not_ready()
}

/// What to do when there is nobody to forward to.
fn remedy(presence: &Presence, settings: &Settings) -> String {
    let target = settings.target.bare();
    let subscriber = settings.subscriber().unwrap_or(&settings.domain);
    if presence.reason_for_nobody() == Reason::NeverAsked {
        return never_asked(settings);
    }
    match presence.subscription() {
        Subscription::Never => "It is asked for in a moment.".to_owned(),
        Subscription::Failed(condition) => format!(
            "Asking for it failed with {condition}: is {target} the right account, and its \
             server up? It is asked again."
        ),
        // docs/servers.md#silent-account
        Subscription::Pending => format!(
            "{target} has to accept the presence subscription of {subscriber}: start the \
             implementing client, and let it do so. If {target} is not the right account, its server \
             says nothing of that."
        ),
        Subscription::Denied => format!(
            "{target} has to accept the presence subscription of {subscriber}: let the \
             implementing client do so, then reload to ask again at once."
        ),
        Subscription::Subscribed => {
            format!("Log in as {target} with the implementing client, and let it send presence.")
        }
    }
}

/// What to do when those that are online are left out.
fn never_asked(settings: &Settings) -> String {
    let target = settings.target.bare();
    let patterns: Vec<_> = settings.resources.iter().map(|p| format!("{:?}", p.as_str())).collect();
    let named = match patterns.is_empty() {
        true => String::new(),
        false => format!(" with a resource that `resources` names ({})", patterns.join(", ")),
    };
    let priority = match settings.dispatch {
        Dispatch::Priority => ", and a priority that is not negative",
        Dispatch::Random | Dispatch::Sticky => "",
    };
    format!("Log in as {target}{named}{priority}, or change the configuration and reload.")
}

fn stream_not_ready(stream: &StreamRecord) -> Option<String> {
    match &stream.state {
        State::Starting => Some("not connected yet".to_owned()),
        State::Closed => Some("the stream was closed for good".to_owned()),
        State::Down { since, cause, message } => {
            Some(format!("not connected since {}: {}", show_moment(*since), cause.explain(message)))
        }
        State::Up { .. } => stream.standstill.map(|lasts| {
            format!("the server has processed nothing that it was sent for {} s", lasts.as_secs())
        }),
    }
}

impl<'c> Face<'c> {
    fn of(component: &'c Component, seat: Seat) -> Self {
        let translator = &component.services.translators()[seat.translator];
        Self { component, translator, service: seat.service }
    }

    fn settings(&self) -> &'c Settings {
        &self.translator.services()[self.service]
    }

    /// Why it can't forward anything on a stream that is up, for people; `None` when it can.
    fn not_ready(&self) -> Option<String> {
        let Self { component, translator, service } = *self;
        if translator.fails(service, component.now().unix) {
            return Some(resources::all_fail(self));
        }
        if translator.serves(service) {
            return None;
        }
        if let Some(stream) = component.presence_stream()
            && let Some(what) = stream_not_ready(stream)
        {
            return Some(format!("{}: {what}", stream.domain));
        }
        let presence = translator.presence();
        let what = presence.reason_for_nobody().describe();
        Some(format!("{what} {}", remedy(presence, self.settings())))
    }

    fn subscription(&self) -> Option<SubscriptionStatus> {
        self.translator.subscription().map(|it| subscription(self, it))
    }
}

/// Every face, if there is a table of one; not that of the domain itself.
fn faces(component: &Component, config: &config::ComponentConfig) -> Vec<FaceStatus> {
    let own = usize::from(config.has_own);
    let status = |(node, counts, seat): (&str, FaceCounts, Seat)| {
        let face = Face::of(component, seat);
        let settings = face.settings();
        FaceStatus {
            node: node.to_owned(),
            target: settings.target.as_str().to_owned(),
            dispatch: settings.dispatch.name().to_owned(),
            patterns: settings.resources.iter().map(|p| p.as_str().to_owned()).collect(),
            relay: relay(settings),
            access: AccessStatus::of(&face),
            two_way: settings.two_way.as_deref().map(TwoWayStatus::of),
            not_ready: face.not_ready(),
            subscription: face.subscription(),
            resources: resources::of(&face),
            relayed_inward: counts.inward,
            relayed_outward: counts.outward,
            refused: counts.refused,
        }
    };
    component.services.faces().skip(own).map(status).collect()
}

fn subscription(face: &Face<'_>, subscription: &Subscription) -> SubscriptionStatus {
    let presence = face.translator.presence();
    let now = face.component.now();
    let unix = |at| now.unix + (at - now.mono.min(at)).as_secs();
    SubscriptionStatus {
        state: subscription.name().to_owned(),
        since: (*subscription != Subscription::Never).then(|| show_moment(presence.since())),
        confirmed: presence.confirmed().map(show_moment),
        condition: match subscription {
            Subscription::Failed(condition) => Some(condition.clone()),
            _ => None,
        },
        next_retry: presence.retry_at().map(|at| show_moment(unix(at))),
        remedy: (!face.translator.serves(face.service)).then(|| remedy(presence, face.settings())),
    }
}

impl StreamStatus {
    fn of(stream: &StreamRecord) -> Self {
        let failures =
            Cause::ALL.iter().map(|c| (c.name().to_owned(), stream.failures[*c as usize]));
        Self {
            domain: stream.domain.to_string(),
            stream: StreamState::of(stream),
            sharing: match stream.sharing {
                Sharing::Unknown if stream.unheard => "unheard".to_owned(),
                sharing => sharing.name().to_owned(),
            },
            backlog_bytes: stream.backlog,
            logins: stream.logins,
            failures: failures.filter(|(_, count)| *count > 0).collect(),
        }
    }
}

impl StreamState {
    fn of(stream: &StreamRecord) -> Self {
        match &stream.state {
            State::Starting => Self::Starting,
            State::Closed => Self::Closed,
            State::Up { since } => Self::Up {
                since: show_moment(*since),
                standstill_seconds: stream.standstill.map(|lasts| lasts.as_secs()),
            },
            State::Down { since, cause, message } => Self::Down {
                since: show_moment(*since),
                cause: cause.name().to_owned(),
                message: message.clone(),
                remedy: Some(cause.remedy().to_owned()).filter(|remedy| !remedy.is_empty()),
            },
        }
    }
}

/// The periods of [`Rates`].
const WINDOWS: [Duration; 2] = [Duration::from_secs(60), SPAN];
