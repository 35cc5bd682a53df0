//! What the configuration takes from files and from the environment. No other module of it touches
//! either.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tokio_rustls::rustls::pki_types::CertificateDer;
use zeroize::Zeroizing;

use crate::shortage::is_shortage;

use super::problem::Problem;
use super::snapshot::{Found, Snapshot};
use super::value::Value;

/// The files of a configuration: as they are, or as they were when a [`Snapshot`] was taken.
pub struct Sources<'p> {
    /// What names of files are relative to.
    folder: &'p Path,
    before: Option<&'p Snapshot>,
    taken: RefCell<Snapshot>,
    files: RefCell<Files>,
}

impl<'p> Sources<'p> {
    /// The sources of the configuration at `path`; what is in `before` is taken from there.
    pub fn of(path: &'p Path, before: Option<&'p Snapshot>) -> Self {
        let folder = path.parent().unwrap_or(Path::new(""));
        Self { folder, before, taken: RefCell::default(), files: RefCell::default() }
    }

    /// The path of a file that the configuration names.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Reads `path`, which must not have more than [`MAX_BYTES`].
    pub fn file(&self, path: &Path) -> io::Result<Found> {
        let known = self.before.and_then(|snapshot| snapshot.file(path));
        let found = known.map_or_else(|| file(path), Ok);
        let bytes = found.as_ref().ok().map(|found| &found.bytes[..]);
        self.files.borrow_mut().add(path, bytes);
        let found = found?;
        self.taken.borrow_mut().add_file(path, &found);
        Ok(found)
    }

    /// Reads the file at `path`, which `value` names and messages call `what`.
    pub fn named(&self, what: &str, path: &Path, value: Value<'_>) -> Result<Found, Problem> {
        self.file(path).map_err(|error| {
            let message = format!("can't read the {what} {}: {error}", path.display());
            let home = path.strip_prefix(self.folder).is_ok_and(is_home);
            let hint = if home { HOME } else { FOR_WHOM };
            Problem::unreadable(value.place(), message, hint, &error)
        })
    }

    /// The CA certificates that the system trusts, and the error: a shortage, if there was one, or
    /// else the first.
    pub fn system_certificates(&self) -> (Vec<CertificateDer<'static>>, Option<io::Error>) {
        let known = self.before.and_then(Snapshot::certificates);
        let found = known.map_or_else(system_certificates, |certificates| (certificates, None));
        self.taken.borrow_mut().set_certificates(&found.0);
        found
    }

    /// Which files were read so far.
    pub fn files(&self) -> Files {
        self.files.borrow().clone()
    }

    /// All that was taken.
    pub fn into_snapshot(self) -> Snapshot {
        self.taken.into_inner()
    }
}

/// Which files a configuration was read from. Two are equal if the same files held the same; the
/// contents are not kept.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Files(Vec<(PathBuf, Option<[u8; 32]>)>);

impl Files {
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(|(path, _)| path.as_path())
    }

    /// The first one that could not be read.
    pub fn unreadable(&self) -> Option<&Path> {
        self.0.iter().find(|(_, digest)| digest.is_none()).map(|(path, _)| path.as_path())
    }

    /// Records what was read from `path`; `None` if it could not be read.
    fn add(&mut self, path: &Path, bytes: Option<&[u8]>) {
        let digest = |bytes| Sha256::new_with_prefix(b"jat-proxy/files").chain_update(bytes);
        self.0.push((path.to_owned(), bytes.map(|bytes| digest(bytes).finalize().into())));
    }
}

/// Digests of secrets stay out of logs.
impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.paths()).finish()
    }
}

/// Whether it begins with `~`, or `~user`.
pub(super) fn is_home(path: &Path) -> bool {
    path.as_os_str().as_bytes().starts_with(b"~")
}

fn file(path: &Path) -> io::Result<Found> {
    // Opening a pipe would wait for a writer, and with it a reload the whole daemon.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let file = File::open(path)?;
    let world_readable = file.metadata()?.permissions().mode() & 0o004 != 0;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "more than 1 MiB"));
    }
    Ok(Found { bytes, world_readable })
}

/// An environment variable; `None` when it is not set, or not text.
pub(super) fn variable(name: &str) -> Option<Zeroizing<String>> {
    // The standard library panics on these names, which no variable can have.
    if name.is_empty() || name.contains(['=', '\0']) {
        return None;
    }
    std::env::var(name).ok().map(Zeroizing::new)
}

fn system_certificates() -> (Vec<CertificateDer<'static>>, Option<io::Error>) {
    let found = rustls_native_certs::load_native_certs();
    let mut faults: Vec<_> = found.errors.into_iter().map(system_error).collect();
    let worst = faults.iter().position(is_shortage).unwrap_or(0);
    (found.certs, (!faults.is_empty()).then(|| faults.swap_remove(worst)))
}

/// The system's message, or the library's if there is none.
fn system_error(error: rustls_native_certs::Error) -> io::Error {
    let mut cause: Option<&dyn Error> = Some(&error);
    while let Some(inner) = cause {
        let number = inner.downcast_ref().and_then(io::Error::raw_os_error);
        if let Some(number) = number {
            return io::Error::from_raw_os_error(number);
        }
        cause = inner.source();
    }
    io::Error::other(error)
}

/// The name of this machine.
pub(super) fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Where systemd puts the credentials of a unit (`LoadCredential=`).
pub(super) fn credentials_directory() -> Option<PathBuf> {
    std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from)
}

/// Why a path that begins with `~` leads nowhere.
pub(super) const HOME: &str = "`~` is not expanded: write the full path of the folder";
const FOR_WHOM: &str = "it must exist, and be readable for the user that runs jat-proxy";
/// Far more than any configuration needs, and far less than what would hurt.
const MAX_BYTES: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_or_too_large_is_refused() {
        let error = |path: &Path| file(path).err().unwrap().to_string();
        assert_eq!(error(Path::new("/dev/zero")), "not a regular file");
        let large = tempfile::NamedTempFile::new().unwrap();
        large.as_file().set_len(MAX_BYTES + 1).unwrap();
        assert_eq!(error(large.path()), "more than 1 MiB");
    }

    #[test]
    fn no_name_panics() {
        for name in ["", "=", "A=B", "A\0"] {
            assert!(variable(name).is_none());
        }
    }
}
