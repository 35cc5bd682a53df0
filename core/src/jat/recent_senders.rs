//! How much of their allowances the last senders have used.
//!
//! The table has a fixed size, so that nobody can fill the memory. A new sender may replace the one
//! that has used least among a few: a sender with many addresses gets more, nobody gets less
//! because of others, and a sender that has used much is not pushed out by addresses that have used
//! little.

use std::hash::Hasher;
use std::time::Duration;

use super::address::Address;

/// Senders, by their bare address in normal form, each with `N` allowances.
#[derive(Debug)]
pub struct RecentSenders<const N: usize> {
    /// Keeps users from choosing addresses that push others out of the table.
    seed: u64,
    /// Empty until the first sender. A sender can be in any of [`WAYS`] slots in a row.
    slots: Vec<Slot<N>>,
    size: usize,
}

/// One sender, by its hash.
#[derive(Clone, Copy, Debug)]
struct Slot<const N: usize> {
    sender: u64,
    /// When each allowance is full again, on [`Now::mono`]'s clock.
    ///
    /// [`Now::mono`]: super::now::Now::mono
    due: [Duration; N],
}

impl<const N: usize> RecentSenders<N> {
    /// At most `size` of them. `seed` must be secret.
    pub fn new(size: usize, seed: u64) -> Self {
        Self { seed, slots: Vec::new(), size }
    }

    /// When the allowances of `sender` are full again: now, if nothing is known of it.
    pub fn due(&mut self, sender: &Address<'_>, now: Duration) -> &mut [Duration; N] {
        if self.slots.is_empty() {
            self.slots = vec![Slot { sender: 0, due: [Duration::ZERO; N] }; self.size];
        }
        // SipHash, beginning with the seed.
        let mut hasher = std::hash::DefaultHasher::new();
        hasher.write_u64(self.seed);
        hasher.write(sender.normal_bare().as_bytes());
        let hash = hasher.finish();
        let rows = (self.size / WAYS) as u64;
        let begin = usize::try_from(hash % rows).unwrap_or_default() * WAYS;
        let places = &mut self.slots[begin..begin + WAYS];
        let known = places.iter().position(|slot| slot.sender == hash);
        let least = || (0..WAYS).min_by_key(|at| places[*at].due.iter().max());
        let at = known.or_else(least).unwrap_or_default();
        let slot = &mut places[at];
        if known.is_none() {
            *slot = Slot { sender: hash, due: [now; N] };
        }
        &mut slot.due
    }

    /// How many there is memory for.
    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        self.slots.capacity()
    }
}

const WAYS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1000);
    const SIZE: usize = 64;

    #[test]
    fn a_sender_is_an_account_however_it_is_spelled() {
        let mut senders = RecentSenders::<1>::new(SIZE, 1);
        let mut due = |from: &str| *senders.due(&Address::new(from), NOW);
        assert_eq!(due("u@s.example/a"), [NOW]);
        senders.due(&Address::new("u@s.example/a"), NOW)[0] += Duration::from_secs(1);
        let mut due = |from: &str| senders.due(&Address::new(from), NOW)[0];
        for from in ["U@s.example/b", "u@S.example./c", "u@s.example", "u@s.EXAMPLE"] {
            assert_eq!(due(from), NOW + Duration::from_secs(1), "{from}");
        }
        assert_eq!(due("v@s.example"), NOW);
    }

    /// However many there are, memory does not grow, and the one that has used most stays.
    #[test]
    fn many_senders_do_not_push_out_one_that_has_used_more() {
        let mut senders = RecentSenders::<1>::new(SIZE, 1);
        let much = NOW + Duration::from_secs(60);
        senders.due(&Address::new("u@s.example"), NOW)[0] = much;
        for n in 0..100_000 {
            let from = format!("u{n}@s.example");
            let due = &mut senders.due(&Address::new(&from), NOW)[0];
            assert_eq!(*due, NOW, "{n} starts again");
            *due += Duration::from_secs(n % 60);
        }
        assert_eq!(senders.capacity(), SIZE);
        assert_eq!(senders.due(&Address::new("u@s.example"), NOW)[0], much);
    }

    #[test]
    fn another_seed_puts_other_senders_together() {
        let alone = |seed| {
            let mut senders = RecentSenders::<1>::new(SIZE, seed);
            let mut due = |n: usize| {
                let from = format!("u{n}@s.example");
                let due = &mut senders.due(&Address::new(&from), NOW)[0];
                let before = *due;
                *due = NOW + Duration::from_secs(1);
                before
            };
            let mut starts_anew = || (0..SIZE).map(|n| due(n) == NOW).collect::<Vec<_>>();
            starts_anew();
            starts_anew()
        };
        assert_ne!(alone(1), alone(2));
        assert_eq!(alone(1), alone(1));
    }
}
