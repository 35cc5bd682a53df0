//! `jat-proxy run` as a child process, in a folder with its program, its configuration and its log.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::time::sleep;

use crate::executable;
use crate::folder::{CONFIG, Folder, LOG, PROGRAM};
use crate::http::{self, HttpAnswer};
use crate::program;
use crate::wait::{comes, comes_meanwhile};

pub const DOMAIN: &str = "proxy.example";
pub const TARGET: &str = "service@some-domain.example";
/// The key file's part of a configuration.
pub const KEY: &str =
    "[[key]]\nid = 1\nsecret = \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"\n";

/// A `[[component]]` table.
pub fn component(domain: &str) -> String {
    format!("[[component]]\ndomain = \"{domain}\"\nsecret = \"s\"\ntarget-address = \"{TARGET}\"\n")
}

/// A configuration for [`DOMAIN`] on a server, preceded by `more`.
pub fn configuration(server: SocketAddr, more: &str) -> String {
    format!("{more}\n[server]\naddress = \"{server}\"\n{}{KEY}", component(DOMAIN))
}

/// A running daemon; it is killed when it goes out of scope.
pub struct Daemon {
    pub(crate) child: Child,
    pub folder: Folder,
    /// Its address for HTTP, unless a reload has changed that.
    pub http: Option<SocketAddr>,
}

/// Its process.
impl Daemon {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it is ours").is_none()
    }

    /// Waits for its end, while other tasks go on.
    pub async fn ended(&mut self) -> ExitStatus {
        let ended = comes_meanwhile(|| !self.is_running()).await;
        assert!(ended, "it does not end: {}", self.log());
        self.child.wait().expect("it is ours")
    }

    /// The same for an end that may take longer.
    pub async fn ended_within(&mut self, limit: Duration) -> ExitStatus {
        let begin = Instant::now();
        while self.is_running() {
            assert!(begin.elapsed() < limit, "it runs after {limit:?}: {}", self.log());
            sleep(Duration::from_millis(20)).await;
        }
        self.child.wait().expect("it is ours")
    }

    /// Waits for its end.
    pub fn end(&mut self) -> ExitStatus {
        assert!(comes(|| !self.is_running()), "it does not end: {}", self.log());
        self.child.wait().expect("it is ours")
    }

    pub fn threads(&self) -> usize {
        threads(self.pid())
    }

    /// The processes that it has started.
    pub fn children(&self) -> Vec<u32> {
        let pid = self.pid();
        let all = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let all = all.unwrap_or_default();
        all.split_whitespace().map(|pid| pid.parse().expect("a number")).collect()
    }

    /// A line of /proc/PID/status, without its name.
    pub fn process_status(&self, field: &str) -> String {
        let text = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("it runs");
        let line = text.lines().find_map(|line| line.strip_prefix(field));
        line.expect("the kernel has it").trim_start_matches(':').trim().to_owned()
    }

    /// The same for a number, of bytes or of something else.
    pub fn process_number(&self, field: &str) -> u64 {
        let text = self.process_status(field);
        match text.strip_suffix(" kB") {
            Some(kib) => kib.parse::<u64>().expect("a number") * 1024,
            None => text.parse().expect("a number"),
        }
    }
}

/// Its folder.
impl Daemon {
    /// The path of its program.
    pub fn program(&self) -> PathBuf {
        self.folder.path(PROGRAM)
    }

    /// The program that it runs, whatever is at its path now.
    pub fn running(&self) -> PathBuf {
        format!("/proc/{}/exe", self.pid()).into()
    }

    /// Replaces its program with another one.
    pub fn replace_with(&self, program: &Path) {
        let wanted = fs::metadata(program).expect("the program is there").ino();
        if fs::metadata(self.program()).is_ok_and(|there| there.ino() == wanted) {
            return;
        }
        let new = self.folder.path("new");
        fs::hard_link(program, &new).expect("it is on the same disk");
        fs::rename(new, self.program()).expect("the folder is ours");
    }

    /// Replaces its program with the built one.
    pub fn replace_with_built(&self) {
        self.replace_with(&program());
    }

