//! The services at one domain: which of them a stanza is for.
//!
//! A service has a face, which is a node of the domain or a pattern of nodes, and a target behind
//! it. Subscription and presence of a target are the same for all its services: there is one
//! [`Translator`] for each target.

use std::collections::HashMap;
use std::time::Duration;

use fastrand::Rng;
use jid::DomainPart;
use serde::{Deserialize, Serialize};

use super::answers::Errors;
use super::arrangement::Arrangement;
use super::dispatch::{sticky_hash, sticky_weight};
use super::face_table::FaceTable;
use super::incoming::Incoming;
use super::mirror;
use super::now::Now;
use super::presence::OwnPresence;
use super::reason::{Outcome, Reason};
use super::settings::Settings;
use super::target::Target;
use super::traffic::{Class, Traffic, Way};
use super::translator::Translator;
use super::two_way::normal_node;
use super::verdict::Verdict;

/// All services at one domain. There is one at least.
#[derive(Debug)]
pub struct Services {
    table: FaceTable,
    /// The place of each service, in the order of the configuration.
    seats: Vec<Seat>,
    translators: Vec<Translator>,
    /// The number of a target's translator, by the bare address in normal form.
    targets: HashMap<String, usize>,
    /// The translator that judged the last stanza, and the number of the service that it was for.
    last: (usize, Option<usize>),
    /// The face of each service, in the order of the configuration, and what it relayed.
    names: Vec<String>,
    counts: Vec<FaceCounts>,
    /// The number of each translator's first service.
    first: Vec<usize>,
    /// At or before the earliest [`Translator::deadline`].
    due: Option<Duration>,
    /// For one stanza at a time: the text of a mirror.
    room: String,
}

/// What one service relayed and refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaceCounts {
    /// Relayed to the target.
    pub inward: u64,
    /// Relayed to users.
    pub outward: u64,
    /// Answered or dropped, both ways.
    pub refused: u64,
}

/// The place of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// The number of its translator: that of its target.
    pub translator: usize,
    /// Its number among those of the target.
    pub service: usize,
}

impl Services {
    pub fn new(arrangement: Arrangement) -> Self {
        let mut services = Self {
            table: FaceTable::default(),
            seats: Vec::new(),
            translators: Vec::new(),
            targets: HashMap::new(),
            last: (0, None),
            names: Vec::new(),
            counts: Vec::new(),
            first: Vec::new(),
            due: None,
            room: String::new(),
        };
        services.reconfigure(arrangement);
        services
    }

    /// Changes to another arrangement. What is known of a target is kept while some service leads to it.
    pub fn reconfigure(&mut self, arrangement: Arrangement) {
        let mut before: Vec<_> = self.translators.drain(..).map(Some).collect();
        let targets = before.iter().flatten().map(|it| it.settings().target.as_str().to_owned());
        let known: HashMap<String, usize> = targets.zip(0..).collect();
        self.keep_counts(arrangement.names());
        let rest = arrangement.own.is_some().then_some(0);
        let numbers = usize::from(rest.is_some())..;
        let faces = arrangement.faces.iter().map(|(face, _)| face).zip(numbers);
        self.table = FaceTable::new(faces, rest);
        self.seats.clear();
        self.first.clear();
        // By the target, as configured.
        let mut groups: Vec<Vec<Settings>> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for settings in arrangement.into_all() {
            let place = *places.entry(settings.target.as_str().to_owned()).or_insert(groups.len());
            if place == groups.len() {
                // Most targets have one service.
                groups.push(Vec::with_capacity(1));
                self.first.push(self.seats.len());
            }
            self.seats.push(Seat { translator: place, service: groups[place].len() });
            groups[place].push(settings);
        }
        self.targets.clear();
        let mut new = Vec::new();
        for (place, services) in groups.into_iter().enumerate() {
            let target = &services[0].target;
            let bare = target.bare().to_string();
            // Only an account has presence.
            match target {
                Target::Account(_) => _ = self.targets.insert(bare, place),
                Target::Resource { .. } => _ = self.targets.entry(bare).or_insert(place),
            }
            match known.get(target.as_str()).and_then(|at| before[*at].take()) {
                Some(mut translator) => {
                    translator.reconfigure(services);
                    self.translators.push(translator);
                }
                None => {
                    self.translators.push(Translator::with_services(services));
                    new.push(place);
                }
            }
        }
        // Counters never decrease: the counts of removed targets are added to another.
        for (gone, heir) in before.iter().flatten().zip(new.into_iter().chain(std::iter::repeat(0)))
        {
            self.translators[heir].inherit(gone);
        }
        self.last = (0, None);
        self.find_due();
    }

