//! What goes wrong, and what the operator does: the configuration file of the fleet, and one
//! fault after the other.

use std::collections::BTreeSet;

use jat_proxy::jat::dispatch::Dispatch;
use jat_proxy::jat::keyring::Key;
use jat_proxy::jat::settings::{Settings, TokenIn};
use jat_proxy::jat::target::Target;
use zeroize::Zeroizing;

use crate::replica::{START, State, TARGET, full, ring};
use crate::traffic::{RESOURCES, TTL};
use crate::world::{Event, World};

/// The configuration, as it is in the file now.
pub struct File {
    pub keys: Vec<Key>,
    pub token_in: TokenIn,
    pub dispatch: Dispatch,
    /// A resource of the target, when that is a full address.
    pub fixed: Option<&'static str>,
    /// Keys that went before their time, and keys that reached somebody too late.
    pub pruned_early: BTreeSet<u8>,
    pub late: BTreeSet<u8>,
}

impl File {
    pub fn new() -> Self {
        Self {
            keys: vec![key(1, None)],
            token_in: TokenIn::Resource,
            dispatch: Dispatch::Random,
            fixed: None,
            pruned_early: BTreeSet::new(),
            late: BTreeSet::new(),
        }
    }

    /// As a process reads it whose clock shows this Unix second.
    pub fn settings(&self, unix: u64) -> Settings {
        let target = self.fixed.map_or_else(|| TARGET.to_owned(), full);
        Settings {
            domain: "proxy.example".parse().expect("a domain"),
            presence_domain: None,
            target: Target::new(target.parse().expect("an address")),
            dispatch: self.dispatch,
            token_in: self.token_in,
            keyring: ring(&self.keys, unix),
            reply_ttl: TTL,
        }
    }

    /// When the newest key begins to sign, in milliseconds of the schedule.
    fn newest_signs(&self) -> u64 {
        self.keys.last().and_then(Key::not_before).map_or(0, |from| (from - START) * 1000)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Kill,
    Start,
    Leave,
    ClockStep,
    AddKey,
    PruneEarly,
    ServerRestart,
    TokenIn,
    Target,
    Resource,
}

impl Fault {
    const DRAWN: [Self; 15] = [
        Self::Kill,
        Self::Kill,
        Self::Kill,
        Self::Start,
        Self::Leave,
        Self::Leave,
        Self::ClockStep,
        Self::ClockStep,
        Self::AddKey,
        Self::PruneEarly,
        Self::ServerRestart,
        Self::TokenIn,
        Self::Target,
        Self::Resource,
        Self::Resource,
    ];
}

impl World {
    /// One fault that is possible at this moment.
    pub fn some_fault(&mut self) {
        let possible: Vec<Fault> =
            Fault::DRAWN.into_iter().filter(|fault| self.is_possible(*fault)).collect();
        let fault = possible[self.rng.usize(..possible.len())];
        self.fault(fault);
    }

    /// This fault, or another one if it is not possible at this moment.
    pub fn fault(&mut self, fault: Fault) {
        if !self.is_possible(fault) {
            return self.some_fault();
        }
        self.faults += 1;
        self.log(format!("{fault:?}"));
        match fault {
            Fault::Kill => {
                let replica = self.one_connected().expect("it is possible");
                self.kill(replica);
                self.start_later(replica);
            }
            Fault::Start => {
                let slots = self.replicas.iter().map(|r| r.slot).max().map_or(0, |s| s + 1);
                self.start(slots);
            }
            Fault::Leave => {
                let replica = self.one_connected().expect("it is possible");
                self.leave(replica);
                self.start_later(replica);
            }
            Fault::ClockStep => {
                let skew = self.rng.i64(-30..=30);
                let replica = self.one_connected().expect("it is possible");
                self.replicas[replica].skew = skew;
            }
            Fault::AddKey => self.add_key(),
            Fault::PruneEarly => {
                let key = self.file.keys.remove(0);
                self.file.pruned_early.insert(key.id());
                self.reload_all(20_000);
            }
            Fault::ServerRestart => self.server_restart(),
            Fault::TokenIn => {
                self.file.token_in = match self.file.token_in {
                    TokenIn::Resource => TokenIn::Id,
                    TokenIn::Id => TokenIn::Resource,
                };
                self.reload_all(20_000);
            }
            Fault::Target => {
                self.file.fixed = match self.file.fixed {
                    Some(_) => None,
                    None => Some(RESOURCES[self.rng.usize(..RESOURCES.len())]),
                };
                self.reload_all(20_000);
            }
            Fault::Resource => {
                let resource = RESOURCES[self.rng.usize(..RESOURCES.len())];
                self.switch(resource);
            }
        }
    }

    fn is_possible(&self, fault: Fault) -> bool {
        let all_sign_with_newest = self.at > self.file.newest_signs() + 35_000;
        match fault {
            Fault::Kill | Fault::Leave | Fault::ClockStep => self.one_connected_is_there(),
            Fault::Start => self.replicas.iter().filter(|r| r.state != State::Dead).count() < 5,
            // One rotation at a time, and its predecessor goes by its time before the end.
            Fault::AddKey => all_sign_with_newest && self.file.keys.len() < 4 && self.at < 500_000,
            Fault::PruneEarly => all_sign_with_newest && self.file.keys.len() > 1,
            _ => true,
        }
    }

    /// A key that will sign in some minutes. Each replica reads it at a moment of its own,
    /// before that time, unless the operator is late with one.
    fn add_key(&mut self) {
        let signs_at = self.at / 1000 + self.rng.u64(60..200);
        let id = self.next_key;
        self.next_key += 1;
        self.file.keys.push(key(id, Some(START + signs_at)));
        // Clocks are up to 30 s fast.
        let margin = (signs_at - 35) * 1000 - self.at;
        self.reload_all(margin);
        if self.rng.u8(..6) == 0
            && let Some(late) = self.one_connected()
        {
            self.file.late.insert(id);
            let at = signs_at * 1000 + self.rng.u64(..60_000);
            self.late_reload(late, at);
        }
        // Some clocks are past that time and others are not.
        for _ in 0..24 {
            let at = (signs_at - 25) * 1000 + self.rng.u64(..45_000);
            self.schedule_at(at, Event::Ask);
        }
        let retires = (signs_at + TTL + jat_proxy::jat::keyring::SKEW) * 1000;
        self.schedule_at(retires, Event::Prune(id));
    }

    /// The time of the keys before `successor` is over.
    pub fn prune(&mut self, successor: u8) {
        let keeps = self.file.keys.iter().position(|key| key.id() == successor);
        self.file.keys.drain(..keeps.unwrap_or(0));
        self.reload_all(20_000);
    }
}

fn key(id: u8, not_before: Option<u64>) -> Key {
    Key::new(id, &Zeroizing::new(vec![id; 32]), not_before).expect("a long secret")
}
