//! SIGUSR2: the program's file as it is now, a new version perhaps, takes the place of the
//! running one in the same process (execve(2)), with all streams as they are. The server
//! notices nothing.

use std::env;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};
use zeroize::Zeroizing;

use crate::config::Snapshot;
use crate::descriptor;
use crate::link::{order, snapshot::ComponentSnapshot};
use crate::shortage::{explain, patiently};
use crate::time::unix_now;

use super::components::Components;
use super::http::endpoint::{self, Endpoint};
use super::logging;
use super::memory_file;
use super::signals::{self, Signals};
use super::successor::{ExecuteError, Successor};
use super::takeover::PATIENCE;

/// The version of [`HandoverFile`] that this program leaves and takes. Fields may be added under the
/// same one if both sides can do without them (`#[serde(default)]`), words of enums may not.
pub const HANDOVER_VERSION: u32 = 1;

/// What one program leaves to the next, as JSON in a sealed memory file.
#[derive(Debug, Serialize, Deserialize)]
pub struct HandoverFile {
    version: u32,
    /// The version of the program that left it.
    program: String,
    /// Unix second in which the process began.
    pub started: u64,
    /// The socket that HTTP is served on.
    http: Option<RawFd>,
    pub components: Vec<ComponentSnapshot>,
    /// Requests that are being read or answered. Came later than the rest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    http_connections: Vec<endpoint::Handover>,
    /// The configuration, as the next program has checked it. Came later than the rest: without it
    /// the files are read again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Snapshot>,
    /// A reload was asked for after the new program had read the files. Came later than the rest.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reload_later: bool,
}

