//! A Debian on which nothing was configured yet, for commands as a reader types them: with the usual
//! ports and files, and the packages of its servers installed. It has not booted, so `stand_in`
//! replaces systemd, apt and cargo.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use test_support::interop::server::{Suite, fresh_folder};
use test_support::process::command;

/// What to do there, in this order.
#[derive(Default)]
pub struct Script {
    text: String,
    count: usize,
}

impl Script {
    /// Runs these commands, all of which must succeed; returns the number of their output for
    /// [`Output::of`].
    pub fn run(&mut self, commands: &str) -> usize {
        self.count += 1;
        writeln!(self.text, "printf '\\n{MARK}{}\\n'\n{commands}", self.count).unwrap();
        self.count
    }

    /// Leaves these commands running.
    pub fn leave_running(&mut self, commands: &str) {
        writeln!(self.text, "{{\n{commands}\n}} >/srv/left-running.log 2>&1 &").unwrap();
    }

    pub fn save(&mut self, name: &str, text: &str) {
        writeln!(self.text, "cat >{name} <<'END OF FILE'\n{text}END OF FILE").unwrap();
    }

    /// # Panics
    /// When a command fails, or all of it takes longer than ten minutes.
    pub fn follow(self, suite: Suite) -> Output {
        assert!(rustix::process::geteuid().is_root(), "only root can change its view of the files");
        let folder = fresh_folder("fresh-debian");
        let script = folder.join("script");
        fs::write(&script, format!("set -euo pipefail\nexec 2>&1\n{}", self.text)).unwrap();
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/documents/fresh_debian");
        let output = command("unshare")
            .args(["--mount", "--net", "--pid", "--fork", "--kill-child", "timeout", "600"])
            .args(["bash".as_ref(), here.join("enter.sh").as_os_str()])
            .args([suite.root(), folder, env!("CARGO_BIN_EXE_jat-proxy").into(), script])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}:\n{said}\n{errors}", output.status);
        Output(said)
    }
}

/// What was printed, in pieces.
pub struct Output(String);

impl Output {
    pub fn of(&self, number: usize) -> &str {
        let (_, from) = self.0.split_once(&format!("\n{MARK}{number}\n")).expect("it was run");
        from.split_once(&format!("\n{MARK}")).map_or(from, |(piece, _)| piece)
    }
}

const MARK: &str = "== block ";
