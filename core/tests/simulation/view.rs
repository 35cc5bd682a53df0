//! What a replica must know of the target's resources, according to the model.

use std::collections::BTreeSet;

use jat_core::jat::reason::Reason;
use jat_core::jat::settings::Settings;
use jat_core::jat::target::Target;

use crate::stream::What;

pub struct View {
    /// Resources whose presence it got, and no `unavailable` since.
    told: BTreeSet<&'static str>,
    /// Those whose presence it got since its stream is up.
    confirmed: BTreeSet<&'static str>,
    subscription: KnownSubscription,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KnownSubscription {
    Never,
    Requested,
    Granted,
}

impl View {
    /// The view of a target without any presence yet; `is_up`: whether the stream for presence is up.
    pub fn new(is_up: bool) -> Self {
        let subscription =
            if is_up { KnownSubscription::Requested } else { KnownSubscription::Never };
        Self { told: BTreeSet::new(), confirmed: BTreeSet::new(), subscription }
    }

    /// The stream for presence was lost, and is up again.
    pub fn reconnected(&mut self) {
        self.confirmed.clear();
        if self.subscription == KnownSubscription::Never {
            self.subscription = KnownSubscription::Requested;
        }
    }

    /// It has read presence of the target; returns how it must count that.
    pub fn hear(&mut self, presence: What, settings: &Settings) -> Reason {
        if is_fixed(settings) {
            return Reason::PresenceIgnored;
        }
        match presence {
            What::Subscribed => self.subscription = KnownSubscription::Granted,
            What::Available(resource) => {
                self.told.insert(resource);
                self.confirmed.insert(resource);
            }
            What::Unavailable(resource) => {
                self.told.remove(resource);
                self.confirmed.remove(resource);
            }
            _ => {
                self.told.clear();
                self.confirmed.clear();
            }
        }
        Reason::PresenceUsed
    }

    /// Whether it may forward to this address.
    pub fn may_know(&self, resource: &str, settings: &Settings) -> bool {
        match &settings.target {
            Target::Account(_) => self.told.contains(resource),
            Target::Resource { full, .. } => full.as_str() == resource,
        }
    }

    /// Whether it must forward.
    pub fn must_know_somebody(&self, settings: &Settings) -> bool {
        is_fixed(settings) || !self.confirmed.is_empty()
    }

    /// The reason to refuse a request when nobody is online.
    pub fn due_for_nobody(&self) -> Reason {
        match self.subscription {
            KnownSubscription::Never => Reason::NeverSubscribed,
            KnownSubscription::Requested => Reason::SubscriptionPending,
            KnownSubscription::Granted => Reason::Offline,
        }
    }
}

fn is_fixed(settings: &Settings) -> bool {
    matches!(settings.target, Target::Resource { .. })
}
