//! The operator: the configuration file of the fleet, and its keys, which rotate.

use std::collections::BTreeSet;
use std::sync::Arc;

use core_tests::session::{key, ring, settings, two_way};
use jat_core::jat::access::{Pattern, Senders};
use jat_core::jat::dispatch::Dispatch;
use jat_core::jat::keyring::{Key, SKEW};
use jat_core::jat::settings::{Settings, TokenIn};
use jat_core::jat::two_way::TwoWay;

use crate::names::INITIATED;
use crate::replica::START;
use crate::traffic::{DOMAIN, TARGET, TTL};
use crate::world::{Event, World};

/// The configuration, as it is in the file now.
pub struct File {
    /// In the order of their activation.
    keys: Vec<Key>,
    next_key: u8,
    /// Whether more than users' requests is relayed.
    pub relays_all: bool,
    /// Ids of the name keys; the first makes names.
    name_keys: Vec<u8>,
    pub token_in: TokenIn,
    pub dispatch: Dispatch,
    /// Whether each machine has a presence domain of its own.
    pub presence_domains: bool,
    /// The target's resource, if the target is a full address.
    pub fixed: Option<&'static str>,
    /// Keys that were removed too early.
    pub pruned_early: BTreeSet<u8>,
    /// Keys that reached a replica too late, as pairs of both.
    late: BTreeSet<(u8, usize)>,
}

impl File {
    pub fn new() -> Self {
        Self {
            keys: vec![key(1, None)],
            next_key: 2,
            relays_all: false,
            name_keys: vec![1],
            token_in: TokenIn::Resource,
            dispatch: Dispatch::Random,
            presence_domains: false,
            fixed: None,
            pruned_early: BTreeSet::new(),
            late: BTreeSet::new(),
        }
    }

    /// The settings as a process reads them.
    pub fn settings(&self, slot: usize) -> Settings {
        let target = self.fixed.unwrap_or(TARGET);
        let presence_domain = self.presence_domains.then(|| format!("r{slot}.{DOMAIN}"));
        Settings {
            presence_domain: presence_domain.map(|domain| domain.parse().expect("a domain")),
            dispatch: self.dispatch,
            token_in: self.token_in,
            reply_ttl: TTL,
            keyring: ring(self.keys.clone()),
            two_way: self.relays_all.then(|| {
                let initiate = Pattern::new(INITIATED).expect("a domain");
                let initiate = Arc::new(Senders::new([initiate]));
                Arc::new(TwoWay { initiate, ..two_way(&self.name_keys) })
            }),
            ..settings(DOMAIN, target)
        }
    }

    /// Whether this replica was given this key too late.
    pub fn is_late(&self, key: u8, replica: usize) -> bool {
        self.late.contains(&(key, replica))
    }

    /// Whether some clock has not reached the time of the newest key yet.
    pub fn rotates(&self, at: u64) -> bool {
        let newest = self.keys.last().expect("a key");
        !signs_everywhere(newest, at)
    }

    /// Whether no name key waits for its time.
    pub fn makes_names_with_newest(&self) -> bool {
        self.name_keys.first() == self.name_keys.iter().max()
    }

    pub fn has_room(&self) -> bool {
        self.keys.len() < 5
    }

    /// Whether there is a key that no replica signs with any more.
    pub fn has_superseded(&self, at: u64) -> bool {
        self.keys.get(1).is_some_and(|successor| signs_everywhere(successor, at))
    }
}

impl World {
    /// `keys add`: a key that will sign in some minutes. Each replica reads it at a moment of
    /// its own, before that time, unless the operator is late with one.
    pub fn add_key(&mut self) {
        let signs_at = self.at / 1000 + self.rng.u64(60..200);
        let id = self.file.next_key;
        self.file.next_key += 1;
        self.file.keys.push(key(id, Some(START + signs_at)));
        self.file.keys.sort_by_key(Key::not_before);
        self.log(|| format!("key {id} is added, signs from {signs_at} s"));
        // Clocks are up to 30 s fast.
        let margin = (signs_at - 35) * 1000 - self.at;
        self.reload_all(margin);
        // A late replica would miss name keys as well.
        if !self.file.relays_all && self.rng.u8(..6) == 0 {
            self.be_late(id, signs_at);
        }
        // Some clocks are past that time and others are not.
        let asks = if id == 2 { 24 } else { 12 };
        for _ in 0..asks {
            let at = (signs_at - 25) * 1000 + self.rng.u64(..45_000);
            self.schedule_at(at, Event::Ask);
        }
        self.schedule_at((signs_at + TTL + SKEW) * 1000, Event::Prune);
    }

    /// One replica gets the key only when others sign with it.
    fn be_late(&mut self, id: u8, signs_at: u64) {
        let Some(number) = self.one_connected() else { return };
        let others = self.file.keys.iter().map(Key::id).filter(|other| *other != id);
        if !others.into_iter().all(|other| self.replicas[number].has_key(other)) {
            // It is already late with another key, and would sign with an old one for too long.
            return;
        }
        self.file.late.insert((id, number));
        let is_reload = |event: &Event| matches!(event, Event::Reload(n) if *n == number);
        self.queue.retain(|_, event| !is_reload(event));
        let at = signs_at * 1000 + self.rng.u64(..60_000);
        self.schedule_at(at, Event::Reload(number));
        self.log(|| format!("replica {number} gets key {id} too late"));
    }

    /// `keys add --name`: every replica opens names of the new key before any makes some with it.
    pub fn add_name_key(&mut self) {
        let id = self.file.name_keys[0] + 1;
        self.file.name_keys.push(id);
        self.log(|| format!("name key {id} is added"));
        self.reload_all(20_000);
        self.schedule(40_000, Event::NewNames);
    }

    /// The newest name key goes to the front.
    pub fn new_names(&mut self) {
        self.file.name_keys.rotate_right(1);
        self.log(|| "the newest name key makes names".to_owned());
        self.reload_all(20_000);
    }

    /// `keys prune`: no live token was signed with those that are removed.
    pub fn prune(&mut self) {
        let now = START + self.at / 1000;
        let keys = &mut self.file.keys;
        while let Some(successor) = keys.get(1).and_then(Key::not_before)
            && successor + TTL + SKEW <= now
        {
            keys.remove(0);
        }
        self.reload_all(20_000);
    }

    /// Removes the oldest key, though its tokens may still be alive.
    pub fn prune_early(&mut self) {
        let id = self.file.keys.remove(0).id();
        self.file.pruned_early.insert(id);
        self.log(|| format!("key {id} is dropped"));
        self.reload_all(20_000);
    }

    /// All replicas reread the file, each within so many milliseconds.
    pub fn reload_all(&mut self, within: u64) {
        for number in 0..self.replicas.len() {
            let after = self.rng.u64(..within);
            self.schedule(after, Event::Reload(number));
        }
    }
}

/// Whether all clocks, up to 30 s slow, have reached the time of a key.
fn signs_everywhere(key: &Key, at: u64) -> bool {
    key.not_before().is_none_or(|from| START + at / 1000 > from + 35)
}
