//! What went wrong, for whoever has to find out why.

use std::fmt;
use std::time::Instant;

/// What must not be.
#[derive(Clone, Copy, Debug)]
pub enum Wrong {
    /// Nothing came of a request, and nothing excuses it.
    Unaccounted,
    /// Something came twice, or without a cause.
    Twice,
    /// A reply for another user, from another sender, or to another request.
    Forged,
    /// An error from a replica that has nothing to complain about.
    Refused,
    /// A replica's own counters say something else.
    Tally,
    /// A replica that must be there was away, complained or grew.
    Replica,
}

/// All that went wrong: how often, and the first few in words.
pub struct Violations {
    began: Instant,
    /// What was done last to the replicas.
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

    /// Notes what is done to the replicas now.
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

/// How many are told.
const NAMED: usize = 10;
