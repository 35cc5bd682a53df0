//! The server of a test: its software, and the Debian that it comes from.

use std::fmt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use crate::process;
use crate::{repository, scratch};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Kind {
    pub software: Software,
    pub suite: Suite,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Software {
    Prosody,
    Ejabberd,
    Jabberd2,
}

/// The one that the tests run on is used as installed; the others are in folders, which tests/run makes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Suite {
    Debian12,
    Debian13,
    Sid,
}

impl Kind {
    /// The same Debian's server of another software.
    pub fn with(self, software: Software) -> Kind {
        Kind { software, ..self }
    }

    pub fn is(self, software: Software) -> bool {
        self.software == software
    }

    /// Whether a start tag that arrives in pieces can wait in it for as many further bytes
    /// (docs/servers.md#reparse-deferral).
    pub fn defers(self) -> bool {
        match self.software {
            Software::Prosody => self.suite.expat_defers(),
            // Newer ones disable it in libexpat.
            Software::Ejabberd => self.suite == Suite::Debian12 && self.suite.expat_defers(),
            Software::Jabberd2 => true,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.suite.name(), self.software)
    }
}

impl fmt::Display for Software {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Software::Prosody => "prosody",
            Software::Ejabberd => "ejabberd",
            Software::Jabberd2 => "jabberd2",
        })
    }
}

impl Suite {
    /// The Debian that this runs on, if it is one of them.
    pub fn here() -> Option<Suite> {
        static HERE: LazyLock<Option<Suite>> = LazyLock::new(|| {
            let text = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
            let says = |line| text.lines().any(|it| it == line);
            match () {
                () if !says("ID=debian") => None,
                () if says("VERSION_ID=\"12\"") => Some(Suite::Debian12),
                () if says("VERSION_ID=\"13\"") => Some(Suite::Debian13),
                () => None,
            }
        });
        *HERE
    }

    fn name(self) -> &'static str {
        match self {
            Suite::Debian12 => "debian-12",
            Suite::Debian13 => "debian-13",
            Suite::Sid => "debian-sid",
        }
    }

    /// The folder of its files on this machine.
    pub fn root(self) -> PathBuf {
        if self.is_here() {
            return "/".into();
        }
        let root = scratch().with_file_name("servers").join(self.name());
        let asked = self.name().trim_start_matches("debian-");
        assert!(root.is_dir(), "no {}: as root, tests/debian servers {asked}", root.display());
        root
    }

    /// One of its programs, whose process the kernel kills when this test run ends. The project and the
    /// tests' folders have the same paths there.
    pub fn command(self, program: &str) -> Command {
        let mut words = self.enter();
        words.push(program.into());
        let mut command = process::command(&words[0]);
        command.args(&words[1..]);
        command
    }

    /// The words before a command that run it there.
    pub fn enter(self) -> Vec<String> {
        if self.is_here() {
            return Vec::new();
        }
        let script = repository().join("tests/interop/server/enter.sh");
        let seen = [script, self.root(), repository().to_owned(), scratch()];
        let seen = seen.iter().map(|path| path.display().to_string());
        ["unshare", "--mount", "sh"].map(str::to_owned).into_iter().chain(seen).collect()
    }

    /// Debian 12's libexpat has it since an update (2.5.0-1+deb12u2), which may be missing here.
    fn expat_defers(self) -> bool {
        let libraries = self.root().join("usr/lib").read_dir().expect("every Debian has it");
        let library = libraries
            .filter_map(|folder| std::fs::read(folder.ok()?.path().join("libexpat.so.1")).ok())
            .next()
            .expect("the servers need libexpat");
        let switch = b"XML_SetReparseDeferralEnabled";
        library.windows(switch.len()).any(|bytes| bytes == switch)
    }

    fn is_here(self) -> bool {
        Suite::here() == Some(self)
    }
}
