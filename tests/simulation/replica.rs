//! One process of the fleet: the pure core of the program, what waits in its memory, and the
//! model's own view of what it knows and must have counted.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use jat_proxy::jat::keyring::{Key, Keyring};
use jat_proxy::jat::now::Now;
use jat_proxy::jat::reason::{Direction, Reason, Tally};
use jat_proxy::jat::settings::Settings;
use jat_proxy::jat::translator::Translator;
use jat_proxy::session::ending::Ending;
use jat_proxy::session::{Bounds, Session, Turn};
use jat_proxy::stanza::limits::Limits;

use crate::bugs::Bug;
use crate::ledger::{Forwarded, How, Reply};
use crate::xml;

/// Unix second at which every schedule begins.
pub const START: u64 = 1_800_000_000;

pub struct Replica {
    /// The machine that it runs on.
    pub slot: usize,
    pub state: State,
    /// Seconds by which its clock is ahead.
    pub skew: i64,
    /// Read from the server, not yet looked at.
    pub inbox: VecDeque<Letter>,
    /// Written, not yet at the server.
    pub outbox: Vec<(What, String)>,
    /// When it is to be woken next, in milliseconds.
    pub tick_at: Option<u64>,
    /// Which of its streams this is.
    pub stream: u32,
    /// Its planted bug, if it has one.
    pub bug: Option<Bug>,
    session: Session,
    translator: Translator,
    tally: Tally,
    rng: Rng,
    /// What the tally must be.
    due: Tally,
    /// Resources that it was told of and not told to have gone.
    told: BTreeSet<String>,
    /// Those that it was told of since its stream is up.
    confirmed: BTreeSet<String>,
    subscribed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Connected,
    /// It said goodbye, and the server does not know yet.
    Closing,
    /// Without a stream.
    Away,
    Dead,
}

/// A stanza on its way to a replica.
#[derive(Clone, Debug)]
pub struct Letter {
    pub what: What,
    pub xml: String,
}

