//! The subscription and its resources on their way to another process.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::jat::now::Now;
use crate::jat::resources::{Known, Resource, Resources};

use super::probing::{Open, Probing};
use super::recent::Recent;
use super::{Presence, Subscription, Vanished};

/// All that is known of a target.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PresenceSnapshot {
    pub resources: Vec<ResourceSnapshot>,
    pub subscription: Subscription,
    /// Unix second of its last change.
    pub since: u64,
    /// Time until the subscription is requested again, and how often that had no success.
    pub retry_in: Option<Duration>,
    pub attempts: u32,
    /// Time until unconfirmed entries are removed.
    pub doubt_ends_in: Option<Duration>,
    pub connected: bool,
    /// The open question, and the Unix second of the last answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<Open>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<u64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub granted: bool,
    #[serde(default, skip_serializing_if = "Vanished::is_none")]
    pub vanished: Vanished,
    /// Whether another question was scheduled, and not as routine.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wanted: bool,
}

/// A resource that is known to be online.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ResourceSnapshot {
    pub address: String,
    pub dnd: bool,
    pub verified: bool,
    /// Whether the answer to the open question has named it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confirmed: bool,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub priority: i8,
}

impl Presence {
    pub fn hand_over(&self, now: Now) -> PresenceSnapshot {
        let left = |at: Duration| at.saturating_sub(now.mono);
        let open = self.probing.hand_over(now.mono);
        PresenceSnapshot {
            resources: self.resources.iter().map(snapshot).collect(),
            subscription: self.subscription.clone(),
            since: self.since,
            retry_in: self.retry_at.map(left),
            attempts: self.attempts,
            doubt_ends_in: open.map(|open| open.ends_in),
            connected: self.connected,
            open,
            confirmed: self.confirmed,
            granted: self.granted,
            vanished: self.vanished,
            wanted: self.probing.is_wanted(),
        }
    }

    /// Continues where another process stopped.
    pub fn resume(from: PresenceSnapshot, now: Now) -> Self {
        let at = |left: Duration| now.mono + left;
        let mut resources = Resources::default();
        resources.put_all(from.resources.iter().map(|it| {
            let ResourceSnapshot { dnd, priority, verified, confirmed, .. } = *it;
            (it.address.as_str(), Known { dnd, priority, verified, confirmed })
        }));
        let subscribed = from.subscription == Subscription::Subscribed;
        // A list that no answer has confirmed may be wrong.
        let doubtful = resources.has_doubtful() || from.confirmed.is_none();
        let wanted = subscribed && (from.wanted || from.open.is_none() && doubtful);
        let probing = Probing::resume(from.open, wanted, now.mono);
        Self {
            resources,
            subscription: from.subscription,
            since: from.since,
            retry_at: from.retry_in.map(at),
            attempts: from.attempts,
            connected: from.connected,
            confirmed: from.confirmed,
            granted: from.granted || subscribed,
            vanished: from.vanished,
            settled: from.doubt_ends_in.is_none(),
            probing,
            recent: Recent::resume(now.mono),
            ..Self::new()
        }
    }
}

fn snapshot(resource: &Resource) -> ResourceSnapshot {
    let Resource { dnd, verified, confirmed, priority, .. } = *resource;
    ResourceSnapshot { address: resource.address().to_owned(), dnd, verified, confirmed, priority }
}

fn is_zero(priority: &i8) -> bool {
    *priority == 0
}
