//! One stream's life after login: bytes and time in, bytes and a deadline out.
//!
//! Pure: the caller reads and writes the socket and holds the clock. It fills
//! [`Session::input`], calls [`Session::process`], writes [`Session::output`], and calls
//! [`Session::tick`] at [`Session::deadline`] at the latest.

#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::disallowed_macros)]

pub mod echo;
pub mod ending;
pub mod handover;
mod self_test;
pub mod server_time;
mod stanza;

use std::time::Duration;

use fastrand::Rng;
use jid::DomainPart;

use crate::jat::incoming::Body;
use crate::jat::now::Now;
use crate::jat::reason::{Direction, Reason, Tally};
use crate::jat::translator::Translator;
use crate::stanza::authored;
use crate::stanza::limits::Limits;
use crate::stanza::splitter::{Piece, Splitter};

use echo::{Due, Echo, Sharing};
use ending::Ending;
use server_time::ServerTime;

/// How much may wait in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub limits: Limits,
    /// Bytes of output that may wait for the server before its input is no longer read.
    pub max_backlog: usize,
}

/// One logged-in stream.
#[derive(Debug)]
pub struct Session {
    domain: DomainPart,
    bounds: Bounds,
    splitter: Splitter,
    input: Vec<u8>,
    output: Vec<u8>,
    /// Bytes of `output` that were written.
    written: usize,
    echo: Echo,
    server_time: ServerTime,
    last_input: Duration,
    last_output: Duration,
    /// Since when the server takes none of the output.
    stalled_since: Option<Duration>,
    /// Was input left, as too much waited for the server?
    held_up: bool,
    closed: bool,
    /// Stanzas that came after we said goodbye.
    late: u64,
}

/// What a turn needs besides the session itself.
#[derive(Debug)]
pub struct Turn<'a> {
    pub translator: &'a mut Translator,
    pub tally: &'a mut Tally,
    pub rng: &'a mut Rng,
    pub now: Now,
}

impl Session {
    /// A stream that has just logged in as `domain`, the component's or its presence domain;
    /// says what is to be said first.
    pub fn new(domain: DomainPart, bounds: Bounds, turn: &mut Turn<'_>) -> Self {
        let now = turn.now.mono;
        let mut session = Self::silent(domain, bounds, Echo::new(turn.rng.u64(..), now), now);
        if let Due::Send(ids) = session.echo.tick(now, now) {
            session.send_echoes(&ids);
        }
        let action = turn.translator.tick(&session.domain, turn.now, turn.rng);
        session.act(action.as_slice(), turn.translator);
        session.ask_time(turn);
        session
    }

    fn silent(domain: DomainPart, bounds: Bounds, echo: Echo, now: Duration) -> Self {
        Self {
            domain,
            bounds,
            splitter: Splitter::new(bounds.limits),
            input: Vec::new(),
            output: Vec::new(),
            written: 0,
            server_time: ServerTime::new(echo.nonce(), now),
            echo,
            last_input: now,
            last_output: now,
            stalled_since: None,
            held_up: false,
            closed: false,
            late: 0,
        }
    }

    /// What the stream logged in as.
    pub fn domain(&self) -> &DomainPart {
        &self.domain
    }

