//! A folder with a configuration, and the program run on it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::daemon::write_private;
use crate::program;

pub const SECRET: &str = "U0VDUkVULUEtU0VDUkVULUEtU0VDUkVULUEtU0VDUkU=";

/// What a run of the program came to, with `DIR` for the folder.
#[derive(Debug)]
pub struct Outcome {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Has keys.toml and proxy.secret, for the owner alone.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("keys.toml", &format!("# Mine.\n\n[[key]]\nid = 1\nsecret = \"{SECRET}\"\n"));
        folder.write("proxy.secret", "Open Sesame\n");
        folder
    }

    /// One with a good configuration, too.
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
        self.write("jat-proxy.toml", &text);
    }

    /// Runs the program with `arguments` and `-c DIR/jat-proxy.toml`.
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        let config = self.path("jat-proxy.toml");
        self.run_plain(&[arguments, &["-c", config.to_str().unwrap()]].concat())
    }

    pub fn run_plain(&self, arguments: &[&str]) -> Outcome {
        let output = jat_proxy().args(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| {
            String::from_utf8(bytes).unwrap().replace(self.0.path().to_str().unwrap(), "DIR")
        };
        Outcome {
            code: output.status.code().expect("no signal ends it"),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

pub fn jat_proxy() -> Command {
    Command::new(program())
}
