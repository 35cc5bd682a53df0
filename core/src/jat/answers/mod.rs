//! How the target's resources answer, counted.
//!
//! These are only counters: no single request is remembered, so a reply may pass through another
//! replica than its request.

mod outage;
mod record;
mod trouble;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::stanza::condition::DefinedCondition;

use super::address::Address;
use super::resourcepart;
use super::resources::{MOST_ONLINE, Resources};

pub use outage::Outage;
pub use record::Record;
pub use trouble::Trouble;

/// The counters of one component.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// In the order of their resources. One that leaves keeps its counters, as it may come back.
    records: Vec<Record>,
    /// Errors that users got for requests that were relayed.
    errors: Errors,
    outage: Outage,
    /// The event that is being relayed, and its place in `records`.
    pending: Option<(Option<usize>, Event)>,
}

/// What happens to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It gets a request.
    Asked,
    /// It answers one with a result.
    Result,
    /// It, or a server in its place, answers one with an error; or the user gets an error because the
    /// answer can't be relayed.
    Error(DefinedCondition),
}

/// How many errors with each condition.
#[derive(Clone, Debug)]
pub struct Errors([u64; DefinedCondition::ALL.len()]);

impl Default for Errors {
    fn default() -> Self {
        Self([0; DefinedCondition::ALL.len()])
    }
}

impl Errors {
    /// Adds those of another.
    pub fn add(&mut self, other: &Self) {
        for (sum, count) in self.0.iter_mut().zip(other.0) {
            *sum += count;
        }
    }

    /// Every count, zero or not.
    pub fn iter(&self) -> impl Iterator<Item = (DefinedCondition, u64)> {
        DefinedCondition::ALL.iter().map(|condition| (*condition, self.0[*condition as usize]))
    }
}

impl Answers {
    /// Prepares an event of this resource, given in normal form, or of the account itself: it
    /// counts once [`Self::relayed`] confirms it.
    pub fn prepare(&mut self, resource: Option<&str>, event: Event, listed: &Resources) {
        // One that has no such name can't come back under it, and would take memory for nothing.
        let record = resource
            .filter(|resource| resource.len() <= resourcepart::MAX_BYTES)
            .map(|resource| self.find_or_insert(resource, listed));
        self.pending = Some((record, event));
    }

    /// The prepared stanza will not be relayed.
    pub fn forget(&mut self) {
        self.pending = None;
    }

    /// This happens to the resource instead of what was prepared.
    pub fn instead(&mut self, event: Event) {
        if let Some((_, prepared)) = &mut self.pending {
            *prepared = event;
        }
    }

    /// The prepared stanza was relayed, at this Unix second.
    pub fn relayed(&mut self, now: u64) {
        let Some((record, event)) = self.pending.take() else { return };
        if let Event::Error(condition) = event {
            self.errors.0[condition as usize] += 1;
        }
        let Some(record) = record.and_then(|place| self.records.get_mut(place)) else { return };
        let was_missing = record.is_missing();
        record.count(event, now);
        if record.is_missing() {
            self.outage.missing(!was_missing, now);
        }
    }

    /// Our stream is down: requests may have been answered while we could not receive it.
    pub fn disconnected(&mut self) {
        self.records.iter_mut().for_each(Record::disconnected);
    }

    /// Available presence of this resource, which is online. `new`: it was not listed before.
    pub fn seen(&mut self, resource: &str, new: bool) {
        if let Ok(place) = self.find(resource) {
            let record = &mut self.records[place];
            if record.is_missing() {
                self.outage.found();
            }
            record.seen(new);
        }
    }

    /// So many resources were removed from the list at once, as no presence confirmed them.
    pub fn unconfirmed(&mut self, resources: usize, now: u64) {
        self.outage.unconfirmed(resources, now);
    }

    /// What is known of this resource, given in normal form.
    pub fn of(&self, resource: &str) -> Option<&Record> {
        self.find(resource).ok().map(|place| &self.records[place])
    }

    /// Errors that users got for requests that were relayed.
    pub fn errors(&self) -> &Errors {
        &self.errors
    }

    /// Resources that seem to be missing all at once.
    pub fn outage(&self) -> &Outage {
        &self.outage
    }

    /// Whether some resource may be known to fail. This is a cheap check.
    pub fn is_any_missing(&self, now: u64) -> bool {
        self.outage.is_recent(now)
    }

    /// All that is known, for another process.
    pub fn hand_over(&self) -> AnswersSnapshot {
        let errors = self.errors.iter().filter(|(_, count)| *count > 0);
        AnswersSnapshot { records: self.records.clone(), errors: errors.collect() }
    }

    /// Continues where another process stopped.
    pub fn resume(from: AnswersSnapshot) -> Self {
        let mut answers = Self { records: from.records, ..Self::default() };
        answers.records.sort_by(|a, b| a.resource.cmp(&b.resource));
        let last_missing = answers.records.iter().filter_map(Record::last_missing).max();
        answers.outage = Outage::resume(last_missing.unwrap_or_default());
        for (condition, count) in from.errors {
            answers.errors.0[condition as usize] += count;
        }
        answers
    }

    /// The counters that are not of a single resource: those that stay when the target changes.
    pub fn totals_only(&self) -> Self {
        Self { errors: self.errors.clone(), ..Self::default() }
    }

    /// Adds the counters of another one that are not of a single resource.
    pub fn add_totals(&mut self, other: &Self) {
        self.errors.add(&other.errors);
    }

    fn find(&self, resource: &str) -> Result<usize, usize> {
        self.records.binary_search_by(|record| record.resource.as_str().cmp(resource))
    }

    /// The place of this resource's record, which is added if there is none.
    fn find_or_insert(&mut self, resource: &str, listed: &Resources) -> usize {
        self.find(resource).unwrap_or_else(|mut place| {
            if self.records.len() >= MOST {
                self.drop_oldest(listed);
                place = self.find(resource).unwrap_or_else(|place| place);
            }
            self.records.insert(place, Record::new(resource.to_owned()));
            place
        })
    }

    /// Forgets half of the unlisted ones, those without any news for the longest time. As the list is
    /// shorter than [`MOST`], there are some.
    fn drop_oldest(&mut self, listed: &Resources) {
        let addresses = listed.iter().map(|listed| Address::new(listed.normal()));
        let listed: BTreeSet<&str> = addresses.filter_map(|address| address.resource()).collect();
        let is_gone = |record: &&Record| !listed.contains(record.resource.as_str());
        let mut ages: Vec<u64> = self.records.iter().filter(is_gone).map(Record::touched).collect();
        ages.sort_unstable();
        let Some(oldest) = ages.get(ages.len() / 2) else { return };
        self.records.retain(|record| !is_gone(&record) || record.touched() > *oldest);
    }
}

/// The counters on their way to another process.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AnswersSnapshot {
    records: Vec<Record>,
    errors: Vec<(DefinedCondition, u64)>,
}

impl AnswersSnapshot {
    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.errors.is_empty()
    }
}

/// Twice as many as can be listed.
const MOST: usize = 2 * MOST_ONLINE;

#[cfg(test)]
mod tests;
