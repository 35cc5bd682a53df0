//! A target handed over to the next program: what is known of its presence, and what was counted.

use serde::{Deserialize, Serialize};

use crate::jat::answers::AnswersSnapshot;
use crate::jat::now::Now;
use crate::jat::observed::Observed;
use crate::jat::presence::PresenceSnapshot;
use crate::jat::translator::{Stale, Translator};

/// A target, and what is known of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TargetSnapshot {
    /// As it is configured, in normal form.
    pub(super) target: String,
    /// The address from which its presence is subscribed to.
    subscriber: Option<String>,
    presence: PresenceSnapshot,
    unlisted_replies: u64,
    /// What answers users got.
    #[serde(default, skip_serializing_if = "AnswersSnapshot::is_empty")]
    answers: AnswersSnapshot,
    /// How many stanzas lists of senders would have refused.
    #[serde(default, skip_serializing_if = "is_zero")]
    observed: u64,
    /// Some of the domains that these came from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    observed_domains: Vec<(String, u64)>,
    /// How many came from others.
    #[serde(default, skip_serializing_if = "is_zero")]
    observed_further: u64,
}

impl TargetSnapshot {
    pub(super) fn of(translator: &Translator, now: Now) -> Self {
        let settings = translator.settings();
        Self {
            target: settings.target.as_str().to_owned(),
            subscriber: settings.subscriber().map(ToString::to_string),
            presence: translator.presence().hand_over(now),
            unlisted_replies: translator.unlisted_replies(),
            answers: translator.answers().hand_over(),
            observed: translator.observed().stanzas(),
            observed_domains: translator.observed().domains().to_vec(),
            observed_further: translator.observed().further(),
        }
    }

    /// Puts it into the translator of the target, or of one that takes its place.
    pub(super) fn restore(&self, translator: &mut Translator, now: Now) {
        let Self {
            target,
            subscriber,
            presence,
            unlisted_replies,
            answers,
            observed,
            observed_domains,
            observed_further,
        } = self;
        let domains = observed_domains.clone();
        translator.resume_observed(Observed::resume(*observed, domains, *observed_further));
        translator.resume(presence.clone(), answers.clone(), *unlisted_replies, now);
        let settings = translator.settings();
        let stale = match () {
            () if target != settings.target.as_str() => Stale::Target,
            () if *subscriber != settings.subscriber().map(ToString::to_string) => {
                Stale::Subscription
            }
            () => Stale::Nothing,
        };
        translator.drop_stale(stale);
    }
}

/// For counts that are left out of the hand-over when they are zero.
pub(super) fn is_zero(count: &u64) -> bool {
    *count == 0
}
