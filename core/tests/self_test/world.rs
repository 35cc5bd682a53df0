//! A model server in virtual time: it sends each stanza for the domain to a random connection.

use std::collections::BTreeMap;
use std::num::NonZero;

use fastrand::Rng;
use jat_core::session::echo::Sharing;

use crate::process::{DOMAIN, Process, TARGET};

/// Times are in milliseconds.
pub struct World {
    pub rng: Rng,
    pub at: u64,
    queue: BTreeMap<(u64, u64), Event>,
    scheduled: u64,
    pub members: Vec<Member>,
    /// How long the server takes for what a process writes.
    pub delay: fn(&mut Rng) -> u64,
    /// The server does nothing between these times.
    pub frozen: (u64, u64),
    pub dead: Option<DeadConnection>,
    /// Other stanzas for the domain: on average one in so many milliseconds.
    pub traffic: Option<u64>,
    /// How many echoes came to the server.
    pub echoes: u64,
}

/// A process and its connection.
pub struct Member {
    pub process: Process,
    pub login: u64,
    /// When the server notices that the connection is gone.
    pub gone: u64,
    is_dead: bool,
    /// When it runs next.
    wakes: u64,
    /// Bytes at the server that are not a whole echo yet.
    inbox: Vec<u8>,
    /// When the last bytes arrive in each direction: later ones arrive after them.
    last_in: u64,
    last_out: u64,
    /// All that it said about sharing, and since when.
    pub said: Vec<(u64, Sharing)>,
    /// When stanzas arrived at it.
    pub heard: Vec<u64>,
}

/// The connection of a dead process, before the server notices.
pub struct DeadConnection {
    pub until: u64,
    /// After this many stanzas it gets all of them, before that its share.
    pub all_after: u64,
}

pub enum Event {
    /// A process logs in.
    Login,
    /// It has something to do.
    Run(usize),
    /// Bytes are at the server.
    AtServer(usize, Vec<u8>),
    /// Bytes are in a process's socket.
    Arrive(usize, Vec<u8>),
    /// A stanza for the domain is at the server.
    Stanza(String),
    /// A stanza of somebody, and some time later another one.
    Traffic,
    /// A process ends.
    Leave { number: usize, killed: bool },
}

