//! What a daemon counted and holds.

use std::time::Duration;

use jat_proxy::jat::reason::Tally;
use test_support::tally::{difference, read, total};
use tokio::time::{Instant, sleep};

use crate::daemon::Daemon;

/// The counters of stanzas.
pub fn counted(daemon: &Daemon) -> Tally {
    read(&daemon.ask("/metrics").expect("the metrics"))
}

/// What was counted since `before`; waits for at least so many stanzas.
pub async fn counted_since(daemon: &Daemon, before: &Tally, of: u64) -> Tally {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let since = difference(&counted(daemon), before);
        if total(&since) >= of || Instant::now() > deadline {
            return since;
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Resident memory of the daemon, in bytes.
pub fn resident(daemon: &Daemon) -> usize {
    bytes(&daemon.process_status("VmRSS:"))
}

/// The most that it ever was.
pub fn resident_at_most(daemon: &Daemon) -> usize {
    bytes(&daemon.process_status("VmHWM:"))
}

/// Of a line of /proc/PID/status.
fn bytes(line: &str) -> usize {
    let kib: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1024
}
