//! The program that this process runs, as a file that may be replaced meanwhile.

use std::env;
use std::ffi::{CString, NulError, OsString};
use std::io;
use std::iter;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use nix::unistd::execve;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::misleading::is_misleading;
use crate::shortage::explain;

/// What a file is, and when it was last written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    file: (u64, u64),
    size: u64,
    modified: (i64, i64),
}

/// Where the program is, and its arguments.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
}

impl Program {
    /// What this process was started as. The path is the one that was given, not the file that
    /// it led to: where that is a symbolic link, an upgrade changes the link.
    pub fn of_this_process() -> Self {
        let mut arguments = env::args_os();
        let name = arguments.next().map(PathBuf::from).unwrap_or_default();
        let named = find(&name).unwrap_or(name);
        // Without /proc, in a bare chroot, say, nobody knows better than who started it.
        let path = match env::current_exe() {
            Ok(image) if !is_same(&named, &image) => image,
            _ => named,
        };
        Self { path, arguments: arguments.collect() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What tells whether the file is still the same, and as it was.
    pub fn identity(&self) -> io::Result<Identity> {
        let found = self.path.metadata()?;
        let modified = (found.mtime(), found.mtime_nsec());
        Ok(Identity { file: (found.dev(), found.ino()), size: found.len(), modified })
    }

    /// Runs the program as it is now; gives what it writes to standard output, which may be
    /// secret.
    ///
    /// # Errors
    /// Why that is no success, for people.
    pub async fn ask(
        &self,
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Zeroizing<Vec<u8>>, String> {
        let name = self.path.display();
        let mut command = Command::new(&self.path);
        command.args(arguments).env(ASKED, "1");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own: what it starts ends with it.
        command.process_group(0);
        let mut command = tokio::process::Command::from(command);
        let child = command.kill_on_drop(true).spawn();
        let child = child.map_err(|error| format!("can't run {name}: {}", explain(&error)))?;
        let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        match timeout(CHECK_TIME, child.wait_with_output()).await {
            Ok(Ok(output)) if output.status.success() => Ok(Zeroizing::new(output.stdout)),
            Ok(Ok(output)) => Err(format!("{name} refuses: {}", said(&output))),
            Ok(Err(error)) => Err(format!("can't wait for {name}: {error}")),
            Err(_) => {
                // It may have ended just now.
                let _ = group.map(|group| kill_process_group(group, Signal::KILL));
                let seconds = CHECK_TIME.as_secs();
                Err(format!("{name} did not say within {seconds} s whether it can take over"))
            }
        }
    }

    /// Puts the program as it is now in the place of this one, with the number of a descriptor
    /// in an environment variable. Returns if that fails, and then nothing has changed.
    pub fn execute(&self, variable: &str, descriptor: RawFd) -> io::Error {
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

/// As the system takes them; those of a process have no zero byte.
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

/// The beginning of what a program said of its failure, on one line.
fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let text: String = lines.join(" / ").chars().take(LONGEST_SAID).collect();
    let text = text.replace(is_misleading, "?");
    if text.is_empty() {
        format!("it says nothing ({})", output.status)
    } else {
        format!("{text} ({})", output.status)
    }
}

/// The environment variable that says to a program who asks it: one that understands its answer on
/// standard output.
pub const ASKED: &str = "JAT_PROXY_ASKED";
/// How long a program may think about whether it can take over.
const CHECK_TIME: Duration = Duration::from_secs(5);
const LONGEST_SAID: usize = 600;
