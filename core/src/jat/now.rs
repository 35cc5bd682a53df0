//! Time as an argument.

use std::time::Duration;

/// A moment, passed to the core, which reads no clock of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The wall clock in Unix seconds, for keys and expiry. It may step in both directions.
    pub unix: u64,
    /// A clock that never steps back, with any origin, for timers.
    pub mono: Duration,
}

impl Now {
    /// The moment `later` after this one; for tests and simulations.
    pub fn plus(self, later: Duration) -> Self {
        Self { unix: self.unix + later.as_secs(), mono: self.mono + later }
    }
}
