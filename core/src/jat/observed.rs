//! What the lists of senders would refuse, while they are only observed.

use super::access::domain_of;
use super::address::Address;

/// Counts, and the senders' domains.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    stanzas: u64,
    /// In the order in which they were first seen; no more than [`MOST_DOMAINS`].
    domains: Vec<(String, u64)>,
    /// Stanzas from other domains.
    further: u64,
    /// How often the domains were forgotten.
    forgotten: u64,
}

impl Observed {
    /// Continues where another process stopped.
    pub fn resume(stanzas: u64, mut domains: Vec<(String, u64)>, further: u64) -> Self {
        domains.truncate(MOST_DOMAINS);
        Self { stanzas, domains, further, forgotten: 0 }
    }

    /// A stanza of this sender was allowed to pass.
    pub fn note(&mut self, from: &Address<'_>) {
        self.stanzas += 1;
        let domain = domain_of(from);
        let room = self.domains.len() < MOST_DOMAINS && domain.len() <= LONGEST_DOMAIN;
        match self.domains.iter_mut().find(|(known, _)| *known == domain) {
            Some((_, stanzas)) => *stanzas += 1,
            None if room => self.domains.push((domain, 1)),
            None => self.further += 1,
        }
    }

    /// Continues with the sum of another one, as after [`Self::forget_domains`].
    pub fn inherit(&mut self, other: &Self) {
        self.stanzas += other.stanzas;
        self.forgotten += other.forgotten + 1;
    }

    /// Called for new lists, which begin without domains; the sum continues.
    pub fn forget_domains(&mut self) {
        self.domains.clear();
        self.further = 0;
        self.forgotten += 1;
    }

    /// How often the domains were forgotten. Until this changes, domains are only added.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    pub fn stanzas(&self) -> u64 {
        self.stanzas
    }

    /// Some of the domains, and how many stanzas came from each.
    pub fn domains(&self) -> &[(String, u64)] {
        &self.domains
    }

    /// How many came from other domains.
    pub fn further(&self) -> u64 {
        self.further
    }
}

/// Senders must not be able to fill memory or the log.
const MOST_DOMAINS: usize = 16;
/// The longest name that can be looked up (RFC 1035 section 2.3.4).
const LONGEST_DOMAIN: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_bounded_and_the_sum_is_not() {
        let mut observed = Observed::default();
        let mut note = |from: &str| observed.note(&Address::new(from));
        ["u@A.example/r", "v@a.example.", "u@b.example"].iter().for_each(|from| note(from));
        note(&format!("u@{}.example", "a".repeat(250)));
        (0..100).for_each(|n| note(&format!("u@{n}.example")));
        assert_eq!(observed.stanzas(), 104);
        assert_eq!(observed.domains().len(), MOST_DOMAINS);
        assert_eq!(observed.domains()[..2], [("a.example".into(), 2), ("b.example".into(), 1)]);
        let named: u64 = observed.domains().iter().map(|(_, stanzas)| stanzas).sum();
        assert_eq!((named, observed.further()), (17, 87));
        observed.forget_domains();
        assert_eq!((observed.stanzas(), observed.further()), (104, 0));
    }
}