    /// The counts of services that stay are kept, identified by their faces.
    fn keep_counts(&mut self, names: Vec<String>) {
        let before: HashMap<_, _> = self.names.drain(..).zip(self.counts.drain(..)).collect();
        let count = |name: &String| before.get(name).copied().unwrap_or_default();
        self.counts = names.iter().map(count).collect();
        self.names = names;
    }

    /// The settings of the first service. The component's settings and the keys are the same in all.
    pub fn settings(&self) -> &Settings {
        self.translators[self.seats[0].translator].settings()
    }

    /// One for each target; there is one at least.
    pub fn translators(&self) -> &[Translator] {
        &self.translators
    }

    /// The number of the translator of a target, by its address as it is configured, in normal form.
    pub fn translator_of(&self, target: &str) -> Option<usize> {
        self.translators.iter().position(|it| it.settings().target.as_str() == target)
    }

    /// The place of each service, in the order of the configuration.
    pub fn seats(&self) -> &[Seat] {
        &self.seats
    }

    /// The face of each service, in the order of the configuration, as configured (empty for the domain
    /// itself), and its counts.
    pub fn faces(&self) -> impl Iterator<Item = (&str, FaceCounts, Seat)> {
        let names = self.names.iter().map(String::as_str);
        let counts = self.counts.iter().copied().zip(self.seats.iter().copied());
        names.zip(counts).map(|(name, (counts, seat))| (name, counts, seat))
    }

    /// Continues with what another process has counted for a face.
    pub fn resume_counts(&mut self, name: &str, counts: FaceCounts) {
        if let Some(number) = self.names.iter().position(|known| known == name) {
            self.counts[number] = counts;
        }
    }

    /// Changes what is known of a target.
    pub fn update<T>(&mut self, translator: usize, change: impl FnOnce(&mut Translator) -> T) -> T {
        let changed = change(&mut self.translators[translator]);
        self.find_due();
        changed
    }

