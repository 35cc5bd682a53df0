//! What the log says about stanzas that lists of senders would refuse: the first at once, later
//! ones summed up once a minute, with the domains that are new.

use std::time::Duration;

use tracing::info;

use crate::jat::observed::Observed;
use crate::misleading::is_misleading;

/// Remembers what was logged of one component.
#[derive(Debug, Default)]
pub(super) struct Observations {
    stanzas: u64,
    /// How many domains were logged, since they were forgotten so often.
    domains: usize,
    /// The same for stanzas from domains without a name.
    further: u64,
    forgotten: u64,
    last: Option<Duration>,
}

impl Observations {
    /// Everything counted so far has been logged by another process.
    pub(super) fn resume(&mut self, observed: &Observed) {
        self.said(observed);
    }

    /// Looks at the counts after a turn, at `now` on the clock of the component.
    pub(super) fn observe(&mut self, component: &str, observed: &Observed, now: Duration) {
        let due = self.last.is_none_or(|at| now >= at + A_MINUTE);
        if observed.stanzas() != self.stanzas && due {
            self.last = Some(now);
            self.tell(component, observed);
        }
    }

    /// Logs what has not been logged yet: there may be no next time.
    pub(super) fn settle(&mut self, component: &str, observed: &Observed) {
        if observed.stanzas() != self.stanzas {
            self.tell(component, observed);
        }
    }

    fn tell(&mut self, component: &str, observed: &Observed) {
        let domains: Vec<_> = self.unsaid(observed).collect();
        let domains = domains.join(", ").replace(is_misleading, "?");
        let stanzas = observed.stanzas() - self.stanzas;
        let further = Some(self.unsaid_further(observed)).filter(|count| *count > 0);
        info!(
            component,
            stanzas,
            domains,
            from_other_domains = further,
            "observed: the lists of senders would refuse these"
        );
        self.said(observed);
    }

    /// The domains that have not been logged yet: all of them after a reload with other lists.
    fn unsaid<'o>(&self, observed: &'o Observed) -> impl Iterator<Item = &'o str> + use<'o> {
        let said = if observed.forgotten() == self.forgotten { self.domains } else { 0 };
        observed.domains().iter().skip(said).map(|(domain, _)| domain.as_str())
    }

    /// How many came from domains that have no name here, and have not been logged yet.
    fn unsaid_further(&self, observed: &Observed) -> u64 {
        let said = if observed.forgotten() == self.forgotten { self.further } else { 0 };
        observed.further() - said
    }

    fn said(&mut self, observed: &Observed) {
        (self.stanzas, self.further) = (observed.stanzas(), observed.further());
        (self.domains, self.forgotten) = (observed.domains().len(), observed.forgotten());
    }
}

const A_MINUTE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jat::address::Address;

    #[test]
    fn the_first_is_said_at_once_and_more_with_the_next_sum() {
        let (mut told, mut observed) = (Observations::default(), Observed::default());
        observed.note(&Address::new("u@a.example"));
        told.observe("c", &observed, Duration::from_secs(7));
        assert_eq!((told.stanzas, told.domains), (1, 1));
        observed.note(&Address::new("u@b.example"));
        told.observe("c", &observed, Duration::from_secs(7));
        assert_eq!((told.stanzas, told.domains), (1, 1));
        told.settle("c", &observed);
        assert_eq!((told.stanzas, told.domains), (2, 2));
    }

    #[test]
    fn what_comes_from_domains_without_a_name_is_counted() {
        let (mut told, mut observed) = (Observations::default(), Observed::default());
        for round in 0..2 {
            (0..20).for_each(|n| observed.note(&Address::new(&format!("u@{n}.example"))));
            assert_eq!(told.unsaid_further(&observed), 4, "round {round}");
            told.settle("c", &observed);
            assert_eq!(told.unsaid_further(&observed), 0);
        }
        observed.forget_domains();
        (0..17).for_each(|n| observed.note(&Address::new(&format!("u@{n}.example"))));
        assert_eq!(told.unsaid_further(&observed), 1);
    }

    /// As many are new as there were before, or more.
    #[test]
    fn with_other_lists_all_domains_are_new() {
        let (mut told, mut observed) = (Observations::default(), Observed::default());
        for (round, users) in
            [&["u@a.example"][..], &["u@b.example"], &["u@c.example"; 3]].iter().enumerate()
        {
            users.iter().for_each(|user| observed.note(&Address::new(user)));
            assert_eq!(told.unsaid(&observed).count(), 1, "round {round}");
            told.settle("c", &observed);
            assert_eq!(told.unsaid(&observed).count(), 0);
            observed.forget_domains();
        }
    }
}
