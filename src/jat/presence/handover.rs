//! The subscription and its resources on their way to another process.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::jat::address::Address;
use crate::jat::now::Now;
use crate::jat::resources::{Resource, Resources};

use super::{Presence, Subscription};

/// All that is known.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Handover {
    pub resources: Vec<Known>,
    pub subscription: Subscription,
    /// Unix second of its last change.
    pub since: u64,
    /// Until the subscription is requested again, and how often that was done in vain.
    pub retry_in: Option<Duration>,
    pub attempts: u32,
    /// Until entries go that nobody has confirmed.
    pub doubt_ends_in: Option<Duration>,
    pub connected: bool,
}

/// A resource that is known to be online.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Known {
    pub address: String,
    pub dnd: bool,
    pub verified: bool,
}

impl Presence {
    pub fn hand_over(&self, now: Now) -> Handover {
        let left = |at: Duration| at.saturating_sub(now.mono);
        Handover {
            resources: self.resources.iter().map(known).collect(),
            subscription: self.subscription.clone(),
            since: self.since,
            retry_in: self.retry_at.map(left),
            attempts: self.attempts,
            doubt_ends_in: self.doubt_ends.map(left),
            connected: self.connected,
        }
    }

    /// Goes on where another process stopped.
    pub fn resume(from: Handover, now: Now) -> Self {
        let at = |left: Duration| now.mono + left;
        let mut resources = Resources::default();
        for known in &from.resources {
            resources.put(&Address::new(&known.address), known.dnd, known.verified);
        }
        Self {
            resources,
            subscription: from.subscription,
            since: from.since,
            retry_at: from.retry_in.map(at),
            attempts: from.attempts,
            doubt_ends: from.doubt_ends_in.map(at),
            connected: from.connected,
        }
    }
}

fn known(Resource { address, dnd, verified, .. }: &Resource) -> Known {
    Known { address: address.clone(), dnd: *dnd, verified: *verified }
}
