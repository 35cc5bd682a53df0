//! A burst, and then one more after each pause: the generic cell rate algorithm (ITU-T I.371),
//! which needs to store only one moment.

use std::time::Duration;

/// How much is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    pub at_once: u32,
    pub pause: Duration,
}

impl Allowance {
    /// Whether one more is allowed. If so, it updates `due`, the moment from which on `at_once` are
    /// allowed again; a refusal changes nothing.
    pub fn admits(&self, due: &mut Duration, now: Duration) -> bool {
        let next = now.max(*due) + self.pause;
        let admits = next <= now + self.pause * self.at_once;
        if admits {
            *due = next;
        }
        admits
    }
}
