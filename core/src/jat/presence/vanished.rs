//! Resources that disappeared without notice after they had been online for long.

use serde::{Deserialize, Serialize};

/// Resources that disappeared without notice after they had been online for long: their node of a
/// cluster, or their server, died with them or is cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vanished {
    /// How many in all.
    pub total: u64,
    /// How many the last time, and the Unix second of that.
    pub last: u64,
    pub at: u64,
}

impl Vanished {
    pub(super) fn note(&mut self, count: usize, now: u64) {
        let count = count as u64;
        if count > 0 {
            // Those that are missed one after another most likely went together.
            let before = if now < self.at + TOGETHER { self.last } else { 0 };
            *self = Self { total: self.total + count, last: before + count, at: now };
        }
    }

    /// How many disappeared, if that was recently.
    pub fn lately(&self, now: u64) -> Option<u64> {
        (self.last > 0 && now < self.at + LATELY).then_some(self.last)
    }

    pub(super) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Seconds between the first and the last to be missed of those that went together.
const TOGETHER: u64 = 60;
/// For how many seconds it is reported to an operator.
const LATELY: u64 = 900;
