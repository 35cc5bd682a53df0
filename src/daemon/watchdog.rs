//! A plain thread that ends the process when its event loop hangs: a hung replica is worse
//! than a dead one, since the server goes on to give it stanzas.

use std::process;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tracing::error;

use super::roster::Roster;

/// Starts the thread.
pub fn start(roster: Arc<Roster>) {
    thread::spawn(move || {
        let mut strikes = 0;
        loop {
            thread::sleep(LOOK_EVERY);
            // A process that was stopped and goes on is late too, but only once.
            strikes = if is_late(&roster) { strikes + 1 } else { 0 };
            if strikes == 2 {
                error!("the event loop hangs for more than {} s", HANGS.as_secs());
                process::abort();
            }
        }
    });
}

/// Is the oldest turn so old that the event loop must hang?
pub fn is_late(roster: &Roster) -> bool {
    roster.oldest_turn().is_some_and(|turn| turn.elapsed() > HANGS)
}

const LOOK_EVERY: Duration = Duration::from_secs(5);
const HANGS: Duration = Duration::from_secs(30);
