//! One process of the fleet: the pure core of the program on its streams, and what it has to do
//! with what it reads.

use std::collections::BTreeMap;
use std::time::Duration;

use core_tests::session::Shared;
use fastrand::Rng;
use jat_core::jat::now::Now;
use jat_core::jat::reason::Reason;
use jat_core::jat::services::Services;
use jat_core::jat::settings::{Settings, TokenIn};
use jat_core::jat::tally::Tally;
use jat_core::jat::traffic::Traffic;
use jat_core::session::Turn;

use crate::bugs::Bug;
use crate::ledger::{Forwarded, How, Reply};
use crate::services::arranged;
use crate::stream::{Letter, State, Stream, What};
use crate::view::View;

/// Unix second at which every schedule begins.
pub const START: u64 = 1_800_000_000;

pub struct Replica {
    /// The machine that it runs on.
    pub slot: usize,
    pub life: Life,
    /// Seconds by which its clock is ahead.
    pub skew: i64,
    /// Its planted bug, if it has one.
    pub bug: Option<Bug>,
    /// That of the component, and that of its presence domain if it has one.
    pub streams: Vec<Stream>,
    pub view: View,
    /// When presence for it was last lost, or it had to start over.
    pub disturbed: u64,
    /// Resources for which it got an error that they are gone, and nothing since.
    pub missing: BTreeMap<&'static str, u64>,
    shared: Shared,
    /// The tally as it must be.
    due: Tally,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    Running,
    /// It was asked to end, and has not ended yet.
    Leaving,
    Ended,
}

impl Replica {
    /// A process that has just logged in.
    pub fn start(slot: usize, settings: Settings, skew: i64, at: u64, seed: u64) -> Self {
        let mut replica = Self {
            slot,
            life: Life::Running,
            skew,
            bug: None,
            streams: Vec::new(),
            view: View::new(true),
            disturbed: at,
            missing: BTreeMap::new(),
            shared: Shared::new(arranged(settings), seed),
            due: Tally::default(),
        };
        let Settings { domain, presence_domain, .. } = replica.settings().clone();
        for domain in [Some(domain), presence_domain].into_iter().flatten() {
            let stream = Stream::open(domain, 0, &mut replica.turn(at));
            replica.streams.push(stream);
        }
        replica
    }

    /// Logs in again after a stream was lost.
    pub fn reconnect(&mut self, role: usize, at: u64) {
        let (domain, serial) = (self.streams[role].domain().clone(), self.streams[role].serial);
        self.streams[role] = Stream::open(domain, serial + 1, &mut self.turn(at));
        if role == self.subscriber() {
            self.view.reconnected();
            self.begins_anew(at);
        }
    }

    /// It has lost its stream of this role.
    pub fn disconnect(&mut self, role: usize) {
        self.streams[role].state = State::Away;
        self.shared.services.disconnected(self.streams[role].domain());
    }

    /// Reads the first letter in the inbox of a stream, or the next part of it, up to so many
    /// bytes; returns it, and what was written, once it is whole.
    pub fn read(&mut self, role: usize, at_most: usize, at: u64) -> Option<(Letter, &str)> {
        let unix = self.unix(at);
        if let (Some(bug), Some(letter)) = (self.bug, self.streams[role].inbox.front_mut())
            && bug.concerns(letter.what)
        {
            let original = letter.xml.clone();
            letter.xml = bug.inward(&original, self.shared.services.settings(), unix);
            return self.read_with_bug(bug, &original, role, at);
        }
        let (stream, mut turn) = self.split(role, at);
        stream.read(at_most, &mut turn).then(|| stream.took_first())
    }

    fn read_with_bug(
        &mut self,
        bug: Bug,
        original: &str,
        role: usize,
        at: u64,
    ) -> Option<(Letter, &str)> {
        let (stream, mut turn) = self.split(role, at);
        stream.read(usize::MAX, &mut turn);
        let (letter, written) = stream.took_first();
        if written.is_empty() {
            return Some((letter, ""));
        }
        let instead = bug.outward(written.to_owned(), original);
        let last = stream.outbox.back_mut().expect("it was just written");
        Some((letter, last.instead.insert(instead)))
    }

    /// SIGUSR2: another process takes its place, on the same streams.
    pub fn upgrade(&mut self, settings: Settings, at: u64, seed: u64) {
        self.disturbed = at;
        let now = now(at, self.skew);
        let streams: Vec<_> = self.streams.iter().map(|it| it.hand_over(now)).collect();
        let same_target = settings.target == self.settings().target;
        let presence = self.shared.translator().presence().hand_over(now);
        let unlisted = self.shared.translator().unlisted_replies();
        let answers = self.shared.translator().answers().hand_over();
        self.shared.services = Services::new(arranged(settings));
        self.shared.rng = Rng::with_seed(seed);
        if same_target {
            self.shared.services.update(0, |it| it.resume(presence, answers, unlisted, now));
        }
        for (role, from) in streams.into_iter().enumerate() {
            if let Some(from) = from {
                let (stream, mut turn) = self.split(role, at);
                stream.resume(from, &mut turn);
            }
        }
        if !same_target {
            self.resubscribe(at);
        }
    }

