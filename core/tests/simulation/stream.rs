//! One stream between a process and the server, and what is under way on it.

use std::collections::VecDeque;

use core_tests::xml;
use jat_core::jat::now::Now;
use jat_core::session::echo::Sharing;
use jat_core::session::ending::Ending;
use jat_core::session::snapshot::SessionSnapshot;
use jat_core::session::{Bounds, Session, Turn};
use jid::DomainPart;

use crate::world::StreamPlace;

pub struct Stream {
    pub state: State,
    /// The number of its replica's streams with this domain, counted from the first.
    pub serial: u32,
    /// From the server, not read yet, the oldest first.
    pub inbox: VecDeque<Letter>,
    /// How much of the first letter is in the session already.
    fed: usize,
    /// What the session wrote and the server has not read completely.
    pub outbox: VecDeque<Written>,
    /// The first bytes of a stanza, at the server.
    at_server: Vec<u8>,
    /// When it wakes up next, in milliseconds, and whether it has to read and write.
    pub tick_at: Option<u64>,
    pub will_read: bool,
    pub will_write: bool,
    /// Until then the server sends some of its stanzas to the previous stream, which is dead.
    pub shared_until: u64,
    /// The types of presence that were sent to the target on it.
    pub asked: Vec<String>,
    session: Session,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Connected,
    /// It closed the stream, and the server does not know yet.
    Closing,
    /// There is no stream.
    Away,
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
    Talk(usize),
    Subscribed,
    Available(&'static str),
    Unavailable(&'static str),
    /// The bare address is unavailable: nobody is online.
    AllGone,
    /// The time of the target's server.
    ServerTime,
    /// An echo of this replica, in its stream of this number.
    Echo(StreamPlace, u32),
    Message,
    /// Any number of stanzas that a replica sends by itself.
    Own,
}

/// Something in the output of a session.
#[derive(Clone, Debug)]
pub struct Written {
    pub what: What,
    length: usize,
    /// What a planted bug changes it to.
    pub instead: Option<String>,
}

impl Stream {
    /// One that has just logged in as `domain`.
    pub fn open(domain: DomainPart, serial: u32, turn: &mut Turn<'_>) -> Self {
        let mut stream = Self {
            state: State::Connected,
            serial,
            inbox: VecDeque::new(),
            fed: 0,
            outbox: VecDeque::new(),
            at_server: Vec::new(),
            tick_at: None,
            will_read: false,
            will_write: false,
            shared_until: 0,
            asked: Vec::new(),
            session: Session::new(domain, bounds(), turn),
        };
        stream.note(What::Own);
        stream
    }

    /// What another process needs to take it over; `None` when it is away.
    pub fn hand_over(&self, now: Now) -> Option<SessionSnapshot> {
        let is_up = self.state == State::Connected;
        is_up.then(|| self.session.hand_over(now.mono).expect("it can at any time"))
    }

    /// Another process takes it over. Stanzas that are under way, in whole or in part, stay so.
    pub fn resume(&mut self, from: SessionSnapshot, turn: &mut Turn<'_>) {
        self.session = Session::resume(self.domain().clone(), bounds(), from, turn);
    }

    /// Reads the first letter, or what is left of it, up to that many bytes if there are more.
    /// Says whether that was all of it.
    pub fn read(&mut self, at_most: usize, turn: &mut Turn<'_>) -> bool {
        let Some(letter) = self.inbox.front() else { return false };
        let rest = &letter.xml.as_bytes()[self.fed..];
        let piece = &rest[..rest.len().min(at_most)];
        self.session.input().extend(piece);
        self.fed += piece.len();
        let whole = self.fed == letter.xml.len();
        self.session.received(turn.now);
        self.session.process(turn).expect("the stream goes on");
        whole
    }

    /// Reads a space between stanzas, if it is between two.
    pub fn read_space(&mut self, turn: &mut Turn<'_>) {
        if self.fed == 0 && self.state == State::Connected {
            self.session.input().push(b' ');
            self.session.received(turn.now);
            self.session.process(turn).expect("the stream goes on");
        }
    }

    /// Removes the first letter, which was read, and notes what was written since then.
    pub fn took_first(&mut self) -> (Letter, &str) {
        let letter = self.inbox.pop_front().expect("it was read");
        self.fed = 0;
        let length = self.note(match letter.what {
            What::Ask(_) | What::Reply(_) | What::Talk(_) | What::Message => letter.what,
            _ => What::Own,
        });
        let output = self.session.output();
        let written = &output[output.len() - length..];
        (letter, str::from_utf8(written).expect("text"))
    }

    /// The server ends the stream, after all that it sent was read.
    pub fn ended_by_server(&mut self, turn: &mut Turn<'_>) {
        self.session.input().extend(b"</stream:stream>");
        self.session.received(turn.now);
        assert_eq!(self.session.process(turn), Err(Ending::Closed));
    }

    /// Closes the stream.
    pub fn close(&mut self) {
        self.session.close();
        self.note(What::Own);
        self.state = State::Closing;
    }

    /// Does what is due by time.
    pub fn tick(&mut self, turn: &mut Turn<'_>) -> Result<(), Ending> {
        self.session.tick(turn)
    }

    /// What it logged in as.
    pub fn domain(&self) -> &DomainPart {
        self.session.domain()
    }

    /// When it has to wake up, in milliseconds.
    pub fn deadline(&self, turn: &Turn<'_>) -> u64 {
        let deadline = self.session.deadline(turn.services);
        u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether it considers its domain shared.
    pub fn seems_shared(&self) -> bool {
        self.session.sharing() == Sharing::Shared
    }

    /// How much it has in memory.
    pub fn load(&self) -> usize {
        self.inbox.len() + self.outbox.len()
    }

    /// Notes what the session has written since the last time, and how long that is.
    pub fn note(&mut self, what: What) -> usize {
        let noted: usize = self.outbox.iter().map(|written| written.length).sum();
        let there = self.at_server.len() + self.session.output().len();
        let length = there.checked_sub(noted).expect("nothing that it wrote has vanished");
        if length > 0 {
            self.outbox.push_back(Written { what, length, instead: None });
        }
        length
    }

    /// Sends so many bytes of the output, or all; returns what is whole at the server now.
    pub fn send(&mut self, at_most: usize, turn: &mut Turn<'_>) -> Vec<(What, String)> {
        let output = self.session.output();
        let count = output.len().min(at_most);
        self.at_server.extend(&output[..count]);
        self.session.sent(count, turn.now);
        let (mut whole, mut from) = (Vec::new(), 0);
        while let Some(first) = self.outbox.front_mut()
            && first.length <= self.at_server.len() - from
        {
            let bytes = &self.at_server[from..from + first.length];
            from += first.length;
            let text = str::from_utf8(bytes).expect("text");
            let text = first.instead.take().unwrap_or_else(|| text.to_owned());
            whole.push((first.what, text));
            self.outbox.pop_front();
        }
        self.at_server.drain(..from);
        whole
    }

    /// All that is under way is lost.
    pub fn lose_all(&mut self) -> Vec<What> {
        self.fed = 0;
        self.at_server.clear();
        let read = self.inbox.drain(..).map(|letter| letter.what);
        read.chain(self.outbox.drain(..).map(|written| written.what)).collect()
    }
}

/// The stanzas in what a replica sends by itself.
pub fn own_stanzas(text: &str) -> Vec<&str> {
    xml::split(text.strip_suffix("</stream:stream>").unwrap_or(text))
}

fn bounds() -> Bounds {
    Bounds { max_backlog: 1 << 20, ..Bounds::default() }
}
