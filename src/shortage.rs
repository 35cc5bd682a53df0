//! Shortages of the process or the machine: each makes one attempt fail, and may pass by itself.

use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::io::Errno;

/// Whether `error` says that this process, or this machine, has too little of something.
pub(crate) fn is_shortage(error: &io::Error) -> bool {
    let shortages = [
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOMEM,
        Errno::NOBUFS,
        Errno::NOSPC,
        Errno::DQUOT,
        Errno::FBIG,
    ];
    Errno::from_io_error(error).is_some_and(|errno| shortages.contains(&errno))
}

/// `error`, and what to do about a shortage.
pub(crate) fn explain(error: &io::Error) -> String {
    match remedy(error) {
        Some(remedy) => format!("{error}; {remedy}"),
        None => error.to_string(),
    }
}

/// What to do about a shortage; `None` if it is not one.
pub(crate) fn remedy(error: &io::Error) -> Option<&'static str> {
    // In this program only the start of a thread causes this error.
    if error.kind() == io::ErrorKind::WouldBlock {
        return Some("raise TasksMax= or LimitNPROC= in its unit");
    }
    Errno::from_io_error(error).and_then(of_errno)
}

fn of_errno(errno: Errno) -> Option<&'static str> {
    Some(match errno {
        Errno::MFILE => "raise LimitNOFILE= in its unit (ulimit -n)",
        Errno::NFILE => "the whole machine has too many open files: see fs.file-max",
        Errno::NOMEM | Errno::NOBUFS => {
            "there is too little memory: see MemoryMax= and LimitAS= in its unit"
        }
        Errno::FBIG => "LimitFSIZE= in its unit (ulimit -f) limits memory files, too",
        Errno::NOSPC | Errno::DQUOT => "there is no room left",
        _ => return None,
    })
}

/// The result of `attempt` when it succeeds, or at the end of `patience`. Blocks, so it is only
/// for where there is nothing else to do.
pub(crate) fn patiently<T, E>(
    patience: Duration,
    mut attempt: impl FnMut() -> Result<T, E>,
) -> Result<T, E> {
    let end = Instant::now() + patience;
    loop {
        match attempt() {
            Err(_) if Instant::now() < end => sleep(PAUSE),
            result => return result,
        }
    }
}

const PAUSE: Duration = Duration::from_millis(20);
