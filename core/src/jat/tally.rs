//! Counts of stanzas by class, way and reason.

use super::reason::Reason;
use super::traffic::Traffic;

/// Counts of stanzas by traffic and reason.
#[derive(Clone, Debug)]
pub struct Tally {
    counts: [[u64; Reason::ALL.len()]; Traffic::COUNT],
    /// All that were answered or dropped.
    refused: u64,
}

/// The counts of a [`Tally`] at some time, without the zeros, which most of them are.
#[derive(Clone, Debug, Default)]
pub struct Counts(Vec<(Traffic, Reason, u64)>);

impl Default for Tally {
    fn default() -> Self {
        Self { counts: [[0; Reason::ALL.len()]; Traffic::COUNT], refused: 0 }
    }
}

impl Tally {
    pub fn count(&mut self, traffic: Traffic, reason: Reason) {
        self.add(traffic, reason, 1);
    }

    /// Counts several at once.
    pub fn add(&mut self, traffic: Traffic, reason: Reason, count: u64) {
        self.counts[traffic.index()][reason as usize] += count;
        self.refused += if reason.is_refusal() { count } else { 0 };
    }

    pub fn of(&self, traffic: Traffic, reason: Reason) -> u64 {
        self.counts[traffic.index()][reason as usize]
    }

    /// All that were neither relayed nor for us.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// All with this reason, of any kind.
    pub fn total(&self, reason: Reason) -> u64 {
        Traffic::all().map(|traffic| self.of(traffic, reason)).sum()
    }

    /// Every count, zero or not.
    pub fn iter(&self) -> impl Iterator<Item = (Traffic, Reason, u64)> {
        let of = move |t: Traffic| Reason::ALL.iter().map(move |r| (t, *r, self.of(t, *r)));
        Traffic::all().flat_map(of)
    }

    /// All that are not zero.
    pub fn counts(&self) -> Counts {
        Counts(self.iter().filter(|(.., count)| *count > 0).collect())
    }
}

impl Counts {
    pub fn of(&self, traffic: Traffic, reason: Reason) -> u64 {
        let mut all = self.0.iter();
        all.find(|(t, r, _)| (*t, *r) == (traffic, reason)).map_or(0, |(.., count)| *count)
    }

    pub fn set(&mut self, traffic: Traffic, reason: Reason, count: u64) {
        match self.0.iter_mut().find(|(t, r, _)| (*t, *r) == (traffic, reason)) {
            Some((.., known)) => *known = count,
            None => self.0.push((traffic, reason, count)),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (Traffic, Reason, u64)> {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::super::traffic::{TARGET_REPLY, USER_REQUEST};
    use super::*;

    #[test]
    fn each_stanza_counts_once() {
        let mut tally = Tally::default();
        tally.count(TARGET_REPLY, Reason::UnknownKey);
        tally.count(USER_REQUEST, Reason::Relayed);
        tally.count(TARGET_REPLY, Reason::Relayed);
        assert_eq!(tally.total(Reason::Relayed), 2);
        assert_eq!(tally.iter().map(|(.., n)| n).sum::<u64>(), 3);
        let counts = tally.counts();
        assert_eq!(counts.iter().count(), 3);
        for (traffic, reason, count) in tally.iter() {
            assert_eq!(counts.of(traffic, reason), count);
        }
    }
}
