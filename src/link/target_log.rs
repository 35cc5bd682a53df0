//! What the log says about the targets of a component: which accepted, which are online, which
//! fail.

use std::collections::HashMap;
use std::time::Duration;

use jid::DomainPart;
use tracing::{info, warn};

use crate::jat::now::Now;
use crate::jat::presence::Subscription;
use crate::jat::translator::Translator;

use super::component::Component;
use super::failings::Failings;
use super::observations::Observations;
use super::stream::Role;

/// Remembers what was logged of each target, by its address.
#[derive(Debug, Default)]
pub(super) struct TargetLogs {
    logs: HashMap<String, TargetLog>,
    /// When they were looked at.
    looked: Option<Duration>,
}

/// Remembers what was logged of one.
#[derive(Debug, Default)]
struct TargetLog {
    subscription: Option<Subscription>,
    online: bool,
    lapsed: u64,
    vanished: u64,
    offline_since: Option<Duration>,
    failings: Failings,
    observed: Observations,
}

impl TargetLogs {
    /// Another process, or another task, has logged all that is known.
    pub(super) fn resume(&mut self, component: &Component) {
        self.logs = component.services.translators().iter().map(TargetLog::resumed).collect();
    }

    /// The stream is lost, which may be why resources were offline.
    pub(super) fn lost(&mut self) {
        self.logs.values_mut().for_each(|log| log.offline_since = None);
    }

    /// Looks at the targets after a turn of the stream of `domain`.
    pub(super) fn observe(
        &mut self,
        component: &Component,
        role: Role,
        domain: &DomainPart,
        now: Now,
    ) {
        let translators = component.services.translators();
        let several = translators.len() > 1;
        // There may be a thousand targets, and thousands of turns a second.
        if several && self.looked.is_some_and(|looked| now.mono < looked + LOOK_EVERY) {
            return;
        }
        self.looked = Some(now.mono);
        if self.logs.len() > translators.len() {
            self.logs.retain(|target, _| component.services.translator_of(target).is_some());
        }
        let (hears_all, subscriber) = (component.hears_all_answers(), component.subscriber());
        for translator in translators {
            let target = translator.settings().target.as_str();
            if !self.logs.contains_key(target) {
                self.logs.insert(target.to_owned(), TargetLog::default());
            }
            let Some(log) = self.logs.get_mut(target) else { continue };
            let subscribes = translator.settings().subscriber().is_some();
            if subscribes && subscriber == Some(role) {
                log.observe_subscription(translator, domain.as_str());
                log.observe_lapsed(translator, domain.as_str());
                log.observe_vanished(component, translator, domain.as_str());
                log.observe_online(translator, domain.as_str(), several, now.mono);
            }
            // The counts are those of all streams together, so only one of them logs them.
            if role == Role::Component {
                log.failings.observe(domain.as_str(), translator, hears_all, now);
                log.observed.observe(domain.as_str(), translator.observed(), now.mono);
            }
        }
    }

    /// Logs what was held back to be summed up.
    pub(super) fn settle(&mut self, component: &Component, domain: &str) {
        for translator in component.services.translators() {
            if let Some(log) = self.logs.get_mut(translator.settings().target.as_str()) {
                log.observed.settle(domain, translator.observed());
            }
        }
    }
}

impl TargetLog {
    fn resumed(translator: &Translator) -> (String, Self) {
        let mut log = Self {
            subscription: translator.subscription().cloned(),
            online: translator.has_resources(),
            lapsed: translator.presence().lapsed(),
            vanished: translator.presence().vanished().total,
            ..Self::default()
        };
        log.observed.resume(translator.observed());
        (translator.settings().target.as_str().to_owned(), log)
    }

    fn observe_subscription(&mut self, translator: &Translator, component: &str) {
        let Some(subscription) = translator.subscription() else { return };
        if self.subscription.as_ref() == Some(subscription) {
            return;
        }
        let target = translator.settings().target.bare();
        match subscription {
            Subscription::Never => {}
            Subscription::Pending => {
                info!(component, "asked {target} for its presence; it has to accept {component}");
            }
            Subscription::Subscribed => info!(component, "{target} accepted the subscription"),
            Subscription::Denied => {
                warn!(component, "{target} denied the subscription; asking again later");
            }
            Subscription::Failed(condition) => {
                warn!(component, "subscribing to {target} failed: {condition}; asking again");
            }
        }
        self.subscription = Some(subscription.clone());
    }

    /// Resources that left without notice: a client or a node crashed, or presence was lost.
    fn observe_lapsed(&mut self, translator: &Translator, component: &str) {
        let lapsed = translator.presence().lapsed();
        if let gone @ 1.. = lapsed.saturating_sub(self.lapsed) {
            let target = translator.settings().target.bare();
            info!(
                component,
                resources = gone,
                "resources of {target} are gone without notice: its server, asked again, no longer \
                 lists them"
            );
        }
        self.lapsed = lapsed;
    }

    /// Those of them that had been online for long.
    fn observe_vanished(&mut self, component: &Component, translator: &Translator, domain: &str) {
        let total = translator.presence().vanished().total;
        let before = std::mem::replace(&mut self.vanished, total);
        if let Some(warning) = component.vanished_warning(translator).filter(|_| total > before) {
            warn!(component = domain, "{warning}");
        }
    }

    /// Online is logged at once, offline only when it lasts: clients come back by themselves.
    fn observe_online(
        &mut self,
        translator: &Translator,
        component: &str,
        is_one_of_several: bool,
        now: Duration,
    ) {
        if !matches!(translator.subscription(), Some(Subscription::Subscribed)) {
            return;
        }
        let resources = &translator.presence().resources;
        let services = 0..translator.services().len();
        let count = services.map(|service| resources.eligible(service)).max().unwrap_or_default();
        if count > 0 {
            self.offline_since = None;
            if !self.online {
                let target = translator.settings().target.as_str();
                let target = Some(target).filter(|_| is_one_of_several);
                info!(component, resources = count, target, "the target is online");
            }
            self.online = true;
        } else if self.online {
            let since = *self.offline_since.get_or_insert(now);
            if now >= since + OFFLINE_LASTS {
                let target = translator.settings().target.bare();
                if resources.is_empty() {
                    warn!(component, "{target} has no resource online");
                } else {
                    let never_asked = resources.len();
                    warn!(
                        component,
                        never_asked, "{target} is online only with resources that are never asked"
                    );
                }
                self.online = false;
            }
        }
    }
}

/// How often several targets are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const OFFLINE_LASTS: Duration = Duration::from_secs(10);
