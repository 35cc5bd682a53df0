//! What each key of a ring is for at a moment, in words.

use std::fmt;
use std::time::Duration;

use crate::jat::keyring::Keyring;
use crate::time::{show_duration, show_moment};

/// The part of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyState {
    pub id: u8,
    pub part: Part,
    now: u64,
}

/// Times are Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Its tokens have all expired since this time.
    CanGo { since: u64 },
    /// Superseded, but tokens that carry it may live.
    Stays { until: u64 },
    /// Signs now, until its successor takes over.
    Signs { until: Option<u64> },
    /// Takes over at this time.
    Comes { at: u64 },
}

/// The keys of `ring` in the order of their activation, at Unix second `now`.
pub fn states(ring: &Keyring, now: u64, reply_ttl: u64) -> Vec<KeyState> {
    let signing = ring.signing(now).id();
    let mut signs_or_comes = false;
    let state = |key: &crate::jat::keyring::Key| {
        let id = key.id();
        signs_or_comes |= id == signing;
        let part = if id == signing {
            Part::Signs { until: ring.next(now).map(|(_, at)| at) }
        } else if signs_or_comes {
            Part::Comes { at: key.not_before().unwrap_or(0) }
        } else {
            // A key before the signing one has a successor.
            let retires = ring.retires(id, reply_ttl).unwrap_or(u64::MAX);
            match retires <= now {
                true => Part::CanGo { since: retires },
                false => Part::Stays { until: retires },
            }
        };
        KeyState { id, part, now }
    };
    ring.keys().iter().map(state).collect()
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {} ", self.id)?;
        match self.part {
            Part::CanGo { since } => write!(f, "can go, since {}", show_moment(since)),
            Part::Stays { until } => write!(f, "can go {}", from(until, self.now)),
            Part::Signs { until: None } => f.write_str("signs"),
            Part::Signs { until: Some(until) } => write!(f, "signs until {}", show_moment(until)),
            Part::Comes { at } => write!(f, "signs {}", from(at, self.now)),
        }
    }
}

/// `from 2026-12-01T00:00:00Z (in 1h)`.
pub fn from(at: u64, now: u64) -> String {
    let wait = Duration::from_secs(at.saturating_sub(now));
    format!("from {} (in {})", show_moment(at), show_duration(wait))
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::jat::keyring::{Key, SKEW};

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
        let told: Vec<String> = states(&Keyring::new(keys).unwrap(), now, 3600)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(SKEW, 300);
        assert_eq!(
            told,
            [
                "key 1 can go, since 2027-01-15T06:18:20Z",
                "key 2 can go from 2027-01-15T09:04:00Z (in 1h 4m)",
                "key 3 signs until 2027-01-15T08:01:00Z",
                "key 4 signs from 2027-01-15T08:01:00Z (in 1m)",
                "key 5 signs from 2027-01-15T08:01:30Z (in 1m 30s)",
            ]
        );
    }
}
