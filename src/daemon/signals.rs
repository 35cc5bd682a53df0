//! The signals that the daemon takes. All of them go to the main thread.

use std::io;

use futures_util::FutureExt;
use nix::sys::signal::Signal::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use nix::sys::signal::{self, SigSet};
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGTERM or SIGINT.
    Stop,
    /// SIGHUP.
    Reload,
    /// SIGUSR2.
    Upgrade,
    /// SIGUSR1, which is harmless for some daemons.
    Nothing,
}

/// Handlers for all of them; from now on none has its default action.
pub(crate) struct Signals {
    streams: [(signal::Signal, Signal, Stream); 5],
}

impl Signals {
    /// Takes signals from now on, including those that the previous program held back for this
    /// one.
    pub(crate) fn listen() -> io::Result<Self> {
        let listen = |kind: SignalKind, asks: Signal| -> io::Result<_> {
            let number = signal::Signal::try_from(kind.as_raw_value())?;
            Ok((number, asks, signal(kind)?))
        };
        let signals = Self {
            streams: [
                listen(SignalKind::terminate(), Signal::Stop)?,
                listen(SignalKind::interrupt(), Signal::Stop)?,
                listen(SignalKind::hangup(), Signal::Reload)?,
                listen(SignalKind::user_defined2(), Signal::Upgrade)?,
                listen(SignalKind::user_defined1(), Signal::Nothing)?,
            ],
        };
        unblock();
        Ok(signals)
    }

    pub(crate) async fn next(&mut self) -> Signal {
        let [(_, a, term), (_, b, int), (_, c, hup), (_, d, usr2), (_, e, usr1)] =
            &mut self.streams;
        tokio::select! {
            _ = term.recv() => *a,
            _ = int.recv() => *b,
            _ = hup.recv() => *c,
            _ = usr2.recv() => *d,
            _ = usr1.recv() => *e,
        }
    }

    /// Waits for [`Signal::Stop`] only; other signals wait for [`Self::next`].
    pub(crate) async fn stop(&mut self) {
        let [(_, _, term), (_, _, int), ..] = &mut self.streams;
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    }

    /// Raises again, while all are blocked, the signals that were caught and not yet acted on.
    pub(crate) fn raise_pending(&mut self) {
        for (number, _, stream) in &mut self.streams {
            if stream.recv().now_or_never().is_some() {
                // To the process, as it came.
                let _ = signal::kill(nix::unistd::Pid::this(), *number);
            }
        }
    }
}

/// To be called before anything else: signals for the daemon wait until the daemon takes them, and
/// a limit on the size of files (`LimitFSIZE=`) becomes an error of the write.
pub(crate) fn hold() {
    // The kernel does not deliver a signal with its default action to process 1, that of a
    // container: it would be lost. Any other process may be stopped while it starts.
    let is_init = nix::unistd::Pid::this().as_raw() == 1;
    let held = if is_init { taken() } else { early() };
    // Fails only for an invalid argument.
    let _ = held.thread_block();
    let _ = SigSet::from(signal::Signal::SIGXFSZ).thread_block();
}

/// For a process that does not become a daemon: those signals get their default action back.
pub(crate) fn release() {
    unblock();
}

/// Has this thread hold back the daemon's signals, except those that a process which it starts
/// must get, since a process inherits what its thread holds back. Our own program releases the
/// others itself, and a process that does not is killed when its time is over.
pub(crate) fn leave_to_children() {
    // Fails only for an invalid argument.
    let _ = taken().thread_set_mask();
    let _ = SigSet::from(signal::Signal::SIGXFSZ).thread_block();
}

/// Takes the signals that were held back, and new ones.
pub(crate) fn unblock() {
    // Fails only for an invalid argument.
    let _ = taken().thread_unblock();
}

/// Holds signals back; on any thread but the main one, leaves them to that.
pub(crate) fn block() {
    // Fails only for an invalid argument.
    let _ = taken().thread_block();
}

/// Those that must not end a daemon that is starting; one that is starting may still be told to
/// stop.
fn early() -> SigSet {
    [SIGHUP, SIGUSR1, SIGUSR2].into_iter().collect()
}

fn taken() -> SigSet {
    [SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2].into_iter().collect()
}
