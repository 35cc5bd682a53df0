//! One stream's life after login: bytes and time in, bytes and a deadline out.
//!
//! Pure: the caller reads and writes the socket and holds the clock. It fills
//! [`Session::input`], calls [`Session::process`], writes [`Session::output`], and calls
//! [`Session::tick`] at [`Session::deadline`] at the latest.

mod brake;
mod date_time;
pub mod echo;
pub mod ending;
mod handling;
mod other_node;
mod output;
mod self_test;
mod server_time;
pub mod snapshot;
mod standstill;
mod unasked;
pub mod witness;

use std::time::Duration;

use fastrand::Rng;
use jid::DomainPart;

use crate::jat::incoming::Body;
use crate::jat::now::Now;
use crate::jat::services::Services;
use crate::jat::tally::Tally;
use crate::jat::verdict::Verdict;
use crate::stanza::limits::Limits;
use crate::stanza::scrub::Scrubber;
use crate::stanza::splitter::{Element, Piece, Splitter};

use brake::Brake;
use echo::{Due, Echo, Flow, Sharing};
use ending::Ending;
use handling::Payload;
use other_node::OtherNode;
use output::Output;
use server_time::ServerTime;
use unasked::asks_time;
use witness::Witness;

/// How much may wait in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub limits: Limits,
    /// Bytes of output that may wait for the server before its input is no longer read.
    pub max_backlog: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { limits: Limits::default(), max_backlog: 16 << 20 }
    }
}

/// One logged-in stream.
#[derive(Debug)]
pub struct Session {
    domain: DomainPart,
    bounds: Bounds,
    splitter: Splitter,
    input: Vec<u8>,
    output: Output,
    echo: Echo,
    server_time: ServerTime,
    other_node: OtherNode,
    brake: Brake,
    scrubber: Scrubber,
    /// Whether input was left unread, as too much output waited for the server.
    held_up: bool,
    phase: Phase,
    /// Stanzas that came after our closing tag.
    late: u64,
}

/// How far a stream is from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// The closing tag comes next: [`Session::begin_close`].
    Closing,
    /// The closing tag was sent, and nothing may follow it.
    Closed,
}

/// What a turn needs in addition to the session itself.
#[derive(Debug)]
pub struct Turn<'a> {
    pub services: &'a mut Services,
    pub tally: &'a mut Tally,
    pub rng: &'a mut Rng,
    pub witness: &'a mut Witness,
    pub now: Now,
}

impl Session {
    /// A stream that has just logged in as `domain`, the component's or its presence domain;
    /// returns what is to be sent first.
    pub fn new(domain: DomainPart, bounds: Bounds, turn: &mut Turn<'_>) -> Self {
        let now = turn.now.mono;
        let mut session = Self::silent(domain, bounds, Echo::new(turn.rng.u64(..), now), now);
        if let Due::Send(ids) = session.echo.tick(session.flow(), now) {
            session.send_echoes(&ids, now);
        }
        session.send_due_presence(turn);
        session.ask_time(turn);
        session
    }

    fn silent(domain: DomainPart, bounds: Bounds, echo: Echo, now: Duration) -> Self {
        Self {
            domain,
            bounds,
            splitter: Splitter::new(bounds.limits),
            input: Vec::new(),
            output: Output::new(Vec::new(), now),
            server_time: ServerTime::new(echo.nonce(), now),
            other_node: OtherNode::new(echo.nonce(), now),
            brake: Brake::new(echo.nonce()),
            scrubber: Scrubber::default(),
            echo,
            held_up: false,
            phase: Phase::Open,
            late: 0,
        }
    }

    /// The domain that the stream logged in as.
    pub fn domain(&self) -> &DomainPart {
        &self.domain
    }

    /// The buffer to append input to.
    pub fn input(&mut self) -> &mut Vec<u8> {
        &mut self.input
    }

