//! What a daemon has counted, and its memory.

use jat_proxy::jat::tally::Tally;
use test_support::daemon::Daemon;
use test_support::tally::{difference, read, total};
use test_support::wait::comes_meanwhile;

/// The counters of stanzas.
pub fn counted(daemon: &Daemon) -> Tally {
    read(&daemon.get("/metrics").body)
}

/// The counts since `before`; waits for at least so many stanzas.
pub async fn counted_since(daemon: &Daemon, before: &Tally, of: u64) -> Tally {
    let mut since = Tally::default();
    // The caller compares the counts.
    comes_meanwhile(|| {
        since = difference(&counted(daemon), before);
        total(&since) >= of
    })
    .await;
    since
}

/// Resident memory of the daemon, in bytes.
pub fn resident(daemon: &Daemon) -> usize {
    bytes(daemon, "VmRSS")
}

/// Its maximum so far.
pub fn resident_at_most(daemon: &Daemon) -> usize {
    bytes(daemon, "VmHWM")
}

fn bytes(daemon: &Daemon, field: &str) -> usize {
    usize::try_from(daemon.process_number(field)).expect("it fits")
}