/// Why the running program goes on.
#[derive(Debug, thiserror::Error)]
pub enum UpgradeError {
    #[error("the configuration was not reloaded")]
    Configuration,
    #[error("told to stop")]
    Stopped,
    #[error("streams that a reload took away are still being closed; try again later")]
    Closing,
    #[error("the stream of {0} could not be halted; try again later")]
    Busy(String),
    #[error("can't write down what is to be handed over: {}", explain(.0))]
    Write(#[from] io::Error),
    /// All its own words.
    #[error("{0}")]
    Rehearsal(String),
    #[error(transparent)]
    Execute(#[from] ExecuteError),
}

/// Hands everything over to `successor`. Returns if that fails, and then all goes on as before.
pub async fn hand_over(
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
            // Those that come from now on are for the next program, which inherits them.
            signals::block();
            // One that was caught before shows after a look at the outside.
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
    // A socket that stays open over a later exec would be a leak, no more.
    let _ = http.keep(false);
    let _ = http.keep_connections(false);
    http.go_on().await;
    components.go_on();
    error
}

/// Halts everything, writes it down, and has the next program take over exactly that for a trial.
/// What is left to do then is to execute it.
async fn prepare(
    successor: &Successor,
    components: &Components,
    http: &mut Endpoint,
    reload_later: bool,
) -> Result<OwnedFd, UpgradeError> {
    let newer = successor.snapshot.is_some();
    let for_whom = if newer { order::Successor::Newer } else { order::Successor::Older };
    let left = timeout(CLOSING_TIME, components.all_left()).await;
    left.map_err(|_| UpgradeError::Closing)?;
    components.pause(for_whom, false).await.map_err(UpgradeError::Busy)?;
    if newer {
        // An older one would not know what to do with requests.
        http.halt().await;
    }
    let file = write(successor, components, http, reload_later)?;
    successor.rehearse(&file).await.map_err(UpgradeError::Rehearsal)?;
    if !components.any_encrypted() {
        return Ok(file);
    }
    // They are closed for it, so not before all has gone well. What was tried stays the same.
    successor.is_unchanged().await.map_err(UpgradeError::Rehearsal)?;
    components.pause(for_whom, true).await.map_err(UpgradeError::Busy)?;
    Ok(write(successor, components, http, reload_later)?)
}

fn write(
    successor: &Successor,
    components: &Components,
    http: &Endpoint,
    reload_later: bool,
) -> io::Result<OwnedFd> {
    let handover = HandoverFile {
        version: HANDOVER_VERSION,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        started: components.started(),
        http: http.keep(true)?,
        http_connections: http.keep_connections(true)?,
        components: components.hand_over()?,
        snapshot: successor.snapshot.clone(),
        reload_later,
    };
    let content = Zeroizing::new(serde_json::to_vec(&handover)?);
    let file = memory_file::write(&content)?;
    descriptor::keep(file.as_fd(), true)?;
    Ok(file)
}

impl HandoverFile {
    /// What the program before this one left, if there was one in this process. To be called
    /// before anything else opens a file.
    ///
    /// # Errors
    /// There was one, but what it left can't be used: its streams are lost.
    pub fn inherited() -> io::Result<Option<Self>> {
        let Some(number) = env::var(HANDOVER).ok().and_then(|number| number.parse().ok()) else {
            return Ok(None);
        };
        let Ok(file) = descriptor::adopt(number) else { return Ok(None) };
        match patiently(PATIENCE, || memory_file::read(&file).map(Some).or_else(foreign))? {
            Some(content) => Self::read(&content).map(Some),
            None => Ok(None),
        }
    }

    /// What a program left in the memory file that has this number, for a trial.
    pub fn given(number: RawFd) -> io::Result<Self> {
        Self::read(&memory_file::read(descriptor::adopt(number)?)?)
    }

    fn read(content: &[u8]) -> io::Result<Self> {
        let handover: Self = serde_json::from_slice(content)?;
        if handover.version != HANDOVER_VERSION {
            let message = format!("a hand-over of version {}", handover.version);
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(handover)
    }

    /// Says in the log that this program goes on with it.
    pub fn announce(&self) {
        info!(
            from_version = self.program,
            to_version = env!("CARGO_PKG_VERSION"),
            up_seconds = unix_now().saturating_sub(self.started),
            "upgraded in place"
        );
    }

    /// Ends the streams in good order, since nobody can go on with them.
    pub fn close(self) {
        for domain in self.components.into_iter().flat_map(ComponentSnapshot::close_rest) {
            warn!(component = domain, "stream closed: it could not be taken over");
        }
    }

    /// The socket that HTTP was served on, and the requests there.
    pub fn take_http(&mut self) -> Option<(OwnedFd, Vec<endpoint::Handover>)> {
        let connections = std::mem::take(&mut self.http_connections);
        let Some(socket) = self.http.take().and_then(|number| descriptor::adopt(number).ok())
        else {
            connections.into_iter().for_each(endpoint::Handover::close);
            return None;
        };
        Some((socket, connections))
    }
}

/// Another file is no hand-over, as when a variable was copied with its environment.
fn foreign<T>(error: io::Error) -> io::Result<Option<T>> {
    if error.kind() == io::ErrorKind::InvalidInput { Ok(None) } else { Err(error) }
}

/// For a program that starts afresh.
pub fn warn_of_stray_variable() {
    if env::var_os(HANDOVER).is_some() {
        warn!("the variable {HANDOVER} is set, but no program has handed over anything");
    }
}

/// The environment variable with the number of the memory file's descriptor.
const HANDOVER: &str = "JAT_PROXY_HANDOVER";
/// How long streams that a reload took away may delay an upgrade.
const CLOSING_TIME: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    /// Programs that hand over in version 1 are out there, and so are those that take it: what
    /// they agree on must stay.
    #[test]
    fn version_1_is_what_it_always_was() {
        let golden = include_str!("../../tests/data/handover-v1.json");
        let handover: HandoverFile = serde_json::from_str(golden).unwrap();
        assert_eq!(handover.version, HANDOVER_VERSION);
        let golden: serde_json::Value = serde_json::from_str(golden).unwrap();
        assert_eq!(serde_json::to_value(&handover).unwrap(), golden);
    }
}
