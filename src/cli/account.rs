//! What the daemon's account may read, as far as root, which may read everything, can find out.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The owner of the configuration's folder, who most likely runs the daemon; or the owner of a
/// process.
pub(super) struct Account {
    uid: u32,
    groups: BTreeSet<u32>,
    folder: PathBuf,
}

impl Account {
    /// The owner of the folder of `config`; `None` if that is root.
    pub(super) fn of_folder(config: &Path) -> Option<Self> {
        let folder = fs::canonicalize(config).ok()?.parent()?.to_owned();
        let found = folder.metadata().ok()?;
        let (uid, gid) = (found.uid(), found.gid());
        let groups = groups(uid).into_iter().chain([gid]).collect();
        (uid != 0).then_some(Self { uid, groups, folder })
    }

    /// The owner of a process, by `/proc/PID/status` (proc(5)).
    pub(super) fn of_status(status: &str) -> Option<Self> {
        let numbers = |field| -> Option<Vec<u32>> {
            let line = status.lines().find_map(|line| line.strip_prefix(field))?;
            line.split_whitespace().map(|number| number.parse().ok()).collect()
        };
        // The second is the effective one.
        let [uid, gid] = ["Uid:", "Gid:"].map(|field| numbers(field)?.get(1).copied());
        let groups = numbers("Groups:")?.into_iter().chain([gid?]).collect();
        Some(Self { uid: uid?, groups, folder: PathBuf::new() })
    }

    pub(super) fn uid(&self) -> u32 {
        self.uid
    }

    /// Whether it may read the file at `path`, which must exist.
    pub(super) fn may_read(&self, path: &Path) -> bool {
        path.exists() && self.why_not(path).is_none()
    }

    /// Why it may not read the file at `path`, for people; `None` if it may.
    pub(super) fn why_not(&self, path: &Path) -> Option<String> {
        let path = fs::canonicalize(path).ok()?;
        let closed = path.ancestors().find(|part| {
            let bit = if *part == path { READ } else { SEARCH };
            part.metadata().is_ok_and(|found| !self.may(&found, bit))
        })?;
        let (uid, folder, closed) = (self.uid, self.folder.display(), closed.display());
        Some(format!(
            "user {uid}, who owns {folder} and therefore runs the daemon, has no access to {closed}"
        ))
    }

    /// Only the mode is considered: somebody who sets access lists knows what they allow.
    fn may(&self, found: &Metadata, bit: u32) -> bool {
        let shift = match () {
            () if found.uid() == self.uid => 6,
            () if self.groups.contains(&found.gid()) => 3,
            () => 0,
        };
        found.mode() >> shift & bit != 0
    }
}

/// The groups of an account, from the system's files.
fn groups(uid: u32) -> Vec<u32> {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let (users, groups) = (read("/etc/passwd"), read("/etc/group"));
    let number = |text: Option<&&str>| text.and_then(|text| text.parse::<u32>().ok());
    let mut found = Vec::new();
    for user in users.lines().map(|line| line.split(':').collect::<Vec<_>>()) {
        if number(user.get(2)) != Some(uid) {
            continue;
        }
        found.extend(number(user.get(3)));
        for group in groups.lines().map(|line| line.split(':').collect::<Vec<_>>()) {
            let members = group.get(3).copied().unwrap_or_default();
            if members.split(',').any(|member| Some(&member) == user.first()) {
                found.extend(number(group.get(2)));
            }
        }
    }
    found
}

const READ: u32 = 4;
const SEARCH: u32 = 1;
