//! The result of the last reload, for `jat-proxy reload`: in a memory file of this process, which
//! those who may inspect the process find by its name. So it needs no folder, no port and no
//! shell. Other programs can have such a file, too: the owner of the process shows whether it can
//! be trusted.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{self, Path};

use serde::{Deserialize, Serialize};

use super::memory_file;

/// The name of the file, as `/proc/PID/fd` shows it.
pub(crate) const NAME: &str = "jat-proxy-reload";

/// What is in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReloadOutcome {
    /// The absolute path of the configuration, as text.
    pub config: String,
    /// How many reloads have begun, and how many have ended.
    pub begun: u64,
    pub ended: u64,
    /// Whether the configuration of the last one was taken.
    pub taken: bool,
    /// If not: whether the errors may pass by themselves.
    pub passing: bool,
    /// The result, on one line.
    pub summary: String,
    /// What was wrong with it, as `check` would print it.
    pub problems: String,
}

/// The file, as the daemon holds it.
pub(crate) struct Notice {
    /// `None`: the system does not provide one now.
    file: Option<File>,
    outcome: ReloadOutcome,
}

impl Notice {
    /// Of a process that runs the configuration at `path`.
    pub(crate) fn new(path: &Path) -> Self {
        let path = path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let config = path.to_string_lossy().into_owned();
        let mut notice =
            Self { file: None, outcome: ReloadOutcome { config, ..ReloadOutcome::default() } };
        notice.write();
        notice
    }

    pub(crate) fn begin(&mut self) {
        self.outcome.begun += 1;
        self.write();
    }

    pub(crate) fn end(
        &mut self,
        taken: bool,
        passing: bool,
        summary: String,
        mut problems: String,
    ) {
        if problems.len() > MOST_BYTES {
            let whole = memchr::memrchr(b'\n', &problems.as_bytes()[..MOST_BYTES]);
            problems.truncate(whole.map_or(0, |end| end + 1));
        }
        self.outcome.ended = self.outcome.begun;
        self.outcome = ReloadOutcome { taken, passing, summary, problems, ..self.outcome.clone() };
        self.write();
    }

    /// A reader sees the old text, the new one, or one that can't be read.
    fn write(&mut self) {
        if self.file.is_none() {
            self.file = memory_file::create(NAME, false).ok();
        }
        let Some(file) = &self.file else { return };
        let Ok(text) = serde_json::to_vec(&self.outcome) else { return };
        // A reload does not depend on this.
        let _ = file.set_len(0).and_then(|()| file.write_all_at(&text, 0));
    }
}

impl ReloadOutcome {
    /// What is in such a `file`.
    ///
    /// # Errors
    /// It may be in the middle of a write.
    pub(crate) fn read(file: &File) -> io::Result<Self> {
        let bytes = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        if bytes > MOST_IN_FILE {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut text = vec![0; bytes];
        file.read_exact_at(&mut text, 0)?;
        Ok(serde_json::from_slice(&text)?)
    }
}

/// Limit of the problems: more than a screen shows.
const MOST_BYTES: usize = 64 << 10;
/// Limit of the whole file, with escapes.
const MOST_IN_FILE: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut notice = Notice::new(Path::new("a/jat-proxy.toml"));
        let read = |notice: &Notice| ReloadOutcome::read(notice.file.as_ref().unwrap()).unwrap();
        assert!(Path::new(&read(&notice).config).is_absolute());
        notice.begin();
        assert_eq!((read(&notice).begun, read(&notice).ended), (1, 0));
        notice.end(false, false, String::new(), "error: a\n".repeat(100_000));
        let outcome = read(&notice);
        assert_eq!((outcome.begun, outcome.ended, outcome.taken), (1, 1, false));
        assert!(outcome.problems.len() <= MOST_BYTES && outcome.problems.ends_with("a\n"));
        notice.begin();
        notice.end(true, false, "fine".to_owned(), String::new());
        assert_eq!(read(&notice).summary, "fine");
    }
}
