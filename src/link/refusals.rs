//! What the log says about refused and dropped stanzas: the first of a kind at once, later ones
//! summed up once a minute.

use std::time::Duration;

use tracing::{Level, debug, enabled, info, warn};

use crate::jat::reason::Reason;
use crate::jat::tally::{Counts, Tally};
use crate::jat::traffic::Traffic;

/// Remembers what was logged of the stanzas of one component.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// The counts that have been logged.
    said: Counts,
    /// The kinds that were logged within the last minute, and when.
    recent: Vec<(Traffic, Reason, Duration)>,
    /// How many there were when we looked last.
    seen: u64,
    /// When a sum is due.
    due: Option<Duration>,
    /// The counts that have been logged in detail.
    detailed: Counts,
}

impl Refusals {
    /// Everything counted so far has been logged by another process.
    pub(super) fn resume(&mut self, tally: &Tally) {
        self.said = tally.counts();
        self.detailed = tally.counts();
        self.seen = tally.refused();
    }

    /// Looks at the counts after a turn, at `now` on the clock of the component.
    pub(super) fn observe(&mut self, component: &str, tally: &Tally, now: Duration) {
        let news = tally.refused() != self.seen;
        if news && enabled!(Level::DEBUG) {
            self.tell_details(component, tally);
        }
        if news || self.due.is_some_and(|due| now >= due) {
            self.seen = tally.refused();
            self.tell(component, tally, now);
        }
    }

    /// Logs what has not been logged yet: there may be no next time.
    pub(super) fn settle(&mut self, component: &str, tally: &Tally, now: Duration) {
        self.recent.clear();
        self.tell(component, tally, now);
    }

    fn tell(&mut self, component: &str, tally: &Tally, now: Duration) {
        self.recent.retain(|(.., at)| now < *at + A_MINUTE);
        let told = |&(traffic, reason, count): &(Traffic, Reason, u64)| {
            count > 0 && reason.is_refusal() && !reason.is_quiet(traffic)
        };
        for (traffic, reason, count) in tally.iter().filter(told) {
            let stanzas = count.saturating_sub(self.said.of(traffic, reason));
            let recent = |(t, r, _): &(Traffic, Reason, Duration)| (*t, *r) == (traffic, reason);
            if stanzas == 0 || self.recent.iter().any(recent) {
                continue;
            }
            tell(component, traffic, reason, stanzas);
            self.said.set(traffic, reason, count);
            self.recent.push((traffic, reason, now));
        }
        self.due = self.recent.iter().map(|(.., at)| *at + A_MINUTE).min();
    }

    /// Logs each stanza after the turn, for debugging.
    fn tell_details(&mut self, component: &str, tally: &Tally) {
        let counts = tally.counts();
        for (traffic, reason, count) in counts.iter() {
            let stanzas = count.saturating_sub(self.detailed.of(traffic, reason));
            if stanzas > 0 && reason.is_refusal() {
                let (stanza, way) = (traffic.class.name(), traffic.way.name());
                let outcome = reason.outcome().name();
                debug!(component, stanza, way, outcome, reason = reason.name(), stanzas);
            }
        }
        self.detailed = counts;
    }
}

fn tell(component: &str, traffic: Traffic, reason: Reason, stanzas: u64) {
    let remedy = REMEDIES.iter().find(|(r, _)| *r == reason).map(|(_, remedy)| remedy);
    let (stanza, way) = (traffic.class.name(), traffic.way.name());
    let outcome = reason.outcome().name();
    let (reason, describe) = (reason.name(), reason.describe());
    match remedy {
        Some(remedy) => warn!(component, stanza, way, outcome, reason, stanzas, "{remedy}"),
        None => info!(component, stanza, way, outcome, reason, stanzas, "{outcome}: {describe}"),
    }
}

/// Refused stanzas that an operator can do something about.
const REMEDIES: [(Reason, &str); 6] = [
    (
        // docs/servers.md#global-routes
        Reason::NotOurDomain,
        "the server sends us stanzas for other domains: on ejabberd set `global_routes: false` \
         for the listener",
    ),
    (
        Reason::Throttled,
        "answers withheld: a sender got too many; does a program answer each of our errors with a \
         new stanza, or repeat its requests endlessly?",
    ),
    (
        Reason::UnknownKey,
        "replies dropped: their tokens were signed with a key that is not in our key ring; if \
         another replica has it, copy the key file to all and reload each",
    ),
    (
        Reason::TokenSignature,
        "replies dropped: their tokens were signed with another key under the same id, or for \
         other addresses; if another replica made them, copy its key file to all and reload each",
    ),
    (
        Reason::NotInitiated,
        "the target was refused: it wrote first to users whose domain is not in initiate; if it \
         may, add the domain there and reload",
    ),
    (
        Reason::MirrorSignature,
        "the target writes to mirrors that are not ours: they were signed with a name key that is \
         not in our ring, or made up; if another replica made them, copy its key file to all and \
         reload each",
    ),
];
const A_MINUTE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use crate::jat::traffic::{Class, USER_REQUEST};

    use super::*;

    const NOW: Duration = Duration::from_secs(7);

    /// What was logged of requests that found no resource, after each of these counts at that
    /// second.
    fn said(events: &[(u64, u64)]) -> Vec<u64> {
        let (mut refusals, mut tally) = (Refusals::default(), Tally::default());
        let said = |it: &Refusals| it.said.of(USER_REQUEST, Reason::Offline);
        let of = |(second, count): &(u64, u64)| {
            tally.add(USER_REQUEST, Reason::Offline, *count);
            refusals.tell("c", &tally, Duration::from_secs(*second));
            said(&refusals)
        };
        events.iter().map(of).collect()
    }

    #[test]
    fn the_first_is_said_at_once_and_more_are_summed_up_once_a_minute() {
        assert_eq!(said(&[(0, 1), (1, 5), (59, 7), (60, 0), (61, 2)]), [1, 1, 1, 13, 13]);
        assert_eq!(said(&[(0, 1), (60, 0), (300, 1), (301, 1), (360, 0)]), [1, 1, 2, 2, 3]);
    }

    #[test]
    fn kinds_are_told_apart_and_the_end_tells_the_rest() {
        let (mut refusals, mut tally) = (Refusals::default(), Tally::default());
        for (traffic, reason) in [
            (USER_REQUEST, Reason::Offline),
            (USER_REQUEST, Reason::NoId),
            (USER_REQUEST, Reason::Relayed),
            (Class::Message.inward(), Reason::Echo),
            (Class::Message.inward(), Reason::OwnAddress),
        ] {
            tally.count(traffic, reason);
        }
        refusals.observe("c", &tally, NOW);
        assert_eq!(refusals.recent.len(), 2);
        tally.count(USER_REQUEST, Reason::NoId);
        refusals.observe("c", &tally, NOW);
        assert_eq!(refusals.said.of(USER_REQUEST, Reason::NoId), 1);
        refusals.settle("c", &tally, NOW);
        assert_eq!(refusals.said.of(USER_REQUEST, Reason::NoId), 2);
    }
}
