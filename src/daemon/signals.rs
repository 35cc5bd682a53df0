//! The signals that the daemon takes. All of them go to the main thread.

use std::io;

use futures_util::FutureExt;
use nix::sys::signal::{self, SigSet};
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM or SIGINT.
    Stop,
    /// SIGHUP.
    Reload,
    /// SIGUSR2.
    Upgrade,
}

/// Handlers for all of them; from now on none has its default action.
pub struct Signals {
    streams: [(signal::Signal, Signal, Stream); 4],
}

impl Signals {
    /// Takes signals from now on, also those that were held back for this program by the one
    /// that handed over to it.
    pub fn listen() -> io::Result<Self> {
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
            ],
        };
        unblock();
        Ok(signals)
    }

    pub async fn next(&mut self) -> Signal {
        let [(_, a, term), (_, b, int), (_, c, hup), (_, d, usr2)] = &mut self.streams;
        tokio::select! {
            _ = term.recv() => *a,
            _ = int.recv() => *b,
            _ = hup.recv() => *c,
            _ = usr2.recv() => *d,
        }
    }

    /// Waits for [`Signal::Stop`] only; others wait for [`Self::next`].
    pub async fn stop(&mut self) {
        let [(_, _, term), (_, _, int), ..] = &mut self.streams;
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    }

    /// Raises again a reload that was not acted on.
    pub fn raise_reload(&self) {
        // To the process, as it came.
        let _ = signal::kill(nix::unistd::Pid::this(), signal::Signal::SIGHUP);
    }

    /// Raises again, while all are blocked, the signals that were caught and not yet acted on.
    pub fn raise_pending(&mut self) {
        for (number, _, stream) in &mut self.streams {
            if stream.recv().now_or_never().is_some() {
                // To the process, as it came.
                let _ = signal::kill(nix::unistd::Pid::this(), *number);
            }
        }
    }
}

/// Takes the signals that were held back, and all that come.
pub fn unblock() {
    // Fails only for an invalid argument.
    let _ = taken().thread_unblock();
}

/// Holds signals back; on any thread but the main one, leaves them to that.
pub fn block() {
    // Fails only for an invalid argument.
    let _ = taken().thread_block();
}

fn taken() -> SigSet {
    use signal::Signal::{SIGHUP, SIGINT, SIGTERM, SIGUSR2};
    [SIGHUP, SIGINT, SIGTERM, SIGUSR2].into_iter().collect()
}
