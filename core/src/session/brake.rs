//! How many errors one sender gets: a program that answers each of them with something new must
//! not go round in circles with us.
//!
//! A fixed table keeps what was said lately, so that nobody can fill the memory. A sender that
//! has no place in it any more starts anew: who has many addresses gets more answers, and nobody
//! gets fewer because of others.

use std::hash::Hasher;
use std::time::Duration;

use crate::jat::address::Address;
use crate::stanza::head::Kind;

/// What each of the last senders was answered.
#[derive(Debug)]
pub(super) struct Brake {
    /// Keeps users from choosing addresses that drive somebody else out of the table.
    seed: u64,
    /// Empty until the first answer; [`WAYS`] in a row can be a sender's.
    slots: Vec<Slot>,
}

/// One sender, by its hash.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    sender: u64,
    /// When all answers that it got will have been paid for, on [`Now::mono`]'s clock: to requests,
    /// messages, and presence.
    ///
    /// [`Now::mono`]: crate::jat::now::Now::mono
    paid: [Duration; 3],
}

/// So many at once, and one more after each pause.
struct Allowance {
    at_once: u32,
    pause: Duration,
}

impl Brake {
    /// `seed` is nobody's business.
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, slots: Vec::new() }
    }

    /// Whether `sender` may get one more error in answer to a stanza of this kind.
    pub(super) fn releases(&mut self, sender: &str, kind: Kind, now: Duration) -> bool {
        if self.slots.is_empty() {
            self.slots = vec![Slot::default(); SLOTS];
        }
        let slot = self.slot(&Address::new(sender).normal_bare(), now);
        let (place, allowance) = match kind {
            Kind::Iq | Kind::Other => (0, REQUESTS),
            Kind::Message => (1, OTHERS),
            Kind::Presence => (2, OTHERS),
        };
        let next = now.max(slot.paid[place]) + allowance.pause;
        let releases = next <= now + allowance.pause * allowance.at_once;
        if releases {
            slot.paid[place] = next;
        }
        releases
    }

    /// That of a sender, or the one of its places that matters least.
    fn slot(&mut self, sender: &str, now: Duration) -> &mut Slot {
        // SipHash with the seed in front.
        let mut hasher = std::hash::DefaultHasher::new();
        hasher.write_u64(self.seed);
        hasher.write(sender.as_bytes());
        let hash = hasher.finish();
        let begin = usize::try_from(hash % (SLOTS / WAYS) as u64).unwrap_or_default() * WAYS;
        let places = &mut self.slots[begin..begin + WAYS];
        let known = places.iter().position(|slot| slot.sender == hash);
        let oldest = || (0..WAYS).min_by_key(|at| places[*at].paid.iter().max());
        let at = known.or_else(oldest).unwrap_or_default();
        let slot = &mut places[at];
        if known.is_none() {
            *slot = Slot { sender: hash, paid: [now; 3] };
        }
        slot
    }
}

/// An IQ request has to be answered (RFC 6120 section 8.2.3), so what a client can have in flight
/// always is; whoever sends more, and goes on, is a loop.
const REQUESTS: Allowance = Allowance { at_once: 200, pause: Duration::from_millis(50) };
/// Errors for messages, and refused subscriptions, are a courtesy (RFC 6121 section 8.5).
const OTHERS: Allowance = Allowance { at_once: 5, pause: Duration::from_secs(1) };
const SLOTS: usize = 1024;
const WAYS: usize = 4;

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
        assert_eq!((brake.slots.len(), brake.slots.capacity()), (SLOTS, SLOTS));
    }
}
