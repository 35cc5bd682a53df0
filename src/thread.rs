//! Threads beside the event loop, for what may block. Nobody waits for their end: whatever hangs
//! in one holds up neither the relay nor the end of the process.

use std::io;
use std::thread;

use nix::sys::signal::{SigSet, SigmaskHow};

/// Runs `work` on a thread of its own, which leaves all signals to the main thread.
///
/// # Errors
/// The system gives no thread: see TasksMax= and LimitNPROC= in its unit.
pub fn start(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    // A new thread has the mask of the one that started it: no signal comes in between.
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    let started = thread::Builder::new().name(name.to_owned()).spawn(work);
    before.thread_set_mask()?;
    started.map(drop).map_err(|error| {
        let text = format!("no thread for {name}: {error}");
        io::Error::new(error.kind(), text)
    })
}
