//! Exit codes, those of sysexits.h.

use std::process::ExitCode;

use crate::config::Problem;

/// How the program ends.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Success = 0,
    /// The command line is wrong.
    Usage = 64,
    /// The input is not what it should be.
    Data = 65,
    /// Something that is needed does not answer.
    Unavailable = 69,
    /// An internal error.
    Software = 70,
    /// A file, or standard output, can't be written.
    Io = 74,
    /// The configuration is wrong.
    Config = 78,
}

impl Exit {
    /// The exit code for a configuration that can't be used. A service manager tries again after
    /// errors that may pass by themselves, and not after others.
    pub fn of_problems(problems: &[Problem]) -> Self {
        if problems.iter().all(Problem::passes) { Self::Unavailable } else { Self::Config }
    }

    /// The first failure of two steps.
    pub fn and(self, then: Self) -> Self {
        if self == Self::Success { then } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
