//! Running daemons, found by the configuration that they run, in /proc.

use std::env;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{self, Path, PathBuf};

use rustix::fs::OFlags;
use rustix::process::{Pid, geteuid};

use crate::daemon::reload_outcome::{NAME, ReloadOutcome};

use super::account::Account;

/// A daemon, as far as this process may inspect it.
pub(super) struct Process {
    pub pid: Pid,
    /// Where it reports the results of its reloads.
    notice: File,
}

/// What was found.
pub(super) struct Found {
    pub processes: Vec<Process>,
    /// A process with the name of this program that this one may not inspect; if there are
    /// several, preferably one that has the configuration among its arguments.
    pub hidden: Option<Pid>,
    /// One that looks like a daemon with this configuration but does not report the results of its
    /// reloads: it is starting, another program is taking its place (SIGUSR2), or it is too old to
    /// report them.
    pub mute: Option<Pid>,
}

/// Those that run the configuration at `config`.
///
/// # Errors
/// There is no /proc.
pub(super) fn running(config: &Path) -> io::Result<Found> {
    let mut found = Found { processes: Vec::new(), hidden: None, mute: None };
    for entry in fs::read_dir("/proc")?.flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
        let Some(pid) = pid else { continue };
        match Process::of(pid, Some(config)) {
            Ok(Some((process, outcome))) if process.runs(config, &outcome) => {
                found.processes.push(process);
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                if is_named_like_us(pid) {
                    let named = names(pid, config);
                    found.hidden = found.hidden.filter(|_| !named).or(Some(pid));
                }
            }
            Ok(None) if pid != rustix::process::getpid() => {
                found.mute =
                    found.mute.or((is_named_like_us(pid) && names(pid, config)).then_some(pid));
            }
            // It may have ended meanwhile.
            Ok(_) | Err(_) => {}
        }
    }
    let forked: Vec<Pid> =
        found.processes.iter().filter(|it| it.is_forked()).map(|it| it.pid).collect();
    found.processes.retain(|process| !forked.contains(&process.pid));
    Ok(found)
}

fn is_named_like_us(pid: Pid) -> bool {
    let command = fs::read_to_string(folder(pid).join("comm")).unwrap_or_default();
    command.trim_end() == super::PROGRAM
}

/// Whether the process has the path among its arguments.
fn names(pid: Pid, config: &Path) -> bool {
    let arguments = fs::read(folder(pid).join("cmdline")).unwrap_or_default();
    let config = config.as_os_str().as_bytes();
    arguments.split(|byte| *byte == 0).any(|argument| argument == config)
}

impl Process {
    /// The daemon `pid`, and the result of its last reload; `None` if it is not a daemon. With a
    /// path, `None` also if its owner can't run that configuration.
    fn of(pid: Pid, config: Option<&Path>) -> io::Result<Option<(Self, ReloadOutcome)>> {
        let wanted = PathBuf::from(format!("/memfd:{NAME} (deleted)"));
        for entry in fs::read_dir(folder(pid).join("fd"))? {
            let path = entry?.path();
            match fs::read_link(&path) {
                Ok(link) if link == wanted => {}
                // All of its files are closed to us: it is in another user namespace, say.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
                Ok(_) | Err(_) => continue,
            }
            // A process that only reads it is another `reload`, or this one; the mode of the link
            // shows that (proc(5)).
            if fs::symlink_metadata(&path)?.mode() & 0o200 == 0 {
                continue;
            }
            if config.is_some_and(|config| !may_run(pid, config)) {
                return Ok(None);
            }
            // The descriptor may have become something else just now, and opening that could block.
            let nonblock = OFlags::NONBLOCK.bits().cast_signed();
            let notice = File::options().read(true).custom_flags(nonblock).open(path)?;
            if !notice.metadata()?.is_file() {
                continue;
            }
            let process = Self { pid, notice };
            let outcome = process.outcome()?;
            return Ok(Some((process, outcome)));
        }
        Ok(None)
    }

