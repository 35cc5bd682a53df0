//! What went wrong, to find out why.

use std::fmt;
use std::time::Instant;

/// What must not happen.
#[derive(Clone, Copy, Debug)]
pub enum Wrong {
    /// There was no answer to a request, and no excuse for it.
    Unaccounted,
    /// Something arrived twice, or without a cause.
    Twice,
    /// A reply for another user, from another sender, or to another request.
    Forged,
    /// An error from a replica without a reason.
    Refused,
    /// A replica's own counters differ.
    Tally,
    /// A replica was not connected when it had to be, logged a warning, or grew.
    Replica,
}

/// All violations: how often each kind, and a description of the first few.
pub struct Violations {
    began: Instant,
    /// The last fault of the replicas.
    last_fault: String,
    named: Vec<String>,
    count: usize,
}

impl Violations {
    pub fn new() -> Self {
        let last_fault = "nothing yet".into();
        Self { began: Instant::now(), last_fault, named: Vec::new(), count: 0 }
    }

    pub fn report(&mut self, wrong: Wrong, text: impl fmt::Display) {
        self.count += 1;
        if self.named.len() < NAMED {
            let (at, last) = (self.began.elapsed().as_secs_f64(), &self.last_fault);
            self.named.push(format!("{at:.1} s, after {last}: {wrong:?}: {text}"));
        }
    }

    /// Records a fault of the replicas.
    pub fn fault(&mut self, what: &str) {
        self.last_fault = what.to_owned();
    }

    pub fn count(&self) -> usize {
        self.count
    }

    pub fn named(&self) -> &[String] {
        &self.named
    }

    /// # Panics
    /// Something is wrong.
    pub fn assert_none(&self) {
        assert!(self.count == 0, "{} times wrong, first\n{}", self.count, self.named.join("\n"));
    }
}

/// How many are described.
const NAMED: usize = 10;
