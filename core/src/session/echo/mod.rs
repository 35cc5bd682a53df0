//! Messages to ourselves: they show whether we share the domain with another process, and whether
//! the server processes what we send.

use std::time::Duration;

pub use super::self_test::Sharing;
use super::self_test::{ROUND, SelfTest};
use super::standstill::{Standstill, Step};
use super::witness::Proof;

/// What a stanza from our own address was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EchoOrigin {
    Ours,
    /// An echo of another process, or something else.
    NotOurs,
}

/// The echoes of one stream.
#[derive(Clone, Debug)]
pub struct Echo {
    nonce: u64,
    /// Number of the next echo or proof.
    next: u64,
    test: SelfTest,
    standstill: Standstill,
    /// How many of the bytes that were sent the server has certainly processed.
    processed: u64,
    /// Where the echoes for `standstill` come back; `None` if that is not certain.
    path: Option<EchoPath>,
    /// Whether there is a reason to send an echo at once.
    doubted: bool,
}

/// Where our messages to ourselves come back to us, and to nobody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EchoPath {
    /// On this stream, which is not shared.
    Echo,
    /// On the stream of the presence domain.
    Witness,
}

impl Echo {
    /// A stream that has just logged in. `nonce` is a random number of its own.
    pub fn new(nonce: u64, now: Duration) -> Self {
        Self::resume(nonce, 0, Sharing::Unknown, now)
    }

    /// Continues where another stopped, given its last state.
    pub fn resume(nonce: u64, next: u64, sharing: Sharing, now: Duration) -> Self {
        let test = SelfTest::new(sharing, now);
        let standstill = Standstill::new(next, now);
        Self { nonce, next, test, standstill, processed: 0, path: None, doubted: false }
    }

    pub fn nonce(&self) -> u64 {
        self.nonce
    }

    /// Number of the next echo.
    pub fn next(&self) -> u64 {
        self.next
    }

    pub fn sharing(&self) -> Sharing {
        self.test.sharing()
    }

    /// Whether none of our messages to ourselves comes back.
    pub fn is_unheard(&self) -> bool {
        self.test.is_unheard()
    }

    /// A message from our own address arrived, with this id.
    pub fn hear(&mut self, id: &str) -> EchoOrigin {
        match parse(id) {
            Some((nonce, number)) if nonce == self.nonce => {
                self.test.own(number);
                self.came_back(number);
                if self.standstill.heard(number) && self.path == Some(EchoPath::Echo) {
                    self.test.foreign();
                }
                EchoOrigin::Ours
            }
            Some(_) => {
                self.test.foreign();
                EchoOrigin::NotOurs
            }
            None => EchoOrigin::NotOurs,
        }
    }

    /// How long the server has processed nothing that we sent, if too long.
    pub fn standstill(&self) -> Option<Duration> {
        self.standstill.lasts()
    }

    /// The proof with this number arrived at the presence domain.
    pub fn proven(&mut self, number: u64) {
        self.came_back(number);
        self.standstill.heard(number);
    }

    /// How many of the bytes that were sent the server has certainly processed.
    pub fn processed(&self) -> u64 {
        self.processed
    }

    fn came_back(&mut self, number: u64) {
        // The number of bytes before it is known for the last one only.
        if number + 1 == self.next {
            self.processed = self.standstill.said();
        }
    }

    /// Anything at all arrived.
    pub fn input(&mut self, now: Duration) {
        self.test.input(now);
    }

    /// A stanza that is no echo arrived.
    pub fn other_stanza(&mut self) {
        self.test.other();
    }

    /// The server may have died: the next [`Self::tick`] sends an echo, if its return would prove anything.
    pub fn doubt(&mut self) {
        self.doubted = true;
    }

    /// What is due.
    pub fn tick(&mut self, flow: Flow, now: Duration) -> Due {
        let path = self.path(flow);
        if path != self.path || path.is_none() {
            self.path = path;
            self.standstill.rest(self.next, now);
        }
        let step = match path {
            Some(_) => self.standstill.tick(self.next, flow.said, flow.hearing, now),
            None => Step::Nothing,
        };
        let doubted = std::mem::take(&mut self.doubted) && path.is_some();
        let step = if doubted && step == Step::Nothing { Step::Ask } else { step };
        match (step, path) {
            (Step::Nudge, _) => Due::Nudge,
            (Step::End, _) => Due::Silent,
            // An echo after a backlog would only measure the backlog.
            _ if !flow.blocked && self.test.tick(self.next, now) => Due::Send(self.echoes(ROUND)),
            (Step::Ask, Some(EchoPath::Witness)) => self.prove(),
            (Step::Ask, _) => Due::Send(self.echoes(1)),
            (Step::Nothing, _) => Due::Nothing,
        }
    }

    /// The stream of the presence domain may be what hangs. So while a proof does not come, echoes are sent
    /// with it, some of which come to us if the server processes them.
    fn prove(&mut self) -> Due {
        let waiting = self.standstill.is_waiting(self.next);
        let echoes = self.echoes(if waiting { ROUND } else { 0 });
        let number = self.next;
        self.next += 1;
        Due::Prove(Proof { nonce: self.nonce, number }, echoes)
    }

    fn echoes(&mut self, count: u64) -> Vec<String> {
        let first = self.next;
        self.next += count;
        (first..self.next).map(|number| id(self.nonce, number)).collect()
    }

    /// Echoes that [`Self::tick`] returned were sent, after everything so far.
    pub fn asked(&mut self, said: u64, now: Duration) {
        if self.path == Some(EchoPath::Echo) {
            self.standstill.asked(said, now);
        }
    }

    /// The proof that [`Self::tick`] returned was sent, after everything so far.
    pub fn asked_witness(&mut self, said: u64, now: Duration) {
        self.standstill.asked(said, now);
    }

    /// When [`Self::tick`] has something to do.
    pub fn deadline(&self, flow: Flow) -> Option<Duration> {
        let watches = self.path.is_some() || self.test.is_alone();
        let asked = watches.then(|| self.standstill.deadline(self.next, flow.said));
        let test = self.test.deadline().filter(|_| !flow.blocked);
        let doubted = self.doubted.then_some(Duration::ZERO);
        [doubted, asked, test].into_iter().flatten().min()
    }

    fn path(&self, flow: Flow) -> Option<EchoPath> {
        match () {
            () if self.test.is_alone() => Some(EchoPath::Echo),
            () if flow.witnessed => Some(EchoPath::Witness),
            () => None,
        }
    }
}

/// The state of output and input.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flow {
    /// How many bytes of stanzas were sent so far.
    pub said: u64,
    /// Whether some of it waits for the server to read it.
    pub blocked: bool,
    /// Whether input is read at all.
    pub hearing: bool,
    /// Whether the stream of the presence domain is up.
    pub witnessed: bool,
}

/// The result of [`Echo::tick`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    Nothing,
    /// Send echoes with these ids, in this order.
    Send(Vec<String>),
    /// Send this to the presence domain, after echoes with these ids.
    Prove(Proof, Vec<String>),
    /// The server processes nothing: white space may help.
    Nudge,
    /// The stream is dead.
    Silent,
}

fn id(nonce: u64, number: u64) -> String {
    format!("{PREFIX}{nonce:016x}-{number}")
}

fn parse(id: &str) -> Option<(u64, u64)> {
    let (nonce, number) = id.strip_prefix(PREFIX)?.split_once('-')?;
    Some((u64::from_str_radix(nonce, 16).ok()?, number.parse().ok()?))
}

const PREFIX: &str = "jat-echo-";

#[cfg(test)]
mod tests;
