//! `watch`: notices that the files of the configuration have changed, as those of a Kubernetes
//! Secret do.
//!
//! The files are looked at on a separate thread, since a disk may hang. A change counts once two
//! looks in a row have seen the same: somebody may still be writing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::config::Files;
use crate::thread;
use crate::time::unix_now;

/// Looks at the files of one configuration.
pub(super) struct Watch {
    path: PathBuf,
    every: Option<Duration>,
    beat: Option<Interval>,
    /// The look that is under way.
    look: Option<oneshot::Receiver<Files>>,
    judge: Judge,
}

impl Watch {
    /// Of the configuration at `path`; `every`: how often, if at all.
    pub(super) fn new(path: &Path, every: Option<Duration>) -> Self {
        let path = path.to_owned();
        let mut watch = Self { path, every: None, beat: None, look: None, judge: Judge::default() };
        watch.set(every);
        watch
    }

    pub(super) fn set(&mut self, every: Option<Duration>) {
        if self.every == every {
            return;
        }
        self.every = every;
        self.judge = Judge::default();
        self.beat = every.map(|every| {
            let mut beat = interval(every);
            beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
            // The first look is one period away: the files were read just now.
            beat.reset();
            beat
        });
    }

    /// The configuration was refused for a reason that may pass by itself: it is to be tried again.
    pub(super) fn try_again(&mut self) {
        self.judge.refused = None;
    }

    /// Waits until the files differ from `current` and are complete. Cancelling it loses nothing.
    pub(super) async fn changed(&mut self, current: &Files) {
        loop {
            let Some(beat) = &mut self.beat else { return std::future::pending().await };
            if self.look.is_none() {
                beat.tick().await;
                self.look = look(&self.path);
            }
            let Some(look) = &mut self.look else { continue };
            let files = look.await;
            self.look = None;
            if files.is_ok_and(|files| self.judge.is_due(files, current)) {
                info!("the files of the configuration have changed");
                return;
            }
        }
    }
}

/// Begins to look. If there is no thread, the next period tries again.
fn look(path: &Path) -> Option<oneshot::Receiver<Files>> {
    let (tell, told) = oneshot::channel();
    let path = path.to_owned();
    let look = move || drop(tell.send(Files::look(&path, unix_now())));
    thread::start("watch", look).ok().map(|()| told)
}

/// Decides what the looks mean.
#[derive(Default)]
struct Judge {
    /// What the last look saw, if it is not what is in use.
    before: Option<Files>,
    /// A change that was reported and then refused, so that it is not in use.
    refused: Option<Files>,
    /// For how many looks a file could not be read.
    away: u32,
}

impl Judge {
    fn is_due(&mut self, files: Files, current: &Files) -> bool {
        if let Some(path) = files.unreadable() {
            // The file may be in the middle of being replaced. That is no reason to refuse
            // anything.
            self.away += 1;
            self.before = None;
            if self.away == AWAY {
                warn!(
                    "{} can't be read; the configuration in use stays until it can",
                    path.display()
                );
            }
            return false;
        }
        self.away = 0;
        if files == *current {
            *self = Self::default();
            return false;
        }
        if self.refused.as_ref() == Some(&files) {
            return false;
        }
        if self.before.as_ref() == Some(&files) {
            self.refused = Some(files);
            self.before = None;
            return true;
        }
        self.before = Some(files);
        false
    }
}

/// After so many looks in a row without a file, a line is logged.
const AWAY: u32 = 6;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A configuration whose secret is in a file, both as Kubernetes has them.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let config = "[[component]]\ndomain = \"p.example\"\nsecret = { file = \"secret\" }\n";
        fs::write(folder.path().join("config"), config).unwrap();
        fs::write(folder.path().join("secret"), "one").unwrap();
        folder
    }

    #[test]
    fn a_change_counts_when_it_has_been_seen_twice_and_once() {
        let folder = folder();
        let look = || Files::look(&folder.path().join("config"), 0);
        let secret = |text| fs::write(folder.path().join("secret"), text).unwrap();
        let current = look();
        let mut judge = Judge::default();
        assert!(!judge.is_due(look(), &current));
        secret("tw");
        assert!(!judge.is_due(look(), &current), "half of it is written");
        secret("two");
        assert!(!judge.is_due(look(), &current));
        assert!(judge.is_due(look(), &current));
        // It was refused, as it is not in use.
        assert!(!judge.is_due(look(), &current) && !judge.is_due(look(), &current));
        secret("one");
        assert!(!judge.is_due(look(), &current));
        secret("two");
        assert!(!judge.is_due(look(), &current) && judge.is_due(look(), &current));
        let current = look();
        assert!(!judge.is_due(look(), &current) && !judge.is_due(look(), &current));
    }

    #[test]
    fn a_file_that_is_away_for_a_moment_is_no_change() {
        let folder = folder();
        let look = || Files::look(&folder.path().join("config"), 0);
        let (current, mut judge) = (look(), Judge::default());
        fs::remove_file(folder.path().join("secret")).unwrap();
        for _ in 0..10 {
            assert!(!judge.is_due(look(), &current));
        }
        fs::write(folder.path().join("secret"), "two").unwrap();
        assert!(!judge.is_due(look(), &current) && judge.is_due(look(), &current));
    }
}