    /// Translates what is in [`Self::input`], as long as the backlog allows.
    ///
    /// # Errors
    /// Why the stream is over. What came before that was translated and is in the output.
    pub fn process(&mut self, turn: &mut Turn<'_>) -> Result<(), Ending> {
        let mut input = std::mem::take(&mut self.input);
        let ended = self.process_pieces(&input, turn);
        let done = self.splitter.done();
        // After a backlog much may be left; it is moved only when at least as much was processed.
        if self.wants_input() || done >= input.len() - done {
            input.drain(..done);
            self.splitter.rebase();
        }
        if input.is_empty() {
            output::release(&mut input, done);
        }
        self.input = input;
        self.output.pay_long_tags();
        let largest = self.output.largest_unread(self.echo.processed());
        ended.map_err(|ending| ending.behind(largest))
    }

    /// The input so far is the last that is translated: however much waits for the server,
    /// [`Self::process`] no longer leaves any of it, nor of what comes after [`Self::close`], which causes
    /// no output.
    pub fn begin_close(&mut self) {
        if self.phase == Phase::Open {
            self.phase = Phase::Closing;
        }
    }

    /// Whether [`Self::process`] left input that it could translate by now, since output was written.
    pub fn can_go_on(&self) -> bool {
        self.held_up && self.wants_input()
    }

    /// Records that bytes arrived.
    pub fn received(&mut self, now: Now) {
        self.echo.input(now.mono);
    }

    /// Bytes to be written.
    pub fn output(&self) -> &[u8] {
        self.output.bytes()
    }

    /// The first `count` bytes of [`Self::output`] were written.
    pub fn sent(&mut self, count: usize, now: Now) {
        self.output.sent(count, now.mono);
    }

    /// The server reads no more at the moment.
    pub fn blocked(&mut self, now: Now) {
        self.output.blocked(now.mono);
    }

    /// Whether more may be read: not while so much waits for the server that memory would run out.
    pub fn wants_input(&self) -> bool {
        self.phase != Phase::Open || self.output().len() <= self.bounds.max_backlog
    }

    /// Does what is due by time.
    ///
    /// # Errors
    /// The stream is dead.
    pub fn tick(&mut self, turn: &mut Turn<'_>) -> Result<(), Ending> {
        let now = turn.now.mono;
        if self.output.is_stalled(now) {
            return Err(Ending::Stalled);
        }
        if self.is_closed() {
            // Nothing may follow the closing tag.
            return Ok(());
        }
        if let Some(number) = turn.witness.heard_of(self.echo.nonce()) {
            self.echo.proven(number);
        }
        let flow = Flow { witnessed: self.is_witnessed(turn), ..self.flow() };
        match self.echo.tick(flow, now) {
            Due::Silent => return Err(Ending::Silent),
            Due::Nudge => self.output.space(NUDGE),
            Due::Send(ids) => self.send_echoes(&ids, now),
            Due::Prove(proof, echoes) => {
                self.send_echoes(&echoes, now);
                self.prove(proof, turn.services, now);
            }
            Due::Nothing => {}
        }
        self.ask_from_own_address(turn);
        if self.sharing() != Sharing::Unknown {
            let shared = self.sharing() == Sharing::Shared || self.is_shared_elsewhere();
            turn.services.shares(&self.domain, shared);
        }
        self.send_due_presence(turn);
        self.ask_time(turn);
        self.output.tick(now);
        Ok(())
    }

    /// Another stream to the same server was lost: output now soon shows whether this one works. The caller
    /// writes [`Self::output`], and calls [`Self::tick`].
    pub fn doubt(&mut self) {
        self.echo.doubt();
        // Even without an echo, the kernel notices if nobody reads it.
        if !self.is_closed() && self.output().is_empty() {
            self.output.space(1);
        }
    }

