//! Functions of the C library that fail or hang while the daemon runs: see `shim.c`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::daemon::Daemon;

/// The faults of a process that was started with it.
pub struct Shim {
    faults: TempDir,
}

impl Shim {
    /// No faults, at first.
    pub fn new() -> Self {
        Self { faults: TempDir::new().unwrap() }
    }

    pub fn attach(&self, command: &mut Command) {
        command.env("LD_PRELOAD", library()).env("SHIM", self.faults.path());
    }

    /// Starts a daemon with it.
    pub fn daemon(&self, configuration: &str) -> Daemon {
        Daemon::launch(configuration, |mut it| {
            self.attach(&mut it.command);
            it.start()
        })
    }

    /// From now on `function` does not return.
    pub fn hang(&self, function: &str) {
        self.write(function, "hang");
    }

    /// From now on `function` fails.
    pub fn fail(&self, function: &str, errno: rustix::io::Errno) {
        self.write(function, &errno.raw_os_error().to_string());
    }

    /// From now on `function` works normally.
    pub fn heal(&self, function: &str) {
        fs::remove_file(self.faults.path().join(function)).unwrap();
    }

    fn write(&self, function: &str, fault: &str) {
        // Written and then renamed, so that it is never read in part.
        let new = self.faults.path().join("new");
        fs::write(&new, fault).unwrap();
        fs::rename(new, self.faults.path().join(function)).unwrap();
    }
}

/// Built once for a run of the tests.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let name = format!("shim-{}.so", std::process::id());
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/service/shim.c");
        let made = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .arg(&library)
            .arg(source)
            .status();
        assert!(made.unwrap().success(), "no shim");
        library
    })
}
