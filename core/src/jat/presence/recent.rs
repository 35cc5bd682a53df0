//! What came and went just now: servers can tell these in the wrong order.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::jat::address::Address;
use crate::jat::dispatch::sticky_hash;

/// The resources that presence was heard of within [`HEELS`].
#[derive(Clone, Debug, Default)]
pub(super) struct Recent {
    /// By the hash of the resource: when it was heard of last, and what.
    heard: BTreeMap<u64, LastPresence>,
    /// Those that left right after they came online, and were not heard of since.
    doubtful: BTreeMap<u64, Duration>,
    /// When what is old was taken out last. That looks at everything, so it is not for each stanza.
    cleared: Duration,
    /// Until when the previous program may have heard of any of them.
    resumed: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
struct LastPresence {
    at: Duration,
    online: bool,
}

impl Recent {
    /// Continues where another program stopped, which does not say what it heard just before.
    pub(super) fn resume(now: Duration) -> Self {
        Self { resumed: Some(now + HEELS), ..Self::default() }
    }

    /// Notes that a resource, a full JID, is online or is not; returns whether this follows right
    /// after the opposite.
    pub(super) fn note(&mut self, address: &Address<'_>, online: bool, now: Duration) -> bool {
        if self.cleared + CLEARED_AFTER <= now {
            self.cleared = now;
            if self.heard.len() >= MOST_RECENT {
                self.heard.retain(|_, heard| heard.at + HEELS > now);
            }
            self.doubtful.retain(|_, at| *at + HEELS > now);
        }
        let normal = address.normal();
        let key = sticky_hash(Address::new(&normal).resource().unwrap_or_default());
        let before = self.heard.get(&key).filter(|heard| heard.at + HEELS > now);
        let unknown = before.is_none() && self.resumed.is_some_and(|until| now < until);
        let on_heels = before.is_some_and(|heard| heard.online != online) || unknown && !online;
        if self.heard.len() < MOST_RECENT || self.heard.contains_key(&key) {
            self.heard.insert(key, LastPresence { at: now, online });
        }
        if online {
            self.doubtful.remove(&key);
        } else if on_heels {
            self.doubtful.insert(key, now);
        }
        on_heels
    }

    /// Whether none of them can have been removed by mistake.
    pub(super) fn is_clear(&self) -> bool {
        self.doubtful.is_empty()
    }
}

/// How long after one the other is suspicious.
const HEELS: Duration = Duration::from_secs(5);
/// With more than this the oldest news is no longer looked at.
const MOST_RECENT: usize = 4_000;
const CLEARED_AFTER: Duration = Duration::from_secs(1);
