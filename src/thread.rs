//! Threads next to the event loop, for work that may block. Nobody waits for their end, so a thread
//! that hangs delays neither the relay nor the end of the process.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{SigSet, SigmaskHow};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Runs `work` on a new thread, which leaves all signals to the main thread.
///
/// # Errors
/// The system gives no thread: see TasksMax= and LimitNPROC= in its unit.
pub(crate) fn start(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    // A new thread has the mask of the one that started it: no signal comes in between.
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    let started = thread::Builder::new().name(name.to_owned()).spawn(work);
    before.thread_set_mask()?;
    started.map(drop).map_err(|error| {
        let text = format!("no thread for {name}: {error}");
        io::Error::new(error.kind(), text)
    })
}

/// Threads for one kind of work that may hang: only a few of them at a time.
pub(crate) struct Workers {
    name: &'static str,
    busy: AtomicUsize,
}

/// Why there is no result.
#[derive(Debug)]
pub(crate) enum Unfinished {
    /// It takes too long, or earlier work hangs.
    Hangs,
    NoThread(io::Error),
    Panicked,
}

impl Workers {
    pub(crate) const fn new(name: &'static str) -> Self {
        Self { name, busy: AtomicUsize::new(0) }
    }

    /// The result of `work`, if it comes within `limit`. Otherwise the work continues, and its
    /// result is dropped.
    pub(crate) async fn run<T: Send + 'static>(
        &'static self,
        limit: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Unfinished> {
        let (tell, told) = oneshot::channel();
        self.begin(move || drop(tell.send(work())))?;
        match timeout(limit, told).await {
            Ok(result) => result.map_err(|_| Unfinished::Panicked),
            Err(_) => Err(Unfinished::Hangs),
        }
    }

    /// The same, but blocks.
    pub(crate) fn run_waiting<T: Send + 'static>(
        &'static self,
        limit: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Unfinished> {
        let (tell, told) = mpsc::channel();
        self.begin(move || drop(tell.send(work())))?;
        told.recv_timeout(limit).map_err(|error| match error {
            mpsc::RecvTimeoutError::Timeout => Unfinished::Hangs,
            mpsc::RecvTimeoutError::Disconnected => Unfinished::Panicked,
        })
    }

    fn begin(&'static self, work: impl FnOnce() + Send + 'static) -> Result<(), Unfinished> {
        let busy = Busy::begin(&self.busy);
        if busy.others >= MOST {
            return Err(Unfinished::Hangs);
        }
        let work = move || {
            let _busy = busy;
            work();
        };
        start(self.name, work).map_err(Unfinished::NoThread)
    }
}

/// A thread that is working, or about to.
struct Busy {
    counter: &'static AtomicUsize,
    others: usize,
}

impl Busy {
    fn begin(counter: &'static AtomicUsize) -> Self {
        Self { counter, others: counter.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.counter.fetch_sub(1, Ordering::Relaxed);
    }
}

/// At most this many threads for each kind of work.
const MOST: usize = 4;
