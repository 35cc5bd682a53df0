//! File descriptors that outlive this process image: they are handed over to the program that
//! takes its place (execve(2)).

use std::io;
use std::os::fd::{AsFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

use rustix::io::{FdFlags, fcntl_setfd};

/// Decides whether `fd` stays open when another program takes the place of this one.
pub(crate) fn keep(fd: impl AsFd, keep: bool) -> io::Result<()> {
    let flags = if keep { FdFlags::empty() } else { FdFlags::CLOEXEC };
    Ok(fcntl_setfd(fd, flags)?)
}

/// Takes a descriptor that the program before this one has kept open.
///
/// # Errors
/// There is no such descriptor.
#[expect(unsafe_code, reason = "descriptors that are handed over are known by number only")]
pub(crate) fn adopt(number: RawFd) -> io::Result<OwnedFd> {
    if number <= STANDARD_ERROR {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: nothing else in this process owns it: it was open before `main`, its number
    // comes from the memory file of a hand-over, and each number there is adopted once.
    let fd = unsafe { OwnedFd::from_raw_fd(number) };
    match keep(&fd, false) {
        Ok(()) => Ok(fd),
        Err(error) => {
            // It is not open, so there is nothing to close.
            let _ = fd.into_raw_fd();
            Err(error)
        }
    }
}

/// Whether that many more can be open at a time.
///
/// # Errors
/// The system's error for the first one too many.
pub(crate) fn room_for(count: usize) -> io::Result<()> {
    let open = |_| io::stderr().as_fd().try_clone_to_owned();
    (0..count).map(open).collect::<io::Result<Vec<_>>>().map(drop)
}

const STANDARD_ERROR: RawFd = 2;
