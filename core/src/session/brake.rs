//! How many errors one sender gets: a program that answers each of them with a new stanza must not
//! cause an endless loop.

use std::time::Duration;

use crate::jat::address::Address;
use crate::jat::allowance::Allowance;
use crate::jat::recent_senders::RecentSenders;
use crate::stanza::head::Kind;

/// How many errors each of the latest senders got: for requests, messages, and presence.
#[derive(Debug)]
pub(super) struct Brake {
    senders: RecentSenders<3>,
}

impl Brake {
    /// `seed` must be secret.
    pub(super) fn new(seed: u64) -> Self {
        Self { senders: RecentSenders::new(SENDERS, seed) }
    }

    /// Whether `sender` may get one more error in answer to a stanza of this kind.
    pub(super) fn releases(&mut self, sender: &str, kind: Kind, now: Duration) -> bool {
        let due = self.senders.due(&Address::new(sender), now);
        let (place, allowance) = match kind {
            Kind::Iq | Kind::Other => (0, REQUESTS),
            Kind::Message => (1, OTHERS),
            Kind::Presence => (2, OTHERS),
        };
        allowance.admits(&mut due[place], now)
    }
}

/// An IQ request has to be answered (RFC 6120 section 8.2.3), so as many as a client can have in flight
/// always are; more than that is a loop.
const REQUESTS: Allowance = Allowance { at_once: 200, pause: Duration::from_millis(50) };
/// Errors for messages, and refusals of subscriptions, are optional (RFC 6121 section 8.5).
const OTHERS: Allowance = Allowance { at_once: 5, pause: Duration::from_secs(1) };
const SENDERS: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1000);

    /// How many of so many stanzas of this kind are answered, at each of these times.
    fn answered(kind: Kind, each: usize, times: &[u64]) -> Vec<usize> {
        let mut brake = Brake::new(1);
        let mut at = |millis: &u64| {
            let now = NOW + Duration::from_millis(*millis);
            let mut releases = || brake.releases("u@s.example/r", kind, now);
            (0..each).filter(|_| releases()).count()
        };
        times.iter().map(&mut at).collect()
    }

    #[test]
    fn what_is_in_flight_is_answered_and_a_loop_is_slow() {
        assert_eq!(answered(Kind::Iq, 500, &[0, 49, 50, 1050, 60_000]), [200, 0, 1, 20, 200]);
        assert_eq!(answered(Kind::Message, 500, &[0, 999, 1000, 3000]), [5, 0, 1, 2]);
        assert_eq!(answered(Kind::Presence, 9, &[0, 1000]), [5, 1]);
    }

    #[test]
    fn messages_cost_requests_nothing() {
        let mut brake = Brake::new(1);
        let mut releases = |kind| brake.releases("u@s.example", kind, NOW);
        assert_eq!((0..100).filter(|_| releases(Kind::Message)).count(), 5);
        assert!((0..200).all(|_| releases(Kind::Iq)));
        assert!(!releases(Kind::Iq));
    }

    #[test]
    fn a_sender_is_an_account_however_it_is_spelled() {
        let mut brake = Brake::new(1);
        let mut releases = |from: &str| brake.releases(from, Kind::Message, NOW);
        let spelled =
            ["u@s.example/a", "U@s.example/b", "u@S.example./c", "u@s.example", "u@s.EXAMPLE"];
        assert!(spelled.iter().all(|from| releases(from)));
        assert!(spelled.iter().all(|from| !releases(from)));
        assert!(releases("v@s.example"));
    }

    #[test]
    fn others_take_nothing_away_and_no_memory() {
        let mut brake = Brake::new(1);
        let mut releases = |from: &str| brake.releases(from, Kind::Iq, NOW);
        assert!((0..200).all(|_| releases("u@s.example")));
        let crowd = (0..100_000).filter(|n| releases(&format!("u{n}@s.example"))).count();
        assert_eq!(crowd, 100_000);
        assert_eq!(brake.senders.capacity(), SENDERS);
    }
}
