//! What each key of a ring is for at a given time, in the same words wherever it is shown.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use crate::jat::keyring::{Key, Keyring};
use crate::time::{moment, show_duration, show_moment};

use super::{KeyTime, KeysStatus};

/// The role of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyState {
    pub id: u8,
    pub part: Part,
    now: u64,
}

/// Times are Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Its tokens have all expired since this time.
    CanGo { since: u64 },
    /// Superseded, but tokens signed with it may still be valid.
    Stays { until: u64 },
    /// Signs now, until its successor takes over; `None`: it has no beginning, or no successor.
    Signs { since: Option<u64>, until: Option<u64> },
    /// Takes over at this time.
    Comes { at: u64 },
}

/// The keys of `ring` in the order of their activation, at Unix second `now`.
pub(crate) fn states(ring: &Keyring, now: u64, reply_ttl: u64) -> Vec<KeyState> {
    let signing = ring.signing(now).id();
    let mut signs_or_comes = false;
    let state = |key: &Key| {
        let id = key.id();
        signs_or_comes |= id == signing;
        let part = if id == signing {
            Part::Signs { since: key.not_before(), until: ring.next(now).map(|(_, at)| at) }
        } else if signs_or_comes {
            Part::Comes { at: key.not_before().unwrap_or(0) }
        } else {
            // A key before the signing one has a successor.
            superseded(ring.retires(id, reply_ttl).unwrap_or(u64::MAX), now)
        };
        KeyState { id, part, now }
    };
    ring.keys().iter().map(state).collect()
}

fn superseded(retires: u64, now: u64) -> Part {
    match retires <= now {
        true => Part::CanGo { since: retires },
        false => Part::Stays { until: retires },
    }
}

impl KeysStatus {
    pub(crate) fn of(ring: &Keyring, now: u64, reply_ttl: u64) -> Self {
        let key = ring.signing(now);
        let mut status = Self {
            signing: key.id(),
            signing_since: key.not_before().map(show_moment),
            next: None,
            superseded: Vec::new(),
        };
        for KeyState { id, part, .. } in states(ring, now, reply_ttl) {
            let time = |at, due| KeyTime { id, at: show_moment(at), due };
            match part {
                Part::CanGo { since } => status.superseded.push(time(since, true)),
                Part::Stays { until } => status.superseded.push(time(until, false)),
                Part::Signs { .. } => {}
                Part::Comes { at } => {
                    status.next.get_or_insert_with(|| time(at, false));
                }
            }
        }
        status
    }

    /// The states that it was made of, except that at most one key is yet to come.
    pub(crate) fn states(&self, now: u64) -> Vec<KeyState> {
        let at = |key: &KeyTime| moment(&key.at).unwrap_or(u64::MAX);
        let state = |id, part| KeyState { id, part, now };
        let superseded = self.superseded.iter().map(|key| state(key.id, superseded(at(key), now)));
        let since = self.signing_since.as_deref().and_then(moment);
        let signs = Part::Signs { since, until: self.next.as_ref().map(at) };
        let next = self.next.iter().map(|key| state(key.id, Part::Comes { at: at(key) }));
        superseded.chain([state(self.signing, signs)]).chain(next).collect()
    }

    /// The ids of all these keys, in no special order.
    pub(crate) fn ids(&self) -> BTreeSet<u8> {
        let others = self.next.iter().chain(&self.superseded);
        others.map(|key| key.id).chain([self.signing]).collect()
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {} ", self.id)?;
        match self.part {
            Part::CanGo { since } => write!(f, "can be removed, since {}", show_moment(since)),
            Part::Stays { until } => write!(f, "can be removed {}", from(until, self.now)),
            Part::Signs { since, until } => {
                let since = since.map(|at| format!(" since {}", show_moment(at)));
                let until = until.map(|at| format!(" until {}", show_moment(at)));
                write!(f, "signs{}{}", since.unwrap_or_default(), until.unwrap_or_default())
            }
            Part::Comes { at } => write!(f, "signs {}", from(at, self.now)),
        }
    }
}

/// `from 2026-12-01T00:00:00Z (in 1h)`.
pub(crate) fn from(at: u64, now: u64) -> String {
    let wait = Duration::from_secs(at.saturating_sub(now));
    format!("from {} (in {})", show_moment(at), show_duration(wait))
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::jat::keyring::SKEW;

    #[test]
    fn each_key_has_its_part() {
        let now = 1_800_000_000;
        let key = |id, at| Key::new(id, &Zeroizing::new(vec![id; 32]), at).unwrap();
        let keys = vec![
            key(1, None),
            key(2, Some(now - 10_000)),
            key(3, Some(now - 60)),
            key(4, Some(now + 60)),
            key(5, Some(now + 90)),
        ];
        let ring = Keyring::new(keys).unwrap();
        let states = states(&ring, now, 3600);
        let told: Vec<String> = states.iter().map(ToString::to_string).collect();
        assert_eq!(SKEW, 300);
        assert_eq!(
            told,
            [
                "key 1 can be removed, since 2027-01-15T06:18:20Z",
                "key 2 can be removed from 2027-01-15T09:04:00Z (in 1h 4m)",
                "key 3 signs since 2027-01-15T07:59:00Z until 2027-01-15T08:01:00Z",
                "key 4 signs from 2027-01-15T08:01:00Z (in 1m)",
                "key 5 signs from 2027-01-15T08:01:30Z (in 1m 30s)",
            ]
        );
        assert_eq!(KeysStatus::of(&ring, now, 3600).states(now), states[..4]);
    }
}