    /// The buffer that what was read is appended to.
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
        // Behind a backlog much may be left, and moving it must be paid for by what went before.
        if self.wants_input() || done >= input.len() - done {
            input.drain(..done);
            self.splitter.rebase();
        }
        if input.is_empty() && input.capacity() > KEEP_CAPACITY {
            input = Vec::new();
        }
        self.input = input;
        ended
    }

    /// The last time before [`Self::close`]: translates all that was read, however much waits
    /// for the server, and no longer holds back what comes then, which leads to no output.
    ///
    /// # Errors
    /// As [`Self::process`].
    pub fn process_rest(&mut self, turn: &mut Turn<'_>) -> Result<(), Ending> {
        self.bounds.max_backlog = usize::MAX;
        self.process(turn)
    }

    /// Did [`Self::process`] leave input that it could translate by now, since output was written?
    pub fn can_go_on(&self) -> bool {
        self.held_up && self.wants_input()
    }

    /// Notes that bytes arrived.
    pub fn received(&mut self, now: Now) {
        self.last_input = now.mono;
        self.echo.input(now.mono);
    }

    /// Bytes to be written.
    pub fn output(&self) -> &[u8] {
        &self.output[self.written..]
    }

    /// The first `count` bytes of [`Self::output`] were written.
    pub fn sent(&mut self, count: usize, now: Now) {
        self.written += count;
        self.last_output = now.mono;
        if self.written == self.output.len() {
            self.output.clear();
            self.written = 0;
            self.stalled_since = None;
            if self.output.capacity() > KEEP_CAPACITY {
                self.output = Vec::new();
            }
        } else if count > 0 {
            self.stalled_since = Some(now.mono);
        }
        // Moving the rest is paid for by what was written before it, three bytes for one; so the
        // buffer is at most a third larger than what waits in it.
        if self.written > KEEP_CAPACITY && self.written >= self.output().len() / 3 {
            self.output.drain(..self.written);
            self.written = 0;
        }
    }

    /// The server takes no more at the moment.
    pub fn blocked(&mut self, now: Now) {
        self.stalled_since.get_or_insert(now.mono);
    }

    /// May more be read? Not while so much waits for the server that memory would run out.
    pub fn wants_input(&self) -> bool {
        self.output().len() <= self.bounds.max_backlog
    }

    /// Does what is due by time.
    ///
    /// # Errors
    /// The stream is dead.
    pub fn tick(&mut self, turn: &mut Turn<'_>) -> Result<(), Ending> {
        let now = turn.now.mono;
        if self.stalled_since.is_some_and(|since| now >= since + STALL_TIME) {
            return Err(Ending::Stalled);
        }
        if self.closed {
            // Nothing may follow the closing tag.
            return Ok(());
        }
        // An echo behind a backlog would tell of the backlog; Stalled watches over that.
        if self.stalled_since.is_none() {
            match self.echo.tick(self.last_input, now) {
                Due::Silent => return Err(Ending::Silent),
                Due::Send(ids) => self.send_echoes(&ids),
                Due::Nothing => {}
            }
        }
        let action = turn.translator.tick(&self.domain, turn.now, turn.rng);
        self.act(action.as_slice(), turn.translator);
        self.ask_time(turn);
        if self.output.is_empty() && now >= self.last_output + KEEPALIVE {
            // RFC 6120 section 4.6.1.
            self.output.push(b' ');
        }
        Ok(())
    }

    /// When [`Self::tick`] has something to do.
    pub fn deadline(&self, translator: &Translator) -> Duration {
        let stalled = self.stalled_since.map(|since| since + STALL_TIME);
        let idle = self.output.is_empty();
        let silent = idle.then(|| self.last_output + KEEPALIVE);
        let echo = self.echo.deadline(self.last_input).filter(|_| stalled.is_none());
        let presence = translator.deadline(&self.domain);
        let time = asks_time(&self.domain, translator).then(|| self.server_time.deadline());
        let while_open = [silent, echo, presence, time].into_iter().filter(|_| !self.closed);
        while_open.chain([stalled]).flatten().min().unwrap_or(Duration::MAX)
    }

    /// Takes new bounds.
    pub fn set_bounds(&mut self, bounds: Bounds) {
        self.bounds = bounds;
        self.splitter.set_limits(bounds.limits);
    }

    /// Says goodbye: nothing is translated any more, what still arrives is counted.
    pub fn close(&mut self) {
        if !self.closed {
            self.closed = true;
            self.output.extend(b"</stream:stream>");
        }
    }

    /// How many stanzas of others came after [`Self::close`].
    pub fn arrived_after_close(&self) -> u64 {
        self.late
    }

    /// Does another process share the domain, as far as is known?
    pub fn sharing(&self) -> Sharing {
        self.echo.sharing()
    }

    /// Seconds by which the server's clock is ahead of ours: [`ServerTime::offset`].
    pub fn clock_offset(&self) -> Option<i64> {
        self.server_time.offset()
    }

    fn process_pieces(&mut self, input: &[u8], turn: &mut Turn<'_>) -> Result<(), Ending> {
        self.held_up = false;
        while self.wants_input() {
            match self.splitter.next(input)? {
                None => return Ok(()),
                Some(Piece::StreamEnd) => return Err(Ending::Closed),
                Some(Piece::Element(element)) => self.element(input, &element, turn)?,
                Some(Piece::OverLimit { head_end: None, .. }) => {
                    turn.tally.count(Direction::Other, Reason::HeadTooLarge);
                }
                Some(Piece::OverLimit { start, head_end: Some(end), children }) => {
                    let head = self.head(&input[start..end])?;
                    self.stanza(&head, Body::OverLimit { children }, &[], turn);
                }
            }
        }
        self.held_up = true;
        Ok(())
    }

    fn send_echoes(&mut self, ids: &[String]) {
        for id in ids {
            authored::write_echo(&self.domain, id, &mut self.output);
        }
    }

    fn ask_time(&mut self, turn: &Turn<'_>) {
        if !asks_time(&self.domain, turn.translator) {
            return;
        }
        if let Some(id) = self.server_time.tick(turn.now) {
            let server = turn.translator.settings().target.bare().domain();
            authored::write_time_request(&self.domain, server, &id, &mut self.output);
        }
    }
}

/// Does the stream of `domain` ask for the time? One of a component does: that of its presence
/// domain, if it has one, for that is never shared.
fn asks_time(domain: &DomainPart, translator: &Translator) -> bool {
    let settings = translator.settings();
    settings.presence_domain.as_ref().unwrap_or(&settings.domain) == domain
}

/// Silence after which a space is sent.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// How long a server may leave its input unread.
const STALL_TIME: Duration = Duration::from_secs(30);
/// Larger buffers are given back when they are empty.
const KEEP_CAPACITY: usize = 256 * 1024;
