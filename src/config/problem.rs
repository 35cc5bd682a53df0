//! What is wrong with a configuration: where, what, and what to do about it.

use std::fmt;
use std::io;
use std::path::PathBuf;

use rustix::io::Errno;

use crate::misleading::printable;
use crate::shortage::{is_shortage, remedy};

/// One thing to tell the operator. Never shows a secret.
///
/// Displays as `error: FILE:LINE:COLUMN: message`, and on a second line the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub severity: Severity,
    pub place: Option<Position>,
    pub message: String,
    /// What to do; empty where the message says it all.
    pub hint: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The configuration can't be used.
    Error,
    /// It can't be used now, but that may pass without anybody changing it.
    Passing,
    /// The configuration can be used, but should not stay like this.
    Warning,
}

/// A position in a file, counted from 1; columns are characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub file: PathBuf,
    pub line: usize,
    pub column: usize,
}

impl Problem {
    pub fn error(
        place: impl Into<Option<Position>>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        let (severity, place) = (Severity::Error, place.into());
        // They quote names and values from a file, and a file may hold anything.
        let [message, hint] = [message.into(), hint.into()].map(|text| printable(&text));
        Self { severity, place, message, hint }
    }

    pub fn warning(
        place: impl Into<Option<Position>>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self { severity: Severity::Warning, ..Self::error(place, message, hint) }
    }

    /// That something can't be had now: a descriptor, a thread, an answer of the disk.
    pub fn passing(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { severity: Severity::Passing, ..Self::error(None, message, hint) }
    }

    /// That a file can't be read, which may be the fault of the process and not of the file.
    pub fn unreadable(
        place: impl Into<Option<Position>>,
        message: impl Into<String>,
        hint: &str,
        error: &io::Error,
    ) -> Self {
        let of_disk = Errno::from_io_error(error).is_some_and(|errno| OF_DISK.contains(&errno));
        let passes = of_disk || is_shortage(error);
        let severity = if passes { Severity::Passing } else { Severity::Error };
        let hint = remedy(error).unwrap_or(hint);
        Self { severity, ..Self::error(place, message, hint) }
    }

    pub fn is_error(&self) -> bool {
        self.severity != Severity::Warning
    }

    /// Whether it can pass by itself.
    pub fn passes(&self) -> bool {
        self.severity != Severity::Error
    }
}

/// Errors of a disk that is broken or gone, above all of a network disk.
const OF_DISK: [Errno; 13] = [
    Errno::IO,
    Errno::REMOTEIO,
    Errno::STALE,
    Errno::NOLINK,
    Errno::TIMEDOUT,
    Errno::NOTCONN,
    Errno::CONNREFUSED,
    Errno::CONNRESET,
    Errno::CONNABORTED,
    Errno::HOSTDOWN,
    Errno::HOSTUNREACH,
    Errno::NETDOWN,
    Errno::NETUNREACH,
];

/// All `problems`, each on its lines: what `check`, the daemon and its reload show.
pub fn render(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.severity {
            Severity::Error | Severity::Passing => "error: ",
            Severity::Warning => "warning: ",
        })?;
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)?;
        if !self.hint.is_empty() {
            write!(f, "\n  help: {}", self.hint)?;
        }
        Ok(())
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = printable(&self.file.to_string_lossy());
        write!(f, "{file}:{}:{}", self.line, self.column)
    }
}
