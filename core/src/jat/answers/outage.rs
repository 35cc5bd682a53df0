//! Several resources that seem to be missing all at once.

/// Errors for missing resources in quick succession, after a time without any. Times are Unix seconds.
#[derive(Clone, Debug, Default)]
pub struct Outage {
    began: u64,
    last: u64,
    /// Resources with such errors that have not been seen since.
    missing: usize,
    /// Resources that no presence confirmed meanwhile.
    unconfirmed: usize,
}

impl Outage {
    /// An outage that another process knew, from the time of the last such error.
    pub fn resume(last: u64) -> Self {
        Self { last, ..Self::default() }
    }

    /// A resource seems to be missing; `new`: for the first time in this outage.
    pub fn missing(&mut self, new: bool, now: u64) {
        if self.last.abs_diff(now) > QUIET {
            *self = Self { began: now, ..Self::default() };
        }
        self.last = now;
        if new && self.is_beginning(now) {
            self.missing += 1;
        }
    }

    /// A resource that seemed to be missing is online.
    pub fn found(&mut self) {
        self.missing = self.missing.saturating_sub(1);
    }

    /// This many resources leave the list, as they were not confirmed.
    pub fn unconfirmed(&mut self, resources: usize, now: u64) {
        // After we have logged in, this may have another reason.
        if self.missing > 0 && self.is_beginning(now) {
            self.unconfirmed += resources;
        }
    }

    /// When it began, and how many resources it affects, if there are several; `None` until it is clear
    /// that they stay away.
    pub fn of_several(&self, now: u64) -> Option<(u64, usize)> {
        let resources = self.missing.max(self.unconfirmed);
        let clear = now.saturating_sub(self.began) >= SETTLES && self.is_recent(now);
        (resources > 1 && clear).then_some((self.began, resources))
    }

    /// Whether such an error came recently.
    pub fn is_recent(&self, now: u64) -> bool {
        self.last.abs_diff(now) <= QUIET
    }

    fn is_beginning(&self, now: u64) -> bool {
        now.abs_diff(self.began) <= AT_ONCE
    }
}

/// Seconds without such an error, after which the next one begins a new outage.
const QUIET: u64 = 60;
/// Seconds within which errors have the same cause.
const AT_ONCE: u64 = 10;
/// Seconds that a probe may take.
const SETTLES: u64 = 3;
