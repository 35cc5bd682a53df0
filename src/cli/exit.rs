//! Exit codes, those of sysexits.h.

use std::process::ExitCode;

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
