//! One component as the rest of the process sees it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::clock::unix_now;
use crate::jat::now::Now;
use crate::jat::reason::Tally;
use crate::jat::translator::Translator;
use crate::session::Turn;
use crate::session::echo::Sharing;

use super::cause::Cause;
use super::heartbeat::Heartbeat;

/// What becomes of a component's stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stream {
    /// No attempt to connect was made yet.
    Starting,
    /// Logged in, since this Unix second.
    Up { since: u64 },
    /// Down, since this Unix second.
    Down { since: u64, cause: Cause, message: String },
    /// Closed for good.
    Closed,
}

/// A component: its translator, and what is known of its stream. The task of its link works on
/// it, one turn at a time; others look at it between turns.
#[derive(Debug)]
pub struct Component {
    pub translator: Translator,
    pub tally: Tally,
    pub stream: Stream,
    /// Does another process share the domain?
    pub sharing: Sharing,
    /// Lost streams and failed logins, by [`Cause`].
    pub failures: [u64; Cause::ALL.len()],
    /// Logins that came about.
    pub logins: u64,
    /// Bytes that wait for the server.
    pub backlog: usize,
    /// Bytes of output that were lost with their streams.
    pub unsent: u64,
    heartbeat: Arc<Heartbeat>,
    rng: Rng,
    origin: Instant,
}

/// A component that its link and others hold together.
pub type Shared = Arc<Mutex<Component>>;

impl Component {
    /// `seed` is from the operating system.
    pub fn new(translator: Translator, seed: u64) -> Self {
        let now = Instant::now();
        Self {
            translator,
            tally: Tally::default(),
            stream: Stream::Starting,
            sharing: Sharing::Unknown,
            failures: [0; Cause::ALL.len()],
            logins: 0,
            backlog: 0,
            unsent: 0,
            heartbeat: Arc::default(),
            rng: Rng::with_seed(seed),
            origin: now,
        }
    }

    /// The clocks, as the core takes them.
    pub fn now(&self) -> Now {
        Now { unix: unix_now(), mono: self.origin.elapsed() }
    }

    /// The moment of a deadline that the core gave.
    pub fn instant(&self, deadline: Duration) -> Instant {
        self.origin.checked_add(deadline).unwrap_or_else(|| Instant::now() + FAR_AWAY)
    }

    /// What a session needs for one turn.
    pub fn turn(&mut self) -> Turn<'_> {
        let now = self.now();
        self.heartbeat.beat();
        Turn { translator: &mut self.translator, tally: &mut self.tally, rng: &mut self.rng, now }
    }

    /// Beats at each turn.
    pub fn heartbeat(&self) -> Arc<Heartbeat> {
        Arc::clone(&self.heartbeat)
    }

    /// The generator that everything random comes from.
    pub fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// Is the stream up, and somebody there to forward to?
    pub fn is_ready(&self) -> bool {
        matches!(self.stream, Stream::Up { .. }) && self.translator.is_ready()
    }
}

/// Locks a component for one turn. A panic elsewhere leaves it as usable as it was.
pub fn lock(shared: &Shared) -> MutexGuard<'_, Component> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

const FAR_AWAY: Duration = Duration::from_secs(24 * 3600);
