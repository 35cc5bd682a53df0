//! Recent arrivals and departures, which servers can report in the wrong order.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::jat::address::Address;
use crate::jat::dispatch::sticky_hash;

/// The resources with presence within [`HEELS`].
#[derive(Clone, Debug, Default)]
pub(super) struct Recent {
    /// By the hash of the resource: its last presence, and when.
    heard: BTreeMap<u64, LastPresence>,
    /// Those that left just after they came online, without presence since.
    doubtful: BTreeMap<u64, Duration>,
    /// When old entries were last removed. That looks at all of them, so it is not done for each stanza.
    cleared: Duration,
    /// Until then the previous program may have had presence of any of them.
    resumed: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
struct LastPresence {
    at: Duration,
    online: bool,
}

impl Recent {
    /// Continues where another program stopped, whose latest presence is not handed over.
    pub(super) fn resume(now: Duration) -> Self {
        Self { resumed: Some(now + HEELS), ..Self::default() }
    }

    /// Records that a resource, a full JID, is online or not; returns whether this comes just after the
    /// opposite.
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

/// How long after one the opposite is suspicious.
const HEELS: Duration = Duration::from_secs(5);
/// With more than this the oldest entries are ignored.
const MOST_RECENT: usize = 4_000;
const CLEARED_AFTER: Duration = Duration::from_secs(1);
