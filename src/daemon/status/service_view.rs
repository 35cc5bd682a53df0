//! What one service of a component is, and whether it can forward.

use crate::jat::dispatch::Dispatch;
use crate::jat::limit::Limit;
use crate::jat::presence::{Presence, Subscription};
use crate::jat::reason::Reason;
use crate::jat::services::{FaceCounts, Seat};
use crate::jat::settings::{Settings, TokenIn};
use crate::jat::translator::Translator;
use crate::link::component::Component;
use crate::time::show_moment;

use super::stream_view::not_carrying;
use super::{
    AccessStatus, FaceStatus, LimitStatus, ObservedDomain, ResourceStatus, SubscriptionStatus,
    TwoWayStatus, resources,
};

/// A service, and what its component knows of the target.
pub(super) struct ServiceView<'c> {
    pub component: &'c Component,
    pub translator: &'c Translator,
    pub service: usize,
}

impl<'c> ServiceView<'c> {
    pub(super) fn of(component: &'c Component, seat: Seat) -> Self {
        let translator = &component.services.translators()[seat.translator];
        Self { component, translator, service: seat.service }
    }

    pub(super) fn settings(&self) -> &'c Settings {
        &self.translator.services()[self.service]
    }

    /// Why it can't forward anything although the stream is up, for people; `None` when it can.
    pub(super) fn not_ready(&self) -> Option<String> {
        let Self { component, translator, service } = *self;
        if translator.fails(service, component.now().unix) {
            return Some(resources::all_fail(component, translator, service));
        }
        if translator.serves(service) {
            return None;
        }
        if let Some(stream) = component.presence_stream()
            && let Some(what) = not_carrying(stream)
        {
            return Some(format!("{}: {what}", stream.domain));
        }
        let presence = translator.presence();
        let what = presence.reason_for_nobody().describe();
        Some(format!("{what} {}", remedy(presence, self.settings())))
    }

    pub(super) fn subscription(&self) -> Option<SubscriptionStatus> {
        self.translator.subscription().map(|it| subscription(self, it))
    }

    /// That of the face with this node.
    pub(super) fn face(&self, node: &str, counts: FaceCounts) -> FaceStatus {
        let settings = self.settings();
        FaceStatus {
            node: node.to_owned(),
            target: settings.target.as_str().to_owned(),
            dispatch: self.dispatch(),
            patterns: self.patterns(),
            relay: self.relay(),
            token_in: self.token_in(),
            access: self.access(),
            limit: self.limit(),
            two_way: self.two_way(),
            not_ready: self.not_ready(),
            subscription: self.subscription(),
            resources: self.resources(),
            relayed_inward: counts.inward,
            relayed_outward: counts.outward,
            refused: counts.refused,
        }
    }

    pub(super) fn dispatch(&self) -> String {
        self.settings().dispatch.name().to_owned()
    }

    pub(super) fn patterns(&self) -> Vec<String> {
        self.settings().resources.iter().map(|p| p.as_str().to_owned()).collect()
    }

    /// In the words of the configuration.
    pub(super) fn relay(&self) -> Vec<String> {
        let two_way = self.settings().two_way.as_deref();
        let words = two_way.map(|two_way| two_way.relayed().collect());
        words.unwrap_or_else(|| vec!["iq"]).into_iter().map(str::to_owned).collect()
    }

    pub(super) fn token_in(&self) -> String {
        let Settings { two_way, token_in, .. } = self.settings();
        two_way.as_ref().map_or(*token_in, |_| TokenIn::Id).name().to_owned()
    }

    pub(super) fn access(&self) -> Option<AccessStatus> {
        AccessStatus::of(self)
    }

    pub(super) fn limit(&self) -> Option<LimitStatus> {
        self.settings().limit.map(LimitStatus::of)
    }

    pub(super) fn two_way(&self) -> Option<TwoWayStatus> {
        self.settings().two_way.as_deref().map(TwoWayStatus::of)
    }

    pub(super) fn resources(&self) -> Vec<ResourceStatus> {
        resources::of(self.component, self.translator, self.service)
    }
}

impl AccessStatus {
    fn of(view: &ServiceView<'_>) -> Option<Self> {
        let access = &view.settings().access;
        let observed = view.translator.observed();
        let domains = observed.domains().iter();
        access.is_limited().then(|| Self {
            mode: access.mode.name().to_owned(),
            allow_from: access.allow.as_ref().map(|list| list.len()),
            deny_from: access.deny.len(),
            observed: observed.stanzas(),
            observed_domains: domains
                .map(|(domain, count)| ObservedDomain { domain: domain.clone(), count: *count })
                .collect(),
            observed_further: observed.further(),
        })
    }
}

impl LimitStatus {
    fn of(limit: Limit) -> Self {
        Self { rate: limit.rate.to_string(), burst: limit.burst }
    }
}

fn subscription(view: &ServiceView<'_>, subscription: &Subscription) -> SubscriptionStatus {
    let presence = view.translator.presence();
    let now = view.component.now();
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
        remedy: (!view.translator.serves(view.service)).then(|| remedy(presence, view.settings())),
    }
}

/// What to do when there is nobody to forward to.
fn remedy(presence: &Presence, settings: &Settings) -> String {
    let target = settings.target.bare();
    let subscriber = settings.subscriber().unwrap_or(&settings.domain);
    if presence.reason_for_nobody() == Reason::NeverAsked {
        return never_asked(settings);
    }
    match presence.subscription() {
        Subscription::Never => "It will be requested in a moment.".to_owned(),
        Subscription::Failed(condition) => format!(
            "The request failed with {condition}: is {target} the right account, and is its server \
             up? It will be sent again."
        ),
        // docs/servers.md#silent-account
        Subscription::Pending => format!(
            "{target} has to accept the presence subscription of {subscriber}: start the \
             implementing client, and let it answer with <presence type='subscribed' \
             to='{subscriber}'/>. If {target} is not the right account, its server does not say so."
        ),
        Subscription::Denied => format!(
            "{target} has to accept the presence subscription of {subscriber}: let the \
             implementing client answer with <presence type='subscribed' to='{subscriber}'/>, then \
             reload to ask again at once."
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
