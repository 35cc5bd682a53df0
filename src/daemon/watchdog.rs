//! A thread that ends the process when its event loop hangs: a hung replica is worse than a dead
//! one, since the server keeps sending it stanzas.

use std::io;
use std::process;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use tracing::error;

use crate::thread;

use super::components::Components;
use super::logging;

/// Starts the thread.
///
/// # Errors
/// There is none.
pub(super) fn start(components: Arc<Components>) -> io::Result<()> {
    thread::start("the watchdog", move || {
        let mut strikes = 0;
        loop {
            sleep(LOOK_EVERY);
            // A process that was stopped and continues is late, too, but only once.
            strikes = if is_late(&components) { strikes + 1 } else { 0 };
            if strikes == 2 {
                error!("the event loop has hung for more than {} s", HANGS.as_secs());
                logging::flush();
                process::abort();
            }
        }
    })
}

/// Whether the last turn of some link is so long ago that the event loop must hang.
pub(super) fn is_late(components: &Components) -> bool {
    components.longest_silence() > HANGS
}

const LOOK_EVERY: Duration = Duration::from_secs(5);
const HANGS: Duration = Duration::from_secs(30);
