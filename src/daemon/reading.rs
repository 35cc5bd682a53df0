//! Reads a configuration on a thread of its own: the disk that it is on may hang.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::config::{self, Config, Problem};
use crate::shortage::explain;
use crate::thread;
use crate::time::unix_now;

/// A configuration and its warnings, or all that is wrong with it.
pub type Loaded = Result<(Config, Vec<Problem>), Vec<Problem>>;

/// Reads the configuration at `path`, in 10 s or not at all.
pub async fn load(path: PathBuf) -> Loaded {
    let (tell, told) = oneshot::channel();
    begin(&path, move |loaded| drop(tell.send(loaded))).map_err(|problem| vec![problem])?;
    match timeout(LIMIT, told).await {
        Ok(Ok(loaded)) => loaded,
        Ok(Err(_)) => Err(vec![failed(&path)]),
        Err(_) => Err(vec![hangs(&path)]),
    }
}

/// The same where there is nothing else to do. Without a thread it takes as long as it takes.
pub fn load_waiting(path: &Path) -> Loaded {
    let (tell, told) = mpsc::channel();
    if begin(path, move |loaded| drop(tell.send(loaded))).is_err() {
        return config::load(path, unix_now());
    }
    told.recv_timeout(LIMIT).unwrap_or_else(|error| match error {
        mpsc::RecvTimeoutError::Timeout => Err(vec![hangs(path)]),
        mpsc::RecvTimeoutError::Disconnected => Err(vec![failed(path)]),
    })
}

fn begin(path: &Path, tell: impl FnOnce(Loaded) + Send + 'static) -> Result<(), Problem> {
    let at_it = AtIt::begin();
    if at_it.others >= MOST {
        return Err(hangs(path));
    }
    let of = path.to_owned();
    let read = move || {
        let _at_it = at_it;
        tell(config::load(&of, unix_now()));
    };
    thread::start("the configuration", read).map_err(|error| {
        Problem::passing(format!("can't read {}: {}", path.display(), explain(&error)), "")
    })
}

/// A thread that reads, or that tries to.
struct AtIt {
    others: usize,
}

impl AtIt {
    fn begin() -> Self {
        Self { others: AT_IT.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for AtIt {
    fn drop(&mut self) {
        AT_IT.fetch_sub(1, Ordering::Relaxed);
    }
}

fn hangs(path: &Path) -> Problem {
    let (path, seconds) = (path.display(), LIMIT.as_secs());
    let message = format!("can't read {path}, and all that it names, within {seconds} s");
    Problem::passing(message, "does the disk or the network that one of them is on hang?")
}

fn failed(path: &Path) -> Problem {
    Problem::passing(format!("can't read {}: a bug", path.display()), "see the log")
}

static AT_IT: AtomicUsize = AtomicUsize::new(0);
/// Threads that hang at the same disk.
const MOST: usize = 4;
const LIMIT: Duration = Duration::from_secs(10);
