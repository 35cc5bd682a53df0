//! What a program leaves to the next one, in a memory file.

use std::env;
use std::io;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::{info, warn};
use zeroize::Zeroizing;

use crate::config::Snapshot;
use crate::descriptor;
use crate::link::snapshot::ComponentSnapshot;
use crate::shortage::patiently;
use crate::time::unix_now;

use super::http::endpoint;
use super::memory_file;

/// The version of [`HandoverFile`] that this program leaves and takes. All programs with the same
/// version can take over each other's streams, so that an upgrade can be undone. A field that some
/// of them do not write has `#[serde(default)]`, here and in what the file holds, and is left out
/// where it is empty; no values are added to enums. The first of these programs is the one that
/// `tests/older` builds. From that one, the streams, the tokens and the list are taken over, but
/// not the counts of stanzas, which have other names there.
pub(crate) const HANDOVER_VERSION: u32 = 1;

/// What one program leaves to the next, as JSON in a sealed memory file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HandoverFile {
    pub version: u32,
    /// The version of the program that left it.
    pub program: String,
    /// Unix second in which the process began.
    pub started: u64,
    /// The socket that HTTP is served on.
    pub http: Option<RawFd>,
    pub components: Vec<ComponentSnapshot>,
    /// Requests that are being read or answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub http_connections: Vec<endpoint::ConnectionSnapshot>,
    /// The configuration that the next program has checked. Without it the files are read again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Snapshot>,
    /// A reload was asked for after the new program had read the files.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reload_later: bool,
}

impl HandoverFile {
    /// What the program before this one left, if there was one in this process. To be called
    /// before anything else opens a file.
    ///
    /// # Errors
    /// There was one, but what it left can't be used: its streams are lost.
    pub(crate) fn inherited() -> io::Result<Option<Self>> {
        let Some(number) = env::var(HANDOVER).ok().and_then(|number| number.parse().ok()) else {
            return Ok(None);
        };
        let Ok(file) = descriptor::adopt(number) else { return Ok(None) };
        match patiently(PATIENCE, || memory_file::read(&file).map(Some).or_else(foreign))? {
            Some(content) => Self::read(&content).map(Some),
            None => Ok(None),
        }
    }

    /// What a program left in the memory file with this number, for a trial.
    pub(crate) fn given(number: RawFd) -> io::Result<Self> {
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

    /// Writes it to a memory file that stays open for the next program.
    pub(crate) fn write(&self) -> io::Result<OwnedFd> {
        let content = Zeroizing::new(serde_json::to_vec(self)?);
        let file = memory_file::write(&content)?;
        descriptor::keep(file.as_fd(), true)?;
        Ok(file)
    }

    /// Logs that this program takes over.
    pub(crate) fn announce(&self) {
        info!(
            from_version = self.program,
            to_version = env!("CARGO_PKG_VERSION"),
            up_seconds = unix_now().saturating_sub(self.started),
            "upgraded in place"
        );
    }

    /// Closes the streams properly, since no program can take them over.
    pub(crate) fn close(self) {
        for domain in self.components.into_iter().flat_map(ComponentSnapshot::close_rest) {
            warn!(component = domain, "stream closed: it could not be taken over");
        }
    }

    /// The socket that HTTP was served on, and the requests there.
    pub(crate) fn take_http(&mut self) -> Option<(OwnedFd, Vec<endpoint::ConnectionSnapshot>)> {
        let connections = std::mem::take(&mut self.http_connections);
        let Some(socket) = self.http.take().and_then(|number| descriptor::adopt(number).ok())
        else {
            connections.into_iter().for_each(endpoint::ConnectionSnapshot::close);
            return None;
        };
        Some((socket, connections))
    }
}

/// A file of another kind is not a hand-over: the variable may have been copied with an
/// environment.
fn foreign<T>(error: io::Error) -> io::Result<Option<T>> {
    if error.kind() == io::ErrorKind::InvalidInput { Ok(None) } else { Err(error) }
}

/// For a program that is started without a hand-over.
pub(crate) fn warn_of_stray_variable() {
    if env::var_os(HANDOVER).is_some() {
        warn!("the variable {HANDOVER} is set, but no program has handed over anything");
    }
}

/// The environment variable with the number of the memory file's descriptor.
pub(crate) const HANDOVER: &str = "JAT_PROXY_HANDOVER";
/// How long to wait for a shortage to pass. Meanwhile the server keeps what it has for us.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    /// The names and values that programs of version 1 have agreed on.
    #[test]
    fn version_1_is_what_it_always_was() {
        let golden = include_str!("../../tests/data/handover-v1.json");
        let handover: HandoverFile = serde_json::from_str(golden).unwrap();
        assert_eq!(handover.version, HANDOVER_VERSION);
        let golden: serde_json::Value = serde_json::from_str(golden).unwrap();
        assert_eq!(serde_json::to_value(&handover).unwrap(), golden);
    }
}
