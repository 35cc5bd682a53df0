//! Runs the terminal sessions of a page, and compares the output with that on the page.
//!
//! A line that begins with `$` is a command, and the lines after it are its output: complete, with
//! `...` for any lines, and times masked. `systemctl` and `journalctl` act on the test's own processes,
//! since a test has no systemd.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use rustix::process::Signal;
use test_support::interop::server::{Server, Suite, fresh_folder};
use test_support::pages::Block;
use test_support::port::free_ports;
use test_support::process::{Process, command};
use test_support::wait::{PATIENCE, wait_until};

pub struct Terminal {
    pub server: Server,
    folder: PathBuf,
    daemon: Option<Process>,
    http_port: u16,
    /// Names on the page, and those that the test uses instead.
    names: Vec<(String, String)>,
}

impl Terminal {
    pub fn new(server: Server, names: &[(&str, &str)]) -> Terminal {
        let folder = fresh_folder("terminal");
        let [http_port] = free_ports();
        let mut names: Vec<_> =
            names.iter().map(|(page, here)| (page.to_string(), here.to_string())).collect();
        names.push(("/etc/jat-proxy".into(), folder.display().to_string()));
        Terminal { server, folder, daemon: None, http_port, names }
    }

    /// A text of the page with the test's names.
    pub fn here(&self, text: &str) -> String {
        self.names.iter().fold(text.into(), |text, (page, here)| text.replace(page, here))
    }

    /// A file of /etc/jat-proxy.
    pub fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.join(file)).unwrap()
    }

    pub fn wait_log(&self, line: &str) {
        let log = self.folder.join("log");
        wait_until(&format!("{line:?} in {}", log.display()), || {
            std::fs::read_to_string(&log).is_ok_and(|log| log.contains(line))
        });
    }

    pub fn run(&mut self, block: &Block) {
        let place = format!("{}:{}", block.document, block.line);
        let mut lines = block.text.lines().peekable();
        while let Some(line) = lines.next() {
            let typed = line.strip_prefix("$ ").unwrap_or_else(|| panic!("{place}: {line}"));
            let mut expected = Vec::new();
            while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
                expected.push(masked(line));
            }
            match typed {
                "cd /etc/jat-proxy" => {}
                "systemctl start jat-proxy" => self.start(),
                "systemctl stop jat-proxy" => self.stop(),
                "systemctl restart prosody" => {
                    self.server.stop();
                    self.server.resume();
                }
                "journalctl -u jat-proxy -o cat" => {
                    expected.iter().for_each(|line| self.wait_log(&self.here_on_ports(line)));
                    continue;
                }
                _ => {
                    let shown = || self.execute(typed).lines().map(masked).collect::<Vec<_>>();
                    let mut output = shown();
                    // It takes a moment until the daemon's state is as on the page.
                    let end = Instant::now() + PATIENCE;
                    while typed.contains("status") && output != expected && Instant::now() < end {
                        output = shown();
                    }
                    if expected != ["..."] {
                        assert_eq!(output, expected, "{place}: {typed}");
                    }
                    continue;
                }
            }
            assert!(expected.is_empty(), "{place}: {typed} prints nothing");
        }
    }

    fn start(&mut self) {
        let mut run = command(env!("CARGO_BIN_EXE_jat-proxy"));
        run.arg("run").arg("-c").arg(self.folder.join("jat-proxy.toml"));
        self.daemon = Some(Process::start(run, &self.folder.join("log")));
    }

    fn stop(&mut self) {
        let mut daemon = self.daemon.take().expect("it runs");
        daemon.signal(Signal::TERM);
        let status = daemon.wait(PATIENCE).expect("it ends");
        assert!(status.success(), "{status}");
    }

    /// Runs a line of shell in the folder; returns its output, with the page's names.
    pub fn execute(&self, typed: &str) -> String {
        let program = env!("CARGO_BIN_EXE_jat-proxy");
        let config = self.server.configuration();
        let enter = self.server.kind.suite.enter().join(" ");
        let line = format!(
            "set -e -o pipefail; jat-proxy() {{ {program:?} \"$@\"; }}\n\
             prosodyctl() {{ command {enter} prosodyctl --config {config:?} \"$@\"; }}\n{}",
            self.here(typed)
        );
        let mut shell = Command::new("bash");
        let output = shell.arg("-c").arg(line).current_dir(&self.folder).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{typed}: {said}{complaint}");
        if typed.starts_with("jat-proxy init") {
            self.take_free_ports();
        }
        let [http_port, server_port] = [self.http_port, self.server.component_port];
        // docs/servers.md#shell-everywhere
        let newest = self.server.kind.suite == Suite::Sid;
        let said = if newest { said.replace("    admin_shell\n", "") } else { said };
        let said = self.names.iter().fold(said, |said, (page, here)| said.replace(here, page));
        let said = said.replace(&format!(":{http_port}"), ":9114");
        without_advice(&said.replace(&format!(":{server_port}"), ":5347"))
    }

    /// Uses free ports, since the usual ones may be taken.
    fn take_free_ports(&self) {
        let text = self.read("jat-proxy.toml").replace(":9114", &format!(":{}", self.http_port));
        std::fs::write(self.folder.join("jat-proxy.toml"), self.on_ports(&text)).unwrap();
    }

    fn on_ports(&self, text: &str) -> String {
        text.replace(":5347", &format!(":{}", self.server.component_port))
    }

    fn here_on_ports(&self, text: &str) -> String {
        self.on_ports(&self.here(text))
    }
}

/// The output of prosodyctl without its advice to install lua-unbound, which is not always there.
fn without_advice(text: &str) -> String {
    let mut inside = false;
    let mut kept = String::new();
    for line in text.lines() {
        if line.starts_with("*****") {
            inside = !inside;
        } else if !inside && !line.trim().is_empty() {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// The line with 0 for every digit of times such as 2026-11-22T16:23:44Z.
fn masked(line: &str) -> String {
    let masked = |word: &str| {
        let bare = word.trim_end_matches(',');
        let time = bare.len() == 20 && bare.ends_with('Z') && bare.as_bytes()[10] == b'T';
        if time { word.replace(|c: char| c.is_ascii_digit(), "0") } else { word.into() }
    };
    line.split(' ').map(masked).collect::<Vec<_>>().join(" ")
}
