//! The program that is to take the place of this one, and what it has to do first: read the
//! configuration, and take over everything for a trial.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};

use tokio::time::Instant;

use crate::config::Snapshot;

use super::handover_file::HANDOVER_VERSION;
use super::program::{Identity, Program};
use super::question;

/// A program that accepted the configuration and this version of a hand-over when it was asked.
pub(super) struct Successor {
    program: Program,
    identity: Identity,
    config: PathBuf,
    /// The files of the configuration that it accepted.
    pub snapshot: Snapshot,
}

/// Why the program was not executed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExecuteError {
    #[error("can't execute {path}: {error}")]
    Failed { path: String, error: io::Error },
    #[error("{path} was replaced after it was checked; send SIGUSR2 again")]
    Replaced { path: String },
}

impl Successor {
    /// Asks the current file of `program` whether it accepts the configuration at `config`, and
    /// this version of a hand-over.
    ///
    /// # Errors
    /// Why it does not, for people.
    pub(super) async fn ask(program: Program, config: PathBuf) -> Result<Self, String> {
        let failed = |error| format!("can't run {}: {error}", program.path().display());
        let end = question::deadline();
        let identity = question::identity(&program, end).await?.map_err(failed)?;
        let answer = question::ask(program.path(), check(&config), end).await?;
        // Any program may end with 0; none but this one answers like that.
        let snapshot = serde_json::from_slice(&answer).map_err(|_| {
            let path = program.path().display();
            format!("{path} does not answer as jat-proxy does: is it another program?")
        })?;
        Ok(Self { program, identity, config, snapshot })
    }

    /// Has it take over what is in `handover`, in a process of its own that ends afterwards.
    ///
    /// # Errors
    /// Why it can't, for people.
    pub(super) async fn rehearse(&self, handover: &OwnedFd) -> Result<(), String> {
        let end = question::deadline();
        self.is_unchanged(end).await?;
        let number = handover.as_raw_fd().to_string();
        let rehearse = [OsString::from("--rehearse"), OsString::from(number)];
        let arguments = check(&self.config).into_iter().chain(rehearse);
        question::ask(self.program.path(), arguments, end).await.map(drop)
    }

    /// Executes it in place of this program. Returns only if that fails, and then nothing has
    /// changed.
    pub(super) fn execute(&self, variable: &str, descriptor: RawFd) -> ExecuteError {
        match self.compare(self.program.identity()) {
            Ok(()) => self.failed(self.program.execute(variable, descriptor)),
            Err(error) => error,
        }
    }

    /// Checks that the program is still the one that was asked.
    ///
    /// # Errors
    /// It was replaced, or can't be looked at by `end`, for people.
    pub(super) async fn is_unchanged(&self, end: Instant) -> Result<(), String> {
        let now = question::identity(&self.program, end).await?;
        self.compare(now).map_err(|error| error.to_string())
    }

    fn compare(&self, now: io::Result<Identity>) -> Result<(), ExecuteError> {
        match now {
            Ok(identity) if identity == self.identity => Ok(()),
            Ok(_) => Err(ExecuteError::Replaced { path: self.path() }),
            Err(error) => Err(self.failed(error)),
        }
    }

    fn failed(&self, error: io::Error) -> ExecuteError {
        ExecuteError::Failed { path: self.path(), error }
    }

    pub(super) fn path(&self) -> String {
        self.program.path().display().to_string()
    }
}

/// The arguments with which a program is asked.
fn check(config: &Path) -> Vec<OsString> {
    let version = HANDOVER_VERSION.to_string();
    ["check".into(), "-c".into(), config.into(), "--handover-version".into(), version.into()].into()
}
