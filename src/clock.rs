//! The wall clock, for the shell; the core takes the time as an argument.

use std::time::{SystemTime, UNIX_EPOCH};

/// Unix seconds now; a clock that stands before 1970 counts as 1970.
pub fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