    /// Renames a script over its program.
    pub fn replace_with_script(&self, text: &str) {
        let new = self.folder.path("new");
        executable::write(&format!("#!/bin/sh\n{text}\n"), &new);
        fs::rename(new, self.program()).expect("the folder is ours");
    }

    /// Runs another command on the same configuration.
    pub fn command(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(program());
        command.args(arguments).args(["-c", CONFIG]).current_dir(self.folder.path(""));
        command.output().expect("the program starts")
    }

    /// Writes another configuration.
    pub fn write_configuration(&self, text: &str) {
        self.folder.write(CONFIG, text);
    }

    /// Changes its configuration in one place.
    pub fn reconfigure(&self, from: &str, to: &str) {
        let text = self.folder.read(CONFIG);
        assert!(text.contains(from), "{from}");
        self.write_configuration(&text.replace(from, to));
    }

    /// Writes the configuration with these `[[component]]` tables.
    pub fn configure(&self, components: &str) {
        let text = self.folder.read(CONFIG);
        let front = text.split_once("[[component]]").expect("there was a component").0;
        self.write_configuration(&format!("{front}{components}{KEY}"));
    }

    /// Loads another configuration, and waits until it logs `word`.
    pub fn reload(&self, configuration: &str, word: &str) {
        self.write_configuration(configuration);
        let before = self.log().len();
        self.signal(Signal::HUP);
        assert!(comes(|| self.log()[before..].contains(word)), "no {word:?} in {}", self.log());
    }
}

/// Its log.
impl Daemon {
    pub fn log(&self) -> String {
        self.folder.read(LOG)
    }

    /// How often it has logged this.
    pub fn logged(&self, text: &str) -> usize {
        self.log().matches(text).count()
    }

    /// Waits until it has logged this.
    pub fn logs(&self, text: &str) {
        self.logs_times(text, 1);
    }

    /// Waits until it has logged this so many times.
    pub fn logs_times(&self, text: &str, times: usize) {
        let come = comes(|| self.logged(text) >= times);
        assert!(come, "not {times} times {text:?} in {}", self.log());
    }

    /// Waits until it has logged this so many times, while other tasks go on.
    pub async fn until_logged(&self, text: &str, times: usize) {
        self.until(&format!("{times} times {text:?}"), |d| d.logged(text) >= times).await;
    }

    /// Waits for a condition, while other tasks go on.
    pub async fn until(&self, what: &str, is: impl Fn(&Self) -> bool) {
        assert!(comes_meanwhile(|| is(self)).await, "not in time: {what}; {}", self.log());
    }
}

/// Its answers by HTTP.
impl Daemon {
    pub fn get(&self, path: &str) -> HttpAnswer {
        self.try_get(path).unwrap_or_else(|| panic!("no answer to {path}: {}", self.log()))
    }

    pub fn try_get(&self, path: &str) -> Option<HttpAnswer> {
        http::get(self.http(), path).ok()
    }

    /// Requests `path` until the answer is `good`.
    pub fn wait_for(&self, path: &str, good: impl Fn(&HttpAnswer) -> bool) -> HttpAnswer {
        let mut last = None;
        let come = comes(|| {
            last = self.try_get(path);
            last.as_ref().is_some_and(&good)
        });
        assert!(come, "{path}: {last:?}");
        last.expect("a good one")
    }

    /// The status, or null while it does not answer.
    pub fn status(&self) -> Value {
        let answer = self.try_get("/status");
        answer.and_then(|it| serde_json::from_str(&it.body).ok()).unwrap_or_default()
    }

    /// Whether it has so many components, all of which are ready.
    pub fn is_ready(&self, components: usize) -> bool {
        let all = self.status()["components"].as_array().map_or(0, Vec::len);
        all == components && self.try_get("/readyz").is_some_and(|answer| answer.status == 200)
    }

    pub fn http(&self) -> SocketAddr {
        self.http.expect("its configuration has [http]")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How many threads a process has; 0 if it has ended.
pub fn threads(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count)
}
