//! How the document is made of what the components know.

use std::time::Duration;

use crate::config;
use crate::daemon::history::{Recent, SPAN, Series};
use crate::daemon::recorder::Recorder;
use crate::jat::two_way::TwoWay;
use crate::link::component::{Component, lock};
use crate::time::{show_duration, show_moment};

use super::service_view::ServiceView;
use super::stream_view::not_carrying;
use super::{
    ComponentStatus, Count, KeysStatus, Rates, Status, StreamStatus, TwoWayStatus, resources,
};

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
        let view = |seat| ServiceView::of(component, seat);
        let own = config.has_own.then(|| view(services.seats()[0]));
        let faces = services.faces().skip(usize::from(config.has_own));
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
            dispatch: own.as_ref().map(ServiceView::dispatch).unwrap_or_default(),
            patterns: own.as_ref().map(ServiceView::patterns).unwrap_or_default(),
            relay: own.as_ref().map(ServiceView::relay).unwrap_or_default(),
            answer: settings
                .own_answers
                .iter()
                .flat_map(|own| own.words())
                .map(str::to_owned)
                .collect(),
            token_in: own.as_ref().map(ServiceView::token_in).unwrap_or_default(),
            access: own.as_ref().and_then(ServiceView::access),
            limit: own.as_ref().and_then(ServiceView::limit),
            two_way: own.as_ref().and_then(ServiceView::two_way),
            not_ready: not_ready(component),
            warnings: [component.warnings(), resources::warnings(component)].concat(),
            own: StreamStatus::of(component.stream()),
            presence: component.presence_stream().map(StreamStatus::of),
            subscription: own.as_ref().and_then(ServiceView::subscription),
            resources: own.as_ref().map(ServiceView::resources).unwrap_or_default(),
            faces: faces.map(|(node, counts, seat)| view(seat).face(node, counts)).collect(),
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

/// Why `component` can't forward anything, for people; `None` when it can.
pub(crate) fn not_ready(component: &Component) -> Option<String> {
    if let Some(what) = not_carrying(component.stream()) {
        return Some(what);
    }
    if component.services.is_ready(component.now().unix) {
        return None;
    }
    ServiceView::of(component, component.services.seats()[0]).not_ready()
}

/// The periods of [`Rates`].
const WINDOWS: [Duration; 2] = [Duration::from_secs(60), SPAN];
