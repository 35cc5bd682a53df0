//! The target's resources, and the presence that its server sends of them, which may be incomplete.

use crate::ledger::Invariant;
use crate::replica::{Life, Replica};
use crate::stream::{Letter, State, What};
use crate::traffic;
use crate::world::{Event, StreamPlace, World};

impl World {
    /// Resources that the component's server reaches.
    pub fn reached(&self) -> impl Iterator<Item = &'static str> {
        self.online.iter().filter(|resource| !self.cut_off.contains(*resource)).copied()
    }

    pub fn is_reached(&self, resource: &str) -> bool {
        self.online.contains(resource) && !self.cut_off.contains(resource)
    }

    /// A resource of the target comes or goes. A server that loses presence may report the end of
    /// the resource's last session after the beginning of the new one.
    pub fn switch(&mut self, resource: &'static str) {
        let was_reached = self.is_reached(resource);
        let came = self.online.insert(resource);
        if !came {
            self.online.remove(resource);
        }
        self.log(|| format!("{resource} is {}", if came { "online" } else { "offline" }));
        self.note_change(resource, was_reached);
        if self.cut_off.contains(resource) {
            return;
        }
        self.tell_subscribers(resource, came);
        for place in self.subscribers() {
            let domain = self.domain(place);
            let available = Letter {
                what: What::Available(resource),
                xml: traffic::presence("", resource, &domain),
            };
            let unavailable = Letter {
                what: What::Unavailable(resource),
                xml: traffic::presence("unavailable", resource, &domain),
            };
            if !came {
                self.tell(place, unavailable);
                continue;
            }
            self.tell(place, available);
            if self.loses_presence && self.rng.u8(..3) == 0 {
                self.disturb(place);
                self.tell(place, unavailable);
            }
        }
    }

    /// The host of some resources dies, without notice.
    pub fn host_dies(&mut self) {
        for resource in self.half_of_those_reached() {
            self.log(|| format!("{resource} dies without a word"));
            self.online.remove(resource);
            self.note_change(resource, true);
        }
    }

    /// Some resources can't be reached, for up to two minutes.
    pub fn partition(&mut self) {
        for resource in self.half_of_those_reached() {
            self.log(|| format!("{resource} is cut off"));
            self.cut_off.insert(resource);
            self.note_change(resource, true);
        }
        let after = self.rng.u64(5_000..120_000);
        self.schedule(after, Event::Heal);
    }

    /// They can be reached again, without notice.
    pub fn heal(&mut self) {
        for resource in std::mem::take(&mut self.cut_off) {
            self.log(|| format!("{resource} is no longer cut off"));
            self.note_change(resource, false);
        }
    }

    fn half_of_those_reached(&mut self) -> Vec<&'static str> {
        let mut some: Vec<_> = self.reached().collect();
        self.rng.shuffle(&mut some);
        some.truncate(some.len().div_ceil(2));
        some
    }

    fn note_change(&mut self, resource: &'static str, was_reached: bool) {
        if self.is_reached(resource) != was_reached {
            self.changed.insert(resource, self.at);
            for replica in &mut self.replicas {
                replica.missing.remove(resource);
            }
        }
    }

    /// Presence to one replica, if the server does not lose it.
    pub fn tell(&mut self, place: StreamPlace, letter: Letter) {
        if self.loses_presence && self.rng.u8(..4) == 0 {
            self.log(|| format!("{:?} is lost on its way to {place}", letter.what));
            return self.disturb(place);
        }
        self.hand(place, letter);
    }

    /// The server may take a moment to notice that the previous stream is dead.
    pub fn logged_in(&mut self, place: StreamPlace) {
        let (at, takes) = (self.at, self.rng.u64(..NOTICED_WITHIN));
        let stream = self.stream(place);
        stream.shared_until = at + takes;
        let serial = stream.serial;
        self.schedule(FOUND_WITHIN + 1, Event::Found(place, serial));
    }

    /// The answer to a probe of this stream; the previous stream may get some of it.
    pub fn answer_probe(&mut self, place: StreamPlace, letter: Letter) {
        if self.at < self.stream(place).shared_until && self.rng.bool() {
            return self.log(|| format!("{:?} goes to a stream before {place}", letter.what));
        }
        self.tell(place, letter);
    }

    /// A stream that logged in a while ago knows who is online, if nothing has happened since.
    pub fn must_have_found(&mut self, place: StreamPlace, serial: u32) {
        let long_ago = |at: u64| at + FOUND_WITHIN <= self.at;
        let replica = &self.replicas[place.replica];
        let stream = &replica.streams[place.role];
        let listens = replica.life == Life::Running && stream.state == State::Connected;
        let calm = long_ago(replica.disturbed) && self.changed.values().all(|at| long_ago(*at));
        let subscribes = place.role == replica.subscriber();
        if !listens || stream.serial != serial || !calm || !subscribes || self.loses_presence {
            return;
        }
        let unknown = self.reached().find(|resource| !replica.knows(resource));
        if let Some(resource) = unknown.filter(|_| replica.settings().subscriber().is_some()) {
            let text = format!("{place} does not know {resource}");
            self.ledger.report(Invariant::Found, text);
        }
    }

    fn disturb(&mut self, place: StreamPlace) {
        self.replicas[place.replica].disturbed = self.at;
    }

    fn subscribers(&self) -> Vec<StreamPlace> {
        let numbered = self.replicas.iter().enumerate();
        let places = numbered.map(|(replica, r)| StreamPlace { replica, role: r.subscriber() });
        let is_up =
            |p: &StreamPlace| self.replicas[p.replica].streams[p.role].state == State::Connected;
        places.filter(is_up).collect()
    }

    /// Whether this replica has had the time to find some resource that is online.
    pub fn must_serve(&self, replica: &Replica) -> bool {
        let long_ago = |at: u64| at + SERVED_WITHIN <= self.at;
        let subscriber = &replica.streams[replica.subscriber()];
        let listens = replica.life == Life::Running && subscriber.state == State::Connected;
        let stable = |resource: &&str| self.changed.get(*resource).is_none_or(|at| long_ago(*at));
        listens && long_ago(replica.disturbed) && self.reached().any(|resource| stable(&resource))
    }

    /// Whether this replica has had the time to find that this one is gone, having been told so.
    pub fn must_not_ask(&self, replica: &Replica, resource: &str) -> bool {
        // Otherwise it may get answers of others, which come to any replica.
        let alone = self.file.presence_domains || !self.echoes_stray;
        let told = replica.missing.get(resource);
        alone
            && replica.settings().subscriber().is_some()
            && told.is_some_and(|at| at + GONE_WITHIN <= self.at)
    }

    /// A replica got an error that says that a resource is gone.
    pub fn note_missing(&mut self, replica: usize, resource: &'static str) {
        if !self.is_reached(resource) {
            let at = self.at;
            self.replicas[replica].missing.entry(resource).or_insert(at);
        }
    }
}

/// A server that runs notices the end of a stream at once, or after a moment if it is busy.
const NOTICED_WITHIN: u64 = 2_500;
/// Two answers, some seconds between them, and their latency.
const FOUND_WITHIN: u64 = 20_000;
/// A minute between two probes, and some seconds of latency.
const SERVED_WITHIN: u64 = 80_000;
/// The same, and six seconds without an answer.
const GONE_WITHIN: u64 = 80_000;
