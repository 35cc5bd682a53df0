//! A stream as the rest of the process sees it.

use std::sync::Arc;
use std::time::Duration;

use jid::DomainPart;

use crate::config;
use crate::session::echo::Sharing;
use crate::session::{Bounds, Session};

use super::cause::Cause;
use super::peer::Peer;
use super::socket::Socket;

/// Which stream of a component it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The component's own.
    Component,
    /// That of its presence domain.
    Presence,
}

impl Role {
    /// The value of the metric label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Component => "component",
            Self::Presence => "presence",
        }
    }
}

/// Names a stream from the start of its task to its end. A later stream of the same domain, after a
/// reload or a failure, has another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamId(pub(super) u32);

/// What is known of a stream, be it up or down.
#[derive(Debug)]
pub struct StreamRecord {
    pub id: StreamId,
    pub role: Role,
    /// What it logs in as.
    pub domain: DomainPart,
    pub state: State,
    /// Whether another process shares the domain.
    pub sharing: Sharing,
    /// Whether no message that it sends to itself comes back, so that sharing is not known.
    pub unheard: bool,
    /// Whether a process on another node of the server's cluster has it, and no presence domain.
    pub elsewhere: bool,
    /// Where it leads to, while it is up.
    pub peer: Option<Peer>,
    /// How long the server has processed nothing, if too long.
    pub standstill: Option<Duration>,
    /// How often such a standstill has begun.
    pub standstills: u64,
    /// Most bytes of a stanza, where the server has shown that it takes fewer than configured:
    /// until a reload, or until the configured limit changes.
    pub lowered: Option<usize>,
    /// Seconds by which the clock of the target's server is ahead of ours, if that server has told
    /// it.
    pub clock_offset: Option<i64>,
    /// Lost streams and failed logins, by [`Cause`].
    pub failures: [u64; Cause::ALL.len()],
    /// Successful logins.
    pub logins: u64,
    /// Bytes that wait for the server.
    pub backlog: usize,
    /// Bytes of output that were lost with their streams.
    pub unsent: u64,
    /// Whether another stream to the same server was lost since the link last checked this one.
    pub doubted: bool,
    pub hold: Hold,
    /// When its session has something to do next, on the clock of the component.
    pub due: Duration,
}

/// Who holds the stream itself.
#[derive(Debug)]
pub enum Hold {
    /// Its task, if it is up.
    Task,
    /// Its task pauses, and leaves it here, if it is up.
    Paused(Option<Box<Parked>>),
}

/// A stream that is up but that no task works on.
#[derive(Debug)]
pub struct Parked {
    pub socket: Socket,
    pub session: Session,
    /// What it was opened with; the configuration may have changed since.
    pub config: Arc<config::StreamConfig>,
}

/// The state of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// No attempt to connect was made yet.
    Starting,
    /// Logged in, since this Unix second.
    Up { since: u64 },
    /// Down, since this Unix second.
    Down { since: u64, cause: Cause, message: String },
    /// Closed, and not opened again.
    Closed,
}

impl StreamRecord {
    pub fn new(id: StreamId, role: Role, domain: DomainPart) -> Self {
        Self {
            id,
            role,
            domain,
            state: State::Starting,
            sharing: Sharing::Unknown,
            unheard: false,
            elsewhere: false,
            peer: None,
            standstill: None,
            lowered: None,
            standstills: 0,
            clock_offset: None,
            failures: [0; Cause::ALL.len()],
            logins: 0,
            backlog: 0,
            unsent: 0,
            doubted: false,
            hold: Hold::Task,
            due: Duration::MAX,
        }
    }

    /// Takes over the counts of a stream that ended, and what was found out about its server.
    pub fn succeed(&mut self, before: &Self) {
        // Without `..`, so that a new field must be considered here.
        let Self {
            id: _,
            role: _,
            domain: _,
            state: _,
            sharing: _,
            unheard: _,
            elsewhere: _,
            peer: _,
            standstill: _,
            standstills,
            lowered,
            clock_offset: _,
            failures,
            logins,
            backlog: _,
            unsent,
            doubted: _,
            hold: _,
            due: _,
        } = *before;
        (self.failures, self.logins) = (failures, logins);
        (self.standstills, self.unsent) = (standstills, unsent);
        self.lowered = lowered;
    }

    /// It is down, for `cause`.
    pub fn fail(&mut self, cause: Cause, message: &str, now: u64) {
        self.failures[cause as usize] += 1;
        self.backlog = 0;
        self.sharing = Sharing::Unknown;
        self.unheard = false;
        self.elsewhere = false;
        self.peer = None;
        self.standstill = None;
        self.clock_offset = None;
        self.doubted = false;
        let since = match self.state {
            State::Down { since, .. } => since,
            _ => now,
        };
        self.state = State::Down { since, cause, message: message.to_owned() };
    }

    /// The bounds of a session on it, given those that are configured.
    pub fn bounds(&self, configured: Bounds) -> Bounds {
        let mut bounds = configured;
        if let Some(bytes) = self.lowered {
            bounds.limits.max_bytes = bounds.limits.max_bytes.min(bytes);
        }
        bounds
    }

    /// Takes what its session knows after a turn, and when it has something to do next.
    pub fn learn(&mut self, session: &Session, due: Duration) {
        self.due = due;
        self.backlog = session.output().len();
        self.sharing = session.sharing();
        self.unheard = session.is_unheard();
        self.elsewhere = session.is_shared_elsewhere();
        self.clock_offset = session.clock_offset();
        let standstill = session.standstill();
        self.standstills += u64::from(self.standstill.is_none() && standstill.is_some());
        self.standstill = standstill;
    }

    pub fn is_up(&self) -> bool {
        matches!(self.state, State::Up { .. })
    }

    pub fn is_paused(&self) -> bool {
        matches!(self.hold, Hold::Paused(_))
    }

    /// The stream itself, while its task pauses.
    pub fn parked(&self) -> Option<&Parked> {
        match &self.hold {
            Hold::Paused(parked) => parked.as_deref(),
            Hold::Task => None,
        }
    }

    /// Whether it is up, and the server processes what it is sent, as far as is known.
    pub fn serves(&self) -> bool {
        self.is_up() && self.standstill.is_none()
    }

    /// Whether it is up, and shared with no other process.
    pub fn is_ours_alone(&self) -> bool {
        self.is_up() && self.sharing == Sharing::Alone
    }
}