impl World {
    pub fn new(seed: u64) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            at: 0,
            queue: BTreeMap::new(),
            scheduled: 0,
            members: Vec::new(),
            delay: |rng| rng.u64(..5),
            frozen: (0, 0),
            dead: None,
            traffic: None,
            echoes: 0,
        }
    }

    pub fn schedule(&mut self, at: u64, event: Event) {
        self.scheduled += 1;
        self.queue.insert((at.max(self.at), self.scheduled), event);
    }

    /// A process logs in now.
    pub fn login(&mut self) -> usize {
        let process = Process::new(self.rng.u64(..), self.at);
        self.members.push(Member {
            process,
            login: self.at,
            gone: u64::MAX,
            is_dead: false,
            wakes: self.at,
            inbox: Vec::new(),
            last_in: 0,
            last_out: 0,
            said: vec![(self.at, Sharing::Unknown)],
            heard: Vec::new(),
        });
        let number = self.members.len() - 1;
        self.schedule(self.at, Event::Run(number));
        number
    }

    /// Lets things happen until this time.
    pub fn run(&mut self, until: u64) {
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= until) {
            let ((at, _), event) = entry.remove_entry();
            self.at = at;
            self.happen(event);
        }
        self.at = until;
    }

    fn happen(&mut self, event: Event) {
        let is_frozen = (self.frozen.0..self.frozen.1).contains(&self.at);
        match event {
            Event::AtServer(..) | Event::Stanza(_) | Event::Traffic if is_frozen => {
                self.schedule(self.frozen.1, event);
            }
            Event::Login => {
                self.login();
            }
            // An event with another time has been replaced by a later one.
            Event::Run(number) if self.members[number].wakes == self.at => self.wake(number),
            Event::Run(_) => {}
            Event::AtServer(number, bytes) => self.take(number, &bytes),
            Event::Arrive(number, bytes) => {
                let member = &mut self.members[number];
                member.heard.push(self.at);
                member.process.socket.extend(bytes);
                if member.wakes != self.at {
                    member.wakes = self.at;
                    self.schedule(self.at, Event::Run(number));
                }
            }
            Event::Stanza(stanza) => self.route(stanza.into_bytes()),
            Event::Traffic => {
                let Some(each) = self.traffic else { return };
                let stanza = self.stanza().into_bytes();
                self.route(stanza);
                let after = self.rng.u64(1..=2 * each);
                self.schedule(self.at + after, Event::Traffic);
            }
            Event::Leave { number, killed } => {
                // The server notices the end of a killed one later.
                let lasts = if killed { self.rng.u64(..1_500) } else { 0 };
                let member = &mut self.members[number];
                (member.gone, member.is_dead) = (self.at + lasts, true);
            }
        }
    }

    fn wake(&mut self, number: usize) {
        let member = &mut self.members[number];
        if member.is_dead {
            return;
        }
        let (stopped, continued) = member.process.stopped;
        if (stopped..continued).contains(&self.at) {
            member.wakes = continued;
            return self.schedule(continued, Event::Run(number));
        }
        let (written, wakes) = member.process.run(self.at);
        let sharing = member.process.sharing();
        if member.said.last().is_none_or(|(_, said)| *said != sharing) {
            member.said.push((self.at, sharing));
        }
        if !written.is_empty() {
            let delay = (self.delay)(&mut self.rng);
            member.last_in = member.last_in.max(self.at + delay);
            let arrives = member.last_in;
            self.schedule(arrives, Event::AtServer(number, written));
        }
        let member = &mut self.members[number];
        if member.wakes != wakes {
            member.wakes = wakes;
            self.schedule(wakes, Event::Run(number));
        }
    }

    /// The server has read a part of what a process wrote, and routes the echoes in it.
    fn take(&mut self, number: usize, bytes: &[u8]) {
        let mut inbox = std::mem::take(&mut self.members[number].inbox);
        inbox.extend(bytes);
        let mut rest = &inbox[..];
        while let Some(id) = memchr::memmem::find(rest, b"jat-echo-") {
            let Some(length) = memchr::memmem::find(&rest[id..], b"/>") else { break };
            let begin = memchr::memmem::rfind(&rest[..id], b"<message").expect("an echo");
            let (stanza, after) = rest.split_at(id + length + 2);
            self.echoes += 1;
            self.route(stanza[begin..].to_vec());
            rest = after;
        }
        self.members[number].inbox = rest.to_vec();
    }

    fn route(&mut self, stanza: Vec<u8>) {
        let connected: Vec<usize> =
            (0..self.members.len()).filter(|n| self.at < self.members[*n].gone).collect();
        let dead = match &mut self.dead {
            Some(dead) if self.at < dead.until && dead.all_after == 0 => return,
            Some(dead) if self.at < dead.until => {
                dead.all_after -= 1;
                1
            }
            _ => 0,
        };
        let Some(all) = NonZero::new(connected.len() + dead) else { return };
        let to = self.rng.usize(..all.get());
        let Some(number) = connected.get(to).copied() else { return };
        let arrives = self.members[number].last_out.max(self.at + self.rng.u64(..3));
        self.members[number].last_out = arrives;
        self.schedule(arrives, Event::Arrive(number, stanza));
    }

    /// A stanza that is not answered.
    pub fn stanza(&mut self) -> String {
        match self.rng.u8(..3) {
            0 => format!("<presence from='user@some.example/a' to='{DOMAIN}'/>"),
            1 => format!("<iq type='result' from='{TARGET}/a' to='{DOMAIN}/rubbish' id='1'/>"),
            _ => format!("<message type='error' from='user@some.example' to='{DOMAIN}' id='1'/>"),
        }
    }
}

/// An echo of a process that has ended.
pub fn stale_echo(number: u64) -> String {
    format!(
        "<message from='{DOMAIN}' to='{DOMAIN}' type='headline' \
         id='jat-echo-00000000deadbeef-{number}'/>"
    )
}
