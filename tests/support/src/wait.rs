//! Waiting for something that must happen, with one generous limit.

use std::thread;
use std::time::{Duration, Instant};

use tokio::time::sleep;

/// Long enough for a busy machine; a test that passes never waits so long.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `found` returns true; the panic names what was waited for.
pub fn wait_until(what: &str, found: impl FnMut() -> bool) {
    wait_within(PATIENCE, what, found);
}

/// As [`wait_until`], with another limit.
pub fn wait_within(limit: Duration, what: &str, mut found: impl FnMut() -> bool) {
    let end = Instant::now() + limit;
    while !found() {
        assert!(Instant::now() < end, "waited {limit:?} for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Whether it happens within [`PATIENCE`], for callers with a message of their own.
pub fn comes(mut found: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + PATIENCE;
    loop {
        match found() {
            true => return true,
            false if Instant::now() > end => return false,
            false => thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// As [`comes`], while other tasks go on.
pub async fn comes_meanwhile(mut found: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + PATIENCE;
    loop {
        match found() {
            true => return true,
            false if Instant::now() > end => return false,
            false => sleep(Duration::from_millis(5)).await,
        }
    }
}
