//! A sealed file in memory, for what one program leaves to the next.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, memfd_create};
use rustix::io::pread;
use zeroize::Zeroizing;

/// A file that exists only in memory (memfd_create(2)) and is closed when another program is
/// executed.
pub(super) fn create(name: &str, sealable: bool) -> io::Result<File> {
    let mut flags = MemfdFlags::CLOEXEC;
    flags.set(MemfdFlags::ALLOW_SEALING, sealable);
    // Some systems insist that it can't be executed; older ones don't know how to say so.
    let fd = memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL);
    Ok(File::from(fd.or_else(|_| memfd_create(name, flags))?))
}

/// A sealed file with this content.
pub(super) fn write(content: &[u8]) -> io::Result<OwnedFd> {
    let mut file = create("jat-proxy", true)?;
    file.write_all(content)?;
    fcntl_add_seals(&file, sealed())?;
    Ok(file.into())
}

/// The content of a file that [`write()`] made.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`]: it is another kind of file, which anybody might have written
/// or still write. Other errors may be over in a moment.
pub(super) fn read(fd: impl AsFd) -> io::Result<Zeroizing<Vec<u8>>> {
    if !fcntl_get_seals(&fd).is_ok_and(|seals| seals.contains(sealed())) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a sealed memory file"));
    }
    let size = usize::try_from(fstat(&fd)?.st_size).unwrap_or_default();
    // Allocated at once: a buffer that grows would leave secrets in freed memory.
    let mut content = Zeroizing::new(Vec::new());
    content.try_reserve_exact(size)?;
    content.resize(size, 0);
    let mut done = 0;
    // Not by its position, which is shared with others that have it open.
    while done < size {
        match pread(&fd, &mut content[done..], done as u64)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => done += count,
        }
    }
    Ok(content)
}

fn sealed() -> SealFlags {
    SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_can_not_be_changed() {
        let fd = write(b"content").unwrap();
        let mut file = File::from(fd.try_clone().unwrap());
        assert!(file.write_all(b"other").is_err());
        assert!(file.set_len(0).is_err());
        assert_eq!(*read(fd).unwrap(), b"content");
    }

    #[test]
    fn another_file_is_refused() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(read(file).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
