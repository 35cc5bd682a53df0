//! Reads a configuration on a separate thread, since its disk may hang.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::{self, Config, Problem, Snapshot};
use crate::shortage::explain;
use crate::thread::{Unfinished, Workers};
use crate::time::unix_now;

/// A configuration and its warnings, or all that is wrong with it.
pub(crate) type Loaded = Result<(Config, Vec<Problem>), Vec<Problem>>;

/// Reads the configuration at `path`, within 10 s or not at all.
pub(crate) async fn load(path: PathBuf) -> Loaded {
    let of = path.clone();
    let loaded = READERS.run(LIMIT, move || config::load(&of, unix_now())).await;
    loaded.unwrap_or_else(|unfinished| Err(vec![problem(&path, &unfinished)]))
}

/// Like [`load`], but files that are in the `snapshot` are taken from there.
pub(crate) async fn load_again(path: PathBuf, snapshot: Snapshot) -> Loaded {
    let of = path.clone();
    let loaded = CHECKERS.run(LIMIT, move || snapshot.load(&of)).await;
    loaded.unwrap_or_else(|unfinished| Err(vec![problem(&path, &unfinished)]))
}

/// Like [`load`], but blocks. If there is no thread for it, there is no time limit.
pub(crate) fn load_waiting(path: &Path) -> Loaded {
    let of = path.to_owned();
    match READERS.run_waiting(LIMIT, move || config::load(&of, unix_now())) {
        Ok(loaded) => loaded,
        Err(Unfinished::NoThread(_)) => config::load(path, unix_now()),
        Err(unfinished) => Err(vec![problem(path, &unfinished)]),
    }
}

fn problem(path: &Path, unfinished: &Unfinished) -> Problem {
    let path = path.display();
    let (message, hint) = match unfinished {
        Unfinished::Hangs => (
            format!("can't read {path} and the files that it names within {} s", LIMIT.as_secs()),
            "does the disk or network file system of one of them hang?",
        ),
        Unfinished::NoThread(error) => (format!("can't read {path}: {}", explain(error)), ""),
        Unfinished::Panicked => (format!("can't read {path}: a bug"), "see the log"),
    };
    Problem::passing(message, hint)
}

static READERS: Workers = Workers::new("the configuration");
/// Separate threads, so that a read that hangs on a disk does not delay the check of what was read
/// already.
static CHECKERS: Workers = Workers::new("the snapshot");
const LIMIT: Duration = Duration::from_secs(10);
