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
    /// What was given to look at is not what it should be.
    Data = 65,
    /// Something that is needed does not answer.
    Unavailable = 69,
    /// It should have worked.
    Software = 70,
    /// A file, or standard output, can't be written.
    Io = 74,
    /// The configuration is wrong.
    Config = 78,
}

impl Exit {
    /// Of a configuration that can't be used. What may pass by itself is tried again by a service
    /// manager, and another mistake is not.
    pub fn of_problems(problems: &[Problem]) -> Self {
        if problems.iter().all(Problem::passes) { Self::Unavailable } else { Self::Config }
    }

    /// Of two things that were done the first that failed.
    pub fn and(self, then: Self) -> Self {
        if self == Self::Success { then } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
