//! Child processes, and what they have used so far.

use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use core_tests::bench::stanzas::{DOMAIN, TARGET};
use core_tests::bench::usage::{cpu_time, cpu_time_since, status};

use super::driver::SECRET;
use crate::daemon::KEY;
use crate::folder::Folder;
use crate::launch::Launch;
use crate::program;

/// A child process; it is killed when it goes out of scope.
pub struct Process {
    child: Child,
    /// The folder of its configuration.
    _folder: Option<Folder>,
}

impl Process {
    /// This program again, with other arguments.
    pub fn of_this_program(arguments: &[&str]) -> Self {
        let program = std::env::current_exe().expect("a path of this program");
        Self::start(Command::new(program).args(arguments), None)
    }

    /// `jat-proxy run` for [`DOMAIN`] on the server at `address`, and for `more` further components.
    pub fn daemon(address: &str, more: usize) -> Self {
        Self::daemon_of(&program(), address, more)
    }

    /// The same with the program at this path, which may be another build.
    pub fn daemon_of(program: &Path, address: &str, more: usize) -> Self {
        let mut config =
            format!("[server]\naddress = \"{address}\"\n[log]\nlevel = \"warn\"\n{KEY}");
        let others = (0..more).map(|number| format!("{number}.{DOMAIN}"));
        for domain in std::iter::once(DOMAIN.to_owned()).chain(others) {
            config += &format!(
                "[[component]]\ndomain = \"{domain}\"\nsecret = \"{SECRET}\"\n\
                 target-address = \"{TARGET}\"\n"
            );
        }
        let Launch { mut command, folder } = Launch::of(program, &config);
        Self::start(&mut command, Some(folder))
    }

    fn start(command: &mut Command, folder: Option<Folder>) -> Self {
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, _folder: folder }
    }

    pub fn cpu_time(&self) -> Duration {
        cpu_time(self.child.id())
    }

    pub fn cpu_time_since(&self, before: Duration) -> Duration {
        cpu_time_since(self.child.id(), before)
    }

    /// Bytes of memory that it has at the moment.
    pub fn resident(&self) -> u64 {
        let text = status(self.child.id(), "VmRSS:");
        let kib = text.split_whitespace().next().and_then(|number| number.parse::<u64>().ok());
        kib.unwrap_or_else(|| panic!("{text:?} is no size")) * 1024
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
