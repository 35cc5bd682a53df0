//! The program that this process runs, as a file that may have been replaced.

use std::env;
use std::ffi::{CString, NulError, OsString};
use std::io;
use std::iter;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::execve;

/// What a file is, and when it was last written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    file: (u64, u64),
    size: u64,
    modified: (i64, i64),
}

/// Where the program is, and its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
}

impl Program {
    /// What this process was started as. The path is the one that was given, not the file that
    /// it led to: where that is a symbolic link, an upgrade changes the link.
    pub(crate) fn of_this_process() -> Self {
        let mut arguments = env::args_os();
        let name = arguments.next().map(PathBuf::from).unwrap_or_default();
        let named = find(&name).unwrap_or(name);
        // Without /proc, in a bare chroot for example, only the caller knows it.
        let path = match env::current_exe() {
            Ok(image) if !is_same(&named, &image) => image,
            _ => named,
        };
        Self { path, arguments: arguments.collect() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Identifies the file, to find out later whether it is still the same and unchanged.
    pub(crate) fn identity(&self) -> io::Result<Identity> {
        let found = self.path.metadata()?;
        let modified = (found.mtime(), found.mtime_nsec());
        Ok(Identity { file: (found.dev(), found.ino()), size: found.len(), modified })
    }

    /// Replaces this process's program with the file as it is now, with the number of a descriptor
    /// in an environment variable. Returns if that fails, and then nothing has changed.
    pub(crate) fn execute(&self, variable: &str, descriptor: RawFd) -> io::Error {
        let path = self.path.as_os_str().to_owned();
        let arguments = iter::once(path.clone()).chain(self.arguments.clone());
        let others = env::vars_os().filter(|(key, _)| key != variable);
        let variables = others.map(|(mut text, value)| {
            text.push("=");
            text.push(value);
            text
        });
        let ours = OsString::from(format!("{variable}={descriptor}"));
        match (texts([path]), texts(arguments), texts(variables.chain([ours]))) {
            (Ok(path), Ok(arguments), Ok(variables)) => {
                let Err(error) = execve(&path[0], &arguments, &variables);
                error.into()
            }
            (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => error.into(),
        }
    }
}

/// As the system call takes them; the texts of a process have no zero byte.
fn texts(texts: impl IntoIterator<Item = OsString>) -> Result<Vec<CString>, NulError> {
    texts.into_iter().map(|text| CString::new(text.into_vec())).collect()
}

/// The absolute path of a program that was started as `name`.
fn find(name: &Path) -> Option<PathBuf> {
    if name.components().count() > 1 {
        return Some(env::current_dir().ok()?.join(name));
    }
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_absolute() && file.is_file())
}

fn is_same(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| path.metadata().map(|found| (found.dev(), found.ino())).ok();
    identity(one).is_some_and(|found| Some(found) == identity(other))
}