    /// Decides what is done with a stanza.
    pub fn judge(&mut self, stanza: &Incoming<'_>, now: Now, rng: &mut Rng) -> Verdict<'_> {
        let number = if self.table.is_trivial() { Ok(0) } else { self.find(stanza) };
        let (translator, service) = match number.map(|number| self.seats[number]) {
            Ok(Seat { translator, service }) => (translator, Some(service)),
            Err(translator) => (translator, None),
        };
        self.last = (translator, number.ok());
        self.translators[translator].judge_for(service, stanza, now, rng)
    }

    /// The number of the service that a stanza is for; if there is none, that of the translator that
    /// refuses it.
    fn find(&mut self, stanza: &Incoming<'_>) -> Result<usize, usize> {
        let class = Class::of(stanza.head);
        let Incoming { from, to, .. } = stanza;
        let by_sender = || self.targets.get(&*from.normal_bare()).copied();
        let node = normal_node(to);
        // A plain one has no backslash.
        let is_reserved = !to.is_plain() && mirror::is_reserved(&node);
        let node_decides = match class {
            Class::Request | Class::Message | Class::Other => true,
            Class::Presence => to.node().is_some(),
            Class::Reply => false,
        };
        if node_decides && !is_reserved {
            return self.table.of(&node).ok_or_else(|| by_sender().unwrap_or_default());
        }
        // For the rest it matters whether the sender is a target.
        let by_sender = by_sender();
        // It shows who is online, whichever of our domains it was sent to.
        if let (Class::Presence, None, Some(sender)) = (class, to.node(), by_sender) {
            return Ok(self.first[sender]);
        }
        let mut mirrored = None;
        if by_sender.is_some() && is_reserved {
            self.room.clear();
            // A mirror names its face; one that can't be read is refused by any service.
            mirrored = mirror::inspect(&node, &mut self.room).ok().map(|(_, face, _)| face);
        }
        let number = self.table.of(mirrored.unwrap_or(&node));
        let answers = |number: &usize| {
            self.translators[self.seats[*number].translator].settings().target.owns(from)
        };
        match (class, by_sender) {
            // The face may be gone, or have another target by now: the token says who was asked.
            (Class::Reply, Some(sender)) => {
                Ok(number.filter(answers).unwrap_or(self.first[sender]))
            }
            // With another face it is not an address: no face has such a node.
            (_, Some(sender)) if mirrored.is_some() => number.filter(answers).ok_or(sender),
            (_, sender) => number.ok_or(sender.unwrap_or_default()),
        }
    }

    /// The last verdict was carried out, with this result.
    pub fn note_outcome(&mut self, traffic: Traffic, reason: Reason, now: u64) {
        let (translator, number) = self.last;
        let translator = &mut self.translators[translator];
        translator.note_outcome(traffic, reason, now);
        if let Some(counts) = number.map(|number| &mut self.counts[number]) {
            match (reason.outcome(), traffic.way) {
                (Outcome::Relayed, Way::Inward) => counts.inward += 1,
                (Outcome::Relayed, Way::Outward) => counts.outward += 1,
                (Outcome::Answered(_) | Outcome::Dropped, _) => counts.refused += 1,
                (Outcome::Consumed, _) => {}
            }
        }
        if self.seats.len() > 1 {
            self.due = self.due.into_iter().chain(translator.next_due()).min();
        }
    }

    /// The stream of the domain `at` is down.
    pub fn disconnected(&mut self, at: &DomainPart) {
        self.translators.iter_mut().for_each(|it| it.disconnected(at));
        self.find_due();
    }

    /// Records whether another process has the domain `at` too.
    pub fn shares(&mut self, at: &DomainPart, shared: bool) {
        self.translators.iter_mut().for_each(|it| it.shares(at, shared));
    }

    /// The next [`Self::tick`] requests all subscriptions, whatever their state.
    pub fn ask_again(&mut self) {
        self.translators.iter_mut().for_each(Translator::ask_again);
        self.find_due();
    }

    /// Does what is due on the stream of the domain `at`, which is up: returns the numbers of translators,
    /// and what to send to their targets.
    pub fn tick(&mut self, at: &DomainPart, now: Now, rng: &mut Rng) -> Vec<(usize, OwnPresence)> {
        let translators = self.translators.iter_mut().enumerate();
        let due = translators.filter_map(|(number, it)| Some((number, it.tick(at, now, rng)?)));
        let due = due.collect();
        self.find_due();
        due
    }

    /// When [`Self::tick`] has something to do on that stream.
    pub fn deadline(&self, at: &DomainPart) -> Option<Duration> {
        match &self.translators[..] {
            [only] => only.deadline(at),
            // All subscribe from the same domain.
            [first, ..] => (first.settings().subscribing() == at).then_some(self.due).flatten(),
            [] => None,
        }
    }

    fn find_due(&mut self) {
        self.due = self.translators.iter().filter_map(Translator::next_due).min();
    }

    /// Whether some service has a resource to forward to.
    pub fn has_resources(&self) -> bool {
        self.translators.iter().any(Translator::has_resources)
    }

    /// Whether some service has a resource to forward to that is not known to fail. `now` in Unix
    /// seconds.
    pub fn is_ready(&self, now: u64) -> bool {
        self.translators.iter().any(|it| it.is_ready(now))
    }

    /// Errors that users got for requests that were relayed.
    pub fn errors(&self) -> Errors {
        let mut errors = Errors::default();
        self.translators.iter().for_each(|it| errors.add(it.answers().errors()));
        errors
    }

    /// Stanzas that lists of senders would have refused while they were only observed.
    pub fn observed(&self) -> u64 {
        self.translators.iter().map(|it| it.observed().stanzas()).sum()
    }

    /// Resources of all targets that disappeared without notice after they had been online for long.
    pub fn vanished(&self) -> u64 {
        self.translators.iter().map(|it| it.presence().vanished().total).sum()
    }

    /// A number that is the same for replicas that know the same online resources of all targets; `None` if
    /// there is no subscription, or if there may be more than are known.
    pub fn fingerprint(&self) -> Option<u64> {
        let subscribed = self.translators.iter().filter(|it| it.subscription().is_some());
        let of_target = |it: &Translator| {
            let resources = it.presence().resources.fingerprint()?;
            Some(sticky_weight(sticky_hash(it.settings().target.as_str()), resources))
        };
        let all: Vec<u64> = subscribed.map(of_target).collect::<Option<_>>()?;
        all.into_iter().reduce(|a, b| a ^ b)
    }

    /// The sum of [`Translator::unlisted_replies`].
    pub fn unlisted_replies(&self) -> u64 {
        self.translators.iter().map(Translator::unlisted_replies).sum()
    }
}

#[cfg(test)]
mod tests;
