//! SIGUSR2: the program's file as it is now, perhaps a new version, takes the place of the running
//! program in the same process (execve(2)), with all streams as they are. The server notices
//! nothing.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tracing::info;

use crate::shortage::explain;

use super::components::Components;
use super::handover_file::{HANDOVER, HANDOVER_VERSION, HandoverFile};
use super::http::endpoint::Endpoint;
use super::logging;
use super::question;
use super::signals::{self, Signals};
use super::successor::{ExecuteError, Successor};

/// Why the running program goes on.
#[derive(Debug, thiserror::Error)]
pub(super) enum UpgradeError {
    #[error("the configuration was not reloaded")]
    Configuration,
    #[error("told to stop")]
    Stopped,
    #[error("streams that a reload removed are still being closed; try again later")]
    Closing,
    #[error("the stream of {0} could not be halted; try again later")]
    Busy(String),
    #[error("can't write the state that is to be handed over: {}", explain(.0))]
    Write(#[from] io::Error),
    /// All its own words.
    #[error("{0}")]
    Rehearsal(String),
    #[error(transparent)]
    Execute(#[from] ExecuteError),
}

/// Hands everything over to `successor`. Returns only if that fails, and then nothing has changed.
pub(super) async fn hand_over(
    successor: &Successor,
    components: &Components,
    http: &mut Endpoint,
    signals: &mut Signals,
    reload_later: bool,
) -> UpgradeError {
    let ready = tokio::select! {
        ready = prepare(successor, components, http, reload_later) => ready,
        () = signals.stop() => Err(UpgradeError::Stopped),
    };
    let error = match ready {
        Ok(file) => {
            // Signals that come from now on are for the next program, which inherits them.
            signals::block();
            // A signal caught before waits in a pipe. The runtime reads the pipe before it returns
            // from any wait, however short.
            sleep(Duration::from_millis(1)).await;
            signals.raise_pending();
            info!(program = successor.path(), "handing over");
            logging::flush();
            let error = successor.execute(HANDOVER, file.as_raw_fd());
            signals::unblock();
            error.into()
        }
        Err(error) => error,
    };
    // If this fails, the socket stays open over a later exec: a leak, no more.
    let _ = http.keep(false);
    let _ = http.keep_connections(false);
    http.go_on().await;
    components.go_on();
    error
}

/// Halts everything, writes it to the memory file, and has the next program take over exactly that
/// for a trial. After this it only remains to execute the program.
async fn prepare(
    successor: &Successor,
    components: &Components,
    http: &mut Endpoint,
    reload_later: bool,
) -> Result<OwnedFd, UpgradeError> {
    let left = timeout(CLOSING_TIME, components.all_left()).await;
    left.map_err(|_| UpgradeError::Closing)?;
    components.pause(false).await.map_err(UpgradeError::Busy)?;
    http.halt().await;
    let file = write(successor, components, http, reload_later)?;
    successor.rehearse(&file).await.map_err(UpgradeError::Rehearsal)?;
    if !components.any_encrypted() {
        return Ok(file);
    }
    // Encrypted streams are closed for the upgrade, so not before everything else has gone well.
    // What was tried stays the same.
    let end = question::deadline();
    successor.is_unchanged(end).await.map_err(UpgradeError::Rehearsal)?;
    components.pause(true).await.map_err(UpgradeError::Busy)?;
    Ok(write(successor, components, http, reload_later)?)
}

fn write(
    successor: &Successor,
    components: &Components,
    http: &Endpoint,
    reload_later: bool,
) -> io::Result<OwnedFd> {
    HandoverFile {
        version: HANDOVER_VERSION,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        started: components.started(),
        http: http.keep(true)?,
        http_connections: http.keep_connections(true)?,
        components: components.hand_over()?,
        snapshot: Some(successor.snapshot.clone()),
        reload_later,
    }
    .write()
}

/// How long streams that a reload took away may delay an upgrade.
const CLOSING_TIME: Duration = Duration::from_secs(10);