    /// When [`Self::tick`] has something to do.
    pub fn deadline(&self, services: &Services) -> Duration {
        let output = self.output.deadline();
        let echo = self.echo.deadline(self.flow());
        let presence = services.deadline(&self.domain);
        let time = asks_time(&self.domain, services).then(|| self.server_time.deadline());
        let while_open = [output, echo, presence, time].into_iter().filter(|_| !self.is_closed());
        let soonest = while_open.chain([self.output.stalls()]).flatten().min();
        let soonest = match self.is_closed() {
            true => soonest,
            false => self.other_node.deadline(|| self.asks_from_own_address(services), soonest),
        };
        soonest.unwrap_or(Duration::MAX)
    }

    /// Changes the bounds.
    pub fn set_bounds(&mut self, bounds: Bounds) {
        self.bounds = bounds;
        self.splitter.set_limits(bounds.limits);
    }

    /// Closes the stream: nothing more is translated, and stanzas that still arrive are counted.
    pub fn close(&mut self) {
        if !self.is_closed() {
            self.phase = Phase::Closed;
            self.output.close();
        }
    }

    /// How many stanzas of others arrived after [`Self::close`].
    pub fn arrived_after_close(&self) -> u64 {
        self.late
    }

    /// Whether another process shares the domain, as far as is known.
    pub fn sharing(&self) -> Sharing {
        self.echo.sharing()
    }

    /// Whether a process on another node of the server's cluster has the domain too, and no presence
    /// domain, as far as is known.
    pub fn is_shared_elsewhere(&self) -> bool {
        self.other_node.is_found()
    }

    /// Whether none of our messages to ourselves comes back, although the server sends other stanzas.
    pub fn is_unheard(&self) -> bool {
        self.echo.is_unheard()
    }

    /// How long the server has processed nothing, if that is too long; known for a stream that is not shared,
    /// and where there is a presence domain.
    pub fn standstill(&self) -> Option<Duration> {
        self.echo.standstill()
    }

    /// Seconds by which the server's clock is ahead of ours, negative if it is behind, give or take a
    /// second. `None` until it has sent its time.
    pub fn clock_offset(&self) -> Option<i64> {
        self.server_time.offset()
    }

    fn process_pieces(&mut self, input: &[u8], turn: &mut Turn<'_>) -> Result<(), Ending> {
        self.held_up = false;
        while self.wants_input() {
            match self.splitter.next(input)? {
                None => return Ok(()),
                Some(Piece::StreamEnd) => return Err(Ending::Closed),
                Some(Piece::Element(element)) => {
                    let head = element.tag.head(input);
                    let head = head.as_ref().map_err(|error| *error)?;
                    let stanza = &input[element.tag.start..element.end];
                    if head.is_stream_error() {
                        return Err(Ending::from_stream_error(stanza));
                    }
                    let Element { children, namespaces_ok, .. } = element;
                    let payload = Payload::of(&element, input);
                    let body = Body::Whole { children, namespaces_ok, stanza };
                    self.handle(head, body, payload, turn);
                }
                Some(Piece::OverLimit { tag: None, .. }) => {
                    let verdict = Verdict::unread();
                    turn.tally.count(verdict.traffic, verdict.reason);
                }
                Some(Piece::OverLimit { tag: Some(tag), children }) => {
                    let head = tag.head(input)?;
                    self.handle(&head, Body::OverLimit { children }, Payload::default(), turn);
                }
            }
        }
        self.held_up = true;
        Ok(())
    }

    fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    fn flow(&self) -> Flow {
        let (said, blocked) = (self.output.said(), self.output.is_blocked());
        Flow { said, blocked, hearing: self.wants_input(), witnessed: false }
    }

    /// Whether the stream of the presence domain gets what this stream sends there.
    fn is_witnessed(&self, turn: &Turn<'_>) -> bool {
        turn.witness.listens && turn.services.settings().domain == self.domain
    }
}

/// White space for a server that processes nothing: longer than most tags.
const NUDGE: usize = 64 * 1024;
