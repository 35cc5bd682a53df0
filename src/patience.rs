//! Trying again what a moment may mend, where nothing else can be done anyway.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// What `attempt` gives when it succeeds, or at the end of `patience`. Blocks.
pub fn patiently<T, E>(
    patience: Duration,
    mut attempt: impl FnMut() -> Result<T, E>,
) -> Result<T, E> {
    let end = Instant::now() + patience;
    loop {
        match attempt() {
            Err(_) if Instant::now() < end => sleep(PAUSE),
            result => return result,
        }
    }
}

const PAUSE: Duration = Duration::from_millis(20);