    /// SIGHUP.
    pub fn reload(&mut self, settings: Settings, at: u64) {
        let same_target = settings.target == self.settings().target;
        self.shared.services.reconfigure(arranged(settings));
        if !same_target {
            self.resubscribe(at);
        }
    }

    /// Subscribes to another target, if it has the stream for that.
    fn resubscribe(&mut self, at: u64) {
        let (stream, mut turn) = self.split(self.subscriber(), at);
        let is_up = stream.state == State::Connected;
        if is_up {
            // A timeout that is due by now is handled at the scheduled tick.
            let _ = stream.tick(&mut turn);
        }
        self.view = View::new(is_up);
        self.begins_anew(at);
    }

    fn begins_anew(&mut self, at: u64) {
        self.disturbed = at;
        self.missing.clear();
    }

    pub fn settings(&self) -> &Settings {
        self.shared.services.settings()
    }

    /// Its wall clock, Unix seconds.
    pub fn unix(&self, at: u64) -> u64 {
        now(at, self.skew).unix
    }

    pub fn turn(&mut self, at: u64) -> Turn<'_> {
        self.shared.turn(now(at, self.skew))
    }

    pub fn split(&mut self, role: usize, at: u64) -> (&mut Stream, Turn<'_>) {
        (&mut self.streams[role], self.shared.turn(now(at, self.skew)))
    }

    /// It has read presence of the target; returns how it must count that.
    pub fn hear(&mut self, role: usize, presence: What, at: u64) -> Reason {
        if role != self.subscriber() {
            return Reason::PresenceIgnored;
        }
        match presence {
            What::Available(resource) => {
                self.missing.remove(resource);
            }
            // Apart from lost presence, the list may be empty now.
            What::Unavailable(_) | What::AllGone => self.disturbed = at,
            _ => {}
        }
        self.view.hear(presence, self.shared.services.settings())
    }

    /// Whether it considers this resource online.
    pub fn knows(&self, resource: &str) -> bool {
        let resources = &self.shared.translator().presence().resources;
        resources.iter().any(|it| it.address() == resource)
    }

    /// Which of its streams the target's presence is for.
    pub fn subscriber(&self) -> usize {
        self.streams.len() - 1
    }

    pub fn is_connected(&self) -> bool {
        self.life == Life::Running && self.streams[0].state == State::Connected
    }

    /// How much it has in memory.
    pub fn load(&self) -> usize {
        self.streams.iter().map(Stream::load).sum()
    }
}

/// What it has to do with what it reads.
impl Replica {
    /// The key that signs at this moment: the newest whose time has come.
    pub fn signing(&self, at: u64) -> u8 {
        let unix = self.unix(at);
        let keys = self.settings().keyring.keys().iter();
        let active = keys.filter(|key| key.not_before().unwrap_or(0) <= unix);
        active.max_by_key(|key| key.not_before()).expect("an active key").id()
    }

    /// How a reply must be counted.
    pub fn due_for_reply(&self, reply: &Reply, forwarded: &Forwarded, at: u64) -> Reason {
        let token_is_id = forwarded.token_in == TokenIn::Id;
        match reply.how {
            _ if self.streams[0].state == State::Closing => Reason::ArrivedAfterClose,
            How::OtherAccount if forwarded.mirrored => Reason::FaceReserved,
            How::OtherAccount => Reason::NotFromTarget,
            // A user's address in clear is too short for a token.
            How::OtherId if token_is_id => Reason::TokenLength,
            _ if !self.has_key(forwarded.key) => Reason::UnknownKey,
            how if how.is_forged() => Reason::TokenSignature,
            _ if self.unix(at) >= forwarded.expires => Reason::TokenExpired,
            _ if reply.error => Reason::RelayedError,
            _ => Reason::Relayed,
        }
    }

    /// The name key that makes names.
    pub fn naming(&self) -> u8 {
        self.settings().two_way.as_ref().expect("it relays all").names.first().id()
    }

    /// How many name keys it has.
    pub fn name_keys(&self) -> usize {
        self.settings().two_way.as_ref().expect("it relays all").names.keys().len()
    }

    pub fn has_key(&self, id: u8) -> bool {
        self.settings().keyring.keys().iter().any(|key| key.id() == id)
    }

    /// Whether it has counted a stanza like this, as required.
    pub fn must_count(&mut self, traffic: Traffic, reason: Reason) -> bool {
        self.due.count(traffic, reason);
        self.shared.tally.of(traffic, reason) == self.due.of(traffic, reason)
    }

    /// Counts that differ from what was read: (traffic, reason, counted, due).
    pub fn miscounts(&self) -> Vec<(Traffic, Reason, u64, u64)> {
        let both = self.shared.tally.iter().zip(self.due.iter());
        both.filter(|(is, due)| is != due).map(|((d, r, is), (.., due))| (d, r, is, due)).collect()
    }
}

fn now(at: u64, skew: i64) -> Now {
    let unix = (START + at / 1000).checked_add_signed(skew).expect("far from zero");
    Now { unix, mono: Duration::from_millis(at) }
}
