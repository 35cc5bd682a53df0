//! A folder with a configuration, and the program run on it.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::{program, scratch};

pub const SECRET: &str = "U0VDUkVULUEtU0VDUkVULUEtU0VDUkVULUEtU0VDUkU=";

/// The result of a run of the program, with `DIR` for the folder.
#[derive(Debug)]
pub struct RunResult {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// A folder with keys.toml and proxy.secret, readable by the owner alone.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("keys.toml", &format!("# Mine.\n\n[[key]]\nid = 1\nsecret = \"{SECRET}\"\n"));
        folder.write("proxy.secret", "Open Sesame\n");
        folder
    }

    /// An empty one, on the file system of the program, so that it can be linked.
    pub fn beside_the_program() -> Self {
        Self(TempDir::new_in(scratch()).unwrap())
    }

    /// One with a good configuration, whose server does not exist.
    pub fn alone() -> Self {
        let folder = Self::ready();
        folder.on_no_server();
        folder
    }

    /// Nothing listens on port 1.
    pub fn on_no_server(&self) {
        let server = "[server]\naddress = \"127.0.0.1:1\"\n[[component]]";
        let config = self.read(CONFIG).replacen("[[component]]", server, 1);
        self.write(CONFIG, &config);
    }

    /// One with a good configuration.
    pub fn ready() -> Self {
        let folder = Self::new();
        folder.write_config("secret = { file = \"proxy.secret\" }");
        folder
    }

    pub fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.path(name)).unwrap().permissions().mode() & 0o777
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn write(&self, name: &str, text: &str) {
        write_private(&self.path(name), text);
    }

    /// A small configuration with `more` in its component.
    pub fn write_config(&self, more: &str) {
        let start = "key-file = \"keys.toml\"\n[[component]]\ndomain = \"proxy.example\"\n";
        let text = format!("{start}{more}\ntarget-address = \"bot@some.example\"\n");
        self.write(CONFIG, &text);
    }

    /// Runs the program with `arguments` and `-c DIR/jat-proxy.toml`.
    pub fn run(&self, arguments: &[&str]) -> RunResult {
        let config = self.path(CONFIG);
        self.run_plain(&[arguments, &["-c", config.to_str().unwrap()]].concat())
    }

    pub fn run_plain(&self, arguments: &[&str]) -> RunResult {
        let output = jat_proxy().args(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| {
            String::from_utf8(bytes).unwrap().replace(self.0.path().to_str().unwrap(), "DIR")
        };
        RunResult {
            code: output.status.code().expect("no signal ends it"),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

pub fn jat_proxy() -> Command {
    Command::new(program())
}

/// Writes a file that only its owner may read, as the program requires.
pub fn write_private(path: &Path, text: &str) {
    let mut options = File::options();
    let file = options.create(true).write(true).truncate(true).mode(0o600).open(path);
    let mut file = file.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    file.write_all(text.as_bytes()).unwrap();
}

/// The name of a link to the program, where there is one.
pub(crate) const PROGRAM: &str = "jat-proxy";
/// The name of the configuration.
pub const CONFIG: &str = "jat-proxy.toml";
/// The name of the log, if a daemon runs there.
pub const LOG: &str = "log";