    /// Whether both name the same file, even if one of them has another root.
    fn runs(&self, config: &Path, outcome: &ReloadOutcome) -> bool {
        let theirs = Path::new(&outcome.config);
        let root = folder(self.pid).join("root");
        let seen = root.join(theirs.strip_prefix("/").unwrap_or(theirs));
        let identity = |path: &Path| path.metadata().map(|found| (found.dev(), found.ino()));
        match (identity(config), identity(&seen)) {
            (Ok(one), Ok(other)) => one == other,
            // The process has ended, or its root can't be seen.
            _ => path::absolute(config).is_ok_and(|config| config == theirs),
        }
    }

    /// Whether it is a child that the daemon has just forked: it has the daemon's files until it
    /// becomes another program.
    fn is_forked(&self) -> bool {
        let status = fs::read_to_string(folder(self.pid).join("status")).unwrap_or_default();
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
        let parent = parent.and_then(|pid| pid.trim().parse().ok()).and_then(Pid::from_raw);
        let Some(Ok(Some((parent, _)))) = parent.map(|pid| Self::of(pid, None)) else {
            return false;
        };
        let identity =
            |process: &Self| process.notice.metadata().map(|it| (it.dev(), it.ino())).ok();
        identity(&parent) == identity(self)
    }

    /// The result of its last reload.
    pub(super) fn outcome(&self) -> io::Result<ReloadOutcome> {
        let mut read = ReloadOutcome::read(&self.notice);
        for _ in 0..READS {
            let again = ReloadOutcome::read(&self.notice);
            match (&read, &again) {
                // Nothing was written between the two reads.
                (Ok(one), Ok(other)) if one == other => break,
                _ => read = again,
            }
        }
        read
    }

    /// The same process, if another program has taken its place (SIGUSR2).
    pub(super) fn successor(&self) -> io::Result<Option<Self>> {
        let Some((now, _)) = Self::of(self.pid, None)? else { return Ok(None) };
        let identity = |process: &Self| process.notice.metadata().map(|found| found.ino());
        Ok((identity(&now)? != identity(self)?).then_some(now))
    }

    pub(super) fn has_ended(&self) -> bool {
        !folder(self.pid).join("fd").exists()
    }
}

/// Any program can claim to be a daemon with this configuration. One that systemd names is
/// believed, and so is one of this user, of root, or of an account that may read the
/// configuration.
fn may_run(pid: Pid, config: &Path) -> bool {
    if let Ok(main) = env::var("MAINPID") {
        return main == pid.as_raw_nonzero().to_string();
    }
    let status = fs::read_to_string(folder(pid).join("status")).unwrap_or_default();
    Account::of_status(&status).is_some_and(|account| {
        [0, geteuid().as_raw()].contains(&account.uid()) || account.may_read(config)
    })
}

fn folder(pid: Pid) -> PathBuf {
    PathBuf::from(format!("/proc/{}", pid.as_raw_nonzero()))
}

/// How often to read at most, until two reads in a row give the same.
const READS: usize = 100;

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::daemon::reload_outcome::Notice;

    #[test]
    fn a_daemon_that_starts_a_program_is_one_process() {
        let config = tempfile::NamedTempFile::new().unwrap();
        let _notice = Notice::new(config.path());
        let own = rustix::process::getpid();
        let pids = || -> Vec<Pid> {
            running(config.path()).unwrap().processes.iter().map(|process| process.pid).collect()
        };
        assert_eq!(pids(), [own]);

        // As it is between a fork and its exec.
        let mut child = Command::new("sleep");
        let mut child = child.arg("60").stdin(notice_of(config.path())).spawn().unwrap();
        let seen = pids();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(seen, [own]);
    }

    /// The notice of the daemon that runs this configuration, open for writing.
    fn notice_of(config: &Path) -> File {
        let of_config = |path: &PathBuf| {
            let outcome = File::open(path).and_then(|file| ReloadOutcome::read(&file));
            outcome.is_ok_and(|outcome| Path::new(&outcome.config) == config)
        };
        let wanted = PathBuf::from(format!("/memfd:{NAME} (deleted)"));
        let descriptors = fs::read_dir("/proc/self/fd").unwrap().flatten().map(|it| it.path());
        let mut notices =
            descriptors.filter(|path| fs::read_link(path).ok() == Some(wanted.clone()));
        let path = notices.find(of_config).expect("the notice of the test");
        File::options().write(true).open(path).unwrap()
    }
}
