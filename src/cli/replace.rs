//! Replaces a file atomically: readers see the old one or the new one, never a part.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// Replaces the text of `path` with what `edit` makes of it, with the same mode and, as far as
/// that is allowed, the same owner. A symbolic link stays; the file it leads to is replaced.
///
/// Two edits at a time are not possible: the second finds the temporary file of the first.
pub(super) fn edit<E: From<ReplaceError>>(
    path: &Path,
    edit: impl FnOnce(&str) -> Result<String, E>,
) -> Result<(), E> {
    let path = fs::canonicalize(path).map_err(|error| failed(path, error))?;
    let mut draft = Draft::new(&path)?;
    let text = fs::read_to_string(&path).map_err(|error| failed(&path, error))?;
    let text = edit(&text)?;
    draft.replace(&path, &text).map_err(|error| failed(&path, error))?;
    Ok(())
}

/// What to do when a file can't be written, for whoever runs the command.
pub(super) fn write_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "run it as a user who may write there, in the folder too, for example: sudo jat-proxy \
             ..."
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "the file system is read-only: make the change where the file comes from"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on that disk",
        _ => "choose a place where you can write",
    }
}

#[derive(Debug, thiserror::Error)]
pub(super) enum ReplaceError {
    #[error("can't change {0}: {1}")]
    Io(PathBuf, io::Error),
    #[error("{0} exists: another change is under way, or was interrupted (then remove it)")]
    Busy(PathBuf),
}

fn failed(path: &Path, error: io::Error) -> ReplaceError {
    ReplaceError::Io(path.to_owned(), error)
}

/// A temporary file in the folder of the one that it is to replace; removed unless it has replaced
/// it.
struct Draft {
    path: PathBuf,
    file: File,
    done: bool,
}

impl Draft {
    fn new(path: &Path) -> Result<Self, ReplaceError> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        let draft = path.with_file_name(name);
        let open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft);
        match open {
            Ok(file) => Ok(Self { path: draft, file, done: false }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(ReplaceError::Busy(draft))
            }
            Err(error) => Err(failed(&draft, error)),
        }
    }

    fn replace(&mut self, path: &Path, text: &str) -> io::Result<()> {
        self.file.write_all(text.as_bytes())?;
        let old = fs::metadata(path)?;
        let mut mode = old.mode() & 0o7777;
        // Only root may give a file away; otherwise the new one belongs to the user who edits, and
        // its group may read it if that is the group of the old one.
        if fchown(&self.file, Some(old.uid()), Some(old.gid())).is_err()
            && fchown(&self.file, None, Some(old.gid())).is_err()
        {
            mode &= !0o070;
        }
        self.file.set_permissions(fs::Permissions::from_mode(mode))?;
        self.file.sync_all()?;
        fs::rename(&self.path, path)?;
        self.done = true;
        // The name must survive a power cut, too.
        File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.done {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mode_and_link_stay() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("keys"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        edit(&link, |old| Ok::<_, ReplaceError>(format!("{old} and new"))).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "old and new");
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_change_that_fails_leaves_no_trace() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        fs::write(&file, "old").unwrap();
        let no = |_: &str| Err(ReplaceError::Busy(PathBuf::new()));
        assert!(edit(&file, no).is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn two_changes_at_a_time_do_not_happen() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        fs::write(&file, "old").unwrap();
        fs::write(folder.path().join("keys.new"), "").unwrap();
        let error = edit(&file, |_| Ok::<_, ReplaceError>(String::new())).unwrap_err();
        assert!(matches!(error, ReplaceError::Busy(_)));
    }
}
