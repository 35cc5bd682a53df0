//! What goes wrong, and what operators do meanwhile.

use jat_core::jat::settings::TokenIn;

use crate::replica::Life;
use crate::stream::State;
use crate::traffic::TARGET_RESOURCES;
use crate::world::{StreamPlace, World};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A process is killed.
    Kill,
    /// A process is asked to end, and does so in order.
    Leave,
    /// The program is replaced by another one that takes over the streams.
    Upgrade,
    /// One more machine has a replica.
    Start,
    /// A clock is set.
    Clock,
    /// One stream is lost.
    StreamLost,
    ServerRestart,
    /// A key is added, to sign in some minutes.
    AddKey,
    /// Another one is added before the last one signs.
    AddKeyMeanwhile,
    /// A key is dropped while its tokens may be alive.
    DropKey,
    /// A name key is added, to make names a little later.
    AddNameKey,
    /// The setting of where the token goes is changed.
    TokenIn,
    /// The target becomes a fixed resource, or an account again.
    Target,
    /// A resource of the target comes or goes.
    Resource,
    /// Half of the resources disappear without notice.
    HostDies,
    /// Half of the resources can't be reached for a while, without notice.
    Partition,
}

impl Fault {
    pub const ALL: [Self; 16] = [
        Self::Kill,
        Self::Leave,
        Self::Upgrade,
        Self::Start,
        Self::Clock,
        Self::StreamLost,
        Self::ServerRestart,
        Self::AddKey,
        Self::AddKeyMeanwhile,
        Self::DropKey,
        Self::AddNameKey,
        Self::TokenIn,
        Self::Target,
        Self::Resource,
        Self::HostDies,
        Self::Partition,
    ];

    /// How likely it is, relative to the others.
    fn weight(self) -> usize {
        match self {
            Self::Upgrade | Self::Clock | Self::Resource | Self::HostDies | Self::Partition => 6,
            Self::AddKey | Self::AddKeyMeanwhile | Self::DropKey => 4,
            Self::Kill | Self::TokenIn | Self::Target | Self::AddNameKey => 3,
            // Logins take much of the time, and each of these makes everybody log in.
            Self::Start | Self::ServerRestart => 1,
            Self::Leave | Self::StreamLost => 2,
        }
    }
}

impl World {
    /// One fault that is possible at this moment.
    pub fn some_fault(&mut self) {
        let possible: Vec<Fault> = Fault::ALL
            .into_iter()
            .filter(|fault| self.is_possible(*fault))
            .flat_map(|fault| std::iter::repeat_n(fault, fault.weight()))
            .collect();
        let fault = possible[self.rng.usize(..possible.len())];
        self.fault(fault);
    }

    /// This fault, or another one if it is not possible at this moment.
    pub fn fault(&mut self, fault: Fault) {
        if !self.is_possible(fault) {
            return self.some_fault();
        }
        *self.faults.entry(fault).or_default() += 1;
        self.log(|| format!("-- {fault:?}"));
        match fault {
            Fault::Kill => {
                let replica = self.one_connected().expect("it is possible");
                self.log(|| format!("replica {replica} is killed"));
                self.kill(replica);
            }
            Fault::Leave => {
                let replica = self.one_connected().expect("it is possible");
                self.log(|| format!("replica {replica} leaves"));
                self.leave(replica);
            }
            Fault::Upgrade => {
                let replica = self.one_connected().expect("it is possible");
                self.log(|| format!("replica {replica} is upgraded in place"));
                self.upgrade(replica);
            }
            Fault::Start => {
                let slots = self.replicas.iter().map(|r| r.slot).max().map_or(0, |s| s + 1);
                self.start(slots);
            }
            Fault::Clock => {
                let skew = self.rng.i64(-30..=30);
                let replica = self.one_connected().expect("it is possible");
                self.log(|| format!("the clock of replica {replica} is set to {skew:+} s"));
                self.replicas[replica].skew = skew;
            }
            Fault::StreamLost => {
                let replica = self.one_connected().expect("it is possible");
                let role = self.rng.usize(..self.replicas[replica].streams.len());
                let said = self.rng.bool();
                let place = StreamPlace { replica, role };
                match self.stream(place).state {
                    State::Connected => self.lose_stream(place, said),
                    State::Closing | State::Away => {}
                }
            }
            Fault::ServerRestart => self.server_restart(),
            Fault::AddKey | Fault::AddKeyMeanwhile => self.add_key(),
            Fault::DropKey => self.prune_early(),
            Fault::AddNameKey => self.add_name_key(),
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
                    None => Some(TARGET_RESOURCES[self.rng.usize(..TARGET_RESOURCES.len())]),
                };
                self.reload_all(20_000);
            }
            Fault::Resource => {
                let resource = TARGET_RESOURCES[self.rng.usize(..TARGET_RESOURCES.len())];
                self.switch(resource);
            }
            Fault::HostDies => self.host_dies(),
            Fault::Partition => self.partition(),
        }
    }

    fn is_possible(&self, fault: Fault) -> bool {
        let one_is_connected = || self.replicas.iter().any(|r| r.is_connected());
        // The last key has to be replaced before the end.
        let early = self.at < LAST_KEY && self.file.has_room();
        match fault {
            Fault::Kill | Fault::Leave | Fault::Upgrade | Fault::Clock | Fault::StreamLost => {
                one_is_connected()
            }
            Fault::Start => self.replicas.iter().filter(|r| r.life != Life::Ended).count() < 5,
            Fault::AddKey => early && !self.file.rotates(self.at),
            Fault::AddKeyMeanwhile => early && self.file.rotates(self.at),
            Fault::DropKey => self.file.has_superseded(self.at),
            Fault::HostDies | Fault::Partition => {
                self.loses_presence
                    && TARGET_RESOURCES.iter().any(|resource| self.is_reached(resource))
            }
            // These don't go with relaying everything: the token is then always in the id, and the other
            // resources of an account must not write when one resource is the target.
            Fault::TokenIn | Fault::Target => !self.file.relays_all,
            Fault::AddNameKey => self.file.relays_all && self.file.makes_names_with_newest(),
            Fault::ServerRestart | Fault::Resource => true,
        }
    }
}

/// Milliseconds of the schedule.
const LAST_KEY: u64 = 250_000;