/// What a stanza is to the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Ask(usize),
    Reply(usize),
    Subscribed,
    Available(&'static str),
    Unavailable(&'static str),
    /// The bare address is unavailable: nobody is online.
    AllGone,
    /// An echo of this stream of this replica.
    Echo(usize, u32),
    Message,
    /// Something that a replica says by itself.
    Own,
}

impl Replica {
    /// A process that has just logged in.
    pub fn start(slot: usize, settings: Settings, skew: i64, at: u64, seed: u64) -> Self {
        let (mut translator, mut tally) = (Translator::new(settings), Tally::default());
        let mut rng = Rng::with_seed(seed);
        let now = now(at, skew);
        let mut turn = Turn { translator: &mut translator, tally: &mut tally, rng: &mut rng, now };
        let domain = turn.translator.settings().domain.clone();
        let session = Session::new(domain, bounds(), &mut turn);
        Self {
            slot,
            state: State::Connected,
            skew,
            inbox: VecDeque::new(),
            outbox: Vec::new(),
            tick_at: None,
            stream: 0,
            bug: None,
            session,
            translator,
            tally,
            rng,
            due: Tally::default(),
            told: BTreeSet::new(),
            confirmed: BTreeSet::new(),
            subscribed: false,
        }
    }

    /// Logs in again after its stream was lost.
    pub fn reconnect(&mut self, at: u64) {
        let domain = self.settings().domain.clone();
        let (_, mut turn) = self.split(at);
        self.session = Session::new(domain, bounds(), &mut turn);
        self.stream += 1;
        self.state = State::Connected;
        self.confirmed.clear();
    }

    /// Reads the oldest stanza of the inbox, in two pieces if it is `cut`.
    pub fn read(&mut self, cut: bool, at: u64) -> Option<(Letter, Vec<String>)> {
        let letter = self.inbox.pop_front()?;
        let (unix, bug) = (self.unix(at), self.bug);
        let xml = match (bug, letter.what) {
            (Some(bug), What::Reply(_)) => bug.inward(&letter.xml, self.settings(), unix),
            _ => letter.xml.clone(),
        };
        let (first, second) = xml.as_bytes().split_at(if cut { xml.len() / 2 } else { 0 });
        for piece in [first, second].into_iter().filter(|piece| !piece.is_empty()) {
            self.feed(piece, at).expect("the stream goes on");
        }
        let written = self.written(at);
        let out = match bug {
            Some(bug) => written.into_iter().map(|out| bug.outward(out, &letter.xml)).collect(),
            None => written,
        };
        Some((letter, out))
    }

    /// The server ends the stream.
    pub fn ended_by_server(&mut self, at: u64) {
        assert_eq!(self.feed(b"</stream:stream>", at), Err(Ending::Closed));
    }

    /// Has no stream any more.
    pub fn disconnect(&mut self) {
        self.state = State::Away;
        self.translator.disconnected(self.session.domain());
    }

    /// Says goodbye.
    pub fn close(&mut self, at: u64) {
        self.session.close();
        self.session.sent(self.session.output().len(), self.now(at));
        self.state = State::Closing;
    }

    /// Does what is due by time.
    pub fn tick(&mut self, at: u64) -> Result<(), Ending> {
        let (session, mut turn) = self.split(at);
        session.tick(&mut turn)
    }

    /// When it wants to be woken, in milliseconds.
    pub fn deadline(&self) -> u64 {
        u64::try_from(self.session.deadline(&self.translator).as_millis()).unwrap_or(u64::MAX)
    }

    /// What it has written.
    pub fn written(&mut self, at: u64) -> Vec<String> {
        let output = str::from_utf8(self.session.output()).expect("text");
        let stanzas = xml::split(output).into_iter().map(str::to_owned).collect();
        self.session.sent(self.session.output().len(), now(at, self.skew));
        stanzas
    }

    /// SIGHUP.
    pub fn reload(&mut self, settings: Settings, at: u64) {
        if settings.target != self.settings().target {
            self.told.clear();
            self.confirmed.clear();
            self.subscribed = false;
        }
        self.translator.reconfigure(settings);
        if self.state != State::Away {
            let _ = self.tick(at);
        }
    }

    pub fn settings(&self) -> &Settings {
        self.translator.settings()
    }

    /// Its wall clock, Unix seconds.
    pub fn unix(&self, at: u64) -> u64 {
        self.now(at).unix
    }

    fn now(&self, at: u64) -> Now {
        now(at, self.skew)
    }

    fn feed(&mut self, bytes: &[u8], at: u64) -> Result<(), Ending> {
        let (session, mut turn) = self.split(at);
        session.input().extend(bytes);
        session.received(turn.now);
        session.process(&mut turn)
    }

    fn split(&mut self, at: u64) -> (&mut Session, Turn<'_>) {
        let now = self.now(at);
        let Self { session, translator, tally, rng, .. } = self;
        (session, Turn { translator, tally, rng, now })
    }
}

/// What the model expects of it.
impl Replica {
    /// The key that signs at this moment: the newest whose time has come.
    pub fn signing(&self, at: u64) -> u8 {
        let active = |key: &&Key| key.not_before().unwrap_or(0) <= self.unix(at);
        let keys = self.settings().keyring.keys();
        let newest = keys.iter().filter(active).max_by_key(|key| key.not_before());
        newest.expect("an active key").id()
    }

    /// What must become of a reply.
    pub fn due_for_reply(&self, reply: &Reply, forwarded: &Forwarded, at: u64) -> Reason {
        let token_is_id = forwarded.token_in == jat_proxy::jat::settings::TokenIn::Id;
        match reply.how {
            _ if self.state == State::Closing => Reason::ArrivedAfterClose,
            How::OtherAccount => Reason::NotFromTarget,
            // A user's address in clear is too short for a token.
            How::OtherId if token_is_id => Reason::TokenLength,
            _ if !self.has_key(forwarded.key) => Reason::UnknownKey,
            how if how.is_forged() => Reason::TokenSignature,
            _ if self.unix(at) >= forwarded.expires => Reason::TokenExpired,
            _ => Reason::Relayed,
        }
    }

    fn has_key(&self, id: u8) -> bool {
        self.settings().keyring.keys().iter().any(|key| key.id() == id)
    }

    /// What a request is refused with when nobody is online.
    pub fn due_for_nobody(&self) -> Reason {
        if self.subscribed { Reason::Offline } else { Reason::SubscriptionPending }
    }

    /// May it forward to this address?
    pub fn may_know(&self, peer: &str) -> bool {
        match &self.settings().target {
            jat_proxy::jat::target::Target::Account(_) => self.told.contains(peer),
            jat_proxy::jat::target::Target::Resource { full, .. } => full.as_str() == peer,
        }
    }

    /// Must it forward?
    pub fn must_know_somebody(&self) -> bool {
        self.is_fixed() || !self.confirmed.is_empty()
    }

    pub fn is_fixed(&self) -> bool {
        matches!(self.settings().target, jat_proxy::jat::target::Target::Resource { .. })
    }

    /// It has read presence: what it must count it as, and the model's view of what it knows.
    pub fn heard(&mut self, presence: What) -> Reason {
        if self.is_fixed() {
            return Reason::PresenceIgnored;
        }
        match presence {
            What::Subscribed => self.subscribed = true,
            What::Available(resource) => {
                self.told.insert(full(resource));
                self.confirmed.insert(full(resource));
            }
            What::Unavailable(resource) => {
                self.told.remove(&full(resource));
                self.confirmed.remove(&full(resource));
            }
            _ => {
                self.told.clear();
                self.confirmed.clear();
            }
        }
        Reason::PresenceUsed
    }

    /// It must have counted a stanza like this; did it?
    pub fn must_count(&mut self, direction: Direction, reason: Reason) -> bool {
        self.due.count(direction, reason);
        self.tally.of(direction, reason) == self.due.of(direction, reason)
    }

    /// Counts that differ from what was read: (of what, counted, due).
    pub fn miscounts(&self) -> Vec<(Direction, Reason, u64, u64)> {
        let both = self.tally.iter().zip(self.due.iter());
        both.filter(|(is, due)| is != due).map(|((d, r, is), (.., due))| (d, r, is, due)).collect()
    }
}

/// The full address of a resource of the target.
pub fn full(resource: &str) -> String {
    format!("{TARGET}/{resource}")
}

pub fn ring(keys: &[Key], unix: u64) -> Arc<Keyring> {
    Arc::new(Keyring::new(keys.to_vec(), unix).expect("a good ring"))
}

pub const TARGET: &str = "service@some.example";

fn now(at: u64, skew: i64) -> Now {
    let unix = (START + at / 1000).checked_add_signed(skew).expect("far from zero");
    Now { unix, mono: Duration::from_millis(at) }
}

fn bounds() -> Bounds {
    Bounds { limits: Limits::default(), max_backlog: 1 << 20 }
}
