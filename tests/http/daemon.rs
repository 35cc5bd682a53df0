//! Runs the real program for tests, on free ports and in a folder of its own.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_jat-proxy");
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running daemon; it is killed when it goes out of scope.
pub struct Daemon {
    pub http: SocketAddr,
    folder: TempDir,
    child: Child,
}

impl Daemon {
    /// A daemon for proxy.example on a `server`, once it answers.
    pub fn start(server: SocketAddr) -> Self {
        Self::start_with(|http| configuration(server, Some(http)), 1024)
    }

    /// A daemon with a configuration for its HTTP address, and so many descriptors at most.
    pub fn start_with(configuration: impl Fn(SocketAddr) -> String, descriptors: u32) -> Self {
        let http = free_address();
        let folder = folder(&configuration(http));
        let log = fs::File::create(folder.path().join(LOG)).expect("the folder is ours");
        let mut command = Command::new("sh");
        let script = format!("ulimit -n {descriptors} && exec \"$0\" run -c \"$1\"");
        command.args(["-c", &script, PROGRAM]).arg(folder.path().join(FILE)).stderr(log);
        let child = command.spawn().expect("the program starts");
        let daemon = Self { http, folder, child };
        daemon.wait_for("/healthz", |answer| answer.status == 200);
        daemon
    }

    pub fn get(&self, path: &str) -> Answer {
        ask(self.http, &format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.http))
            .unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Asks for `path` until the answer is a `good` one.
    pub fn wait_for(&self, path: &str, good: impl Fn(&Answer) -> bool) -> Answer {
        let request = format!("GET {path} HTTP/1.0\r\n\r\n");
        let began = Instant::now();
        loop {
            match ask(self.http, &request) {
                Ok(answer) if good(&answer) => return answer,
                last if began.elapsed() > PATIENCE => panic!("{path}: {last:?}"),
                _ => thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join(LOG)).expect("it is there")
    }

    /// Waits until it has logged `word`.
    pub fn wait_for_log(&self, word: &str) {
        let began = Instant::now();
        while !self.log().contains(word) {
            assert!(began.elapsed() < PATIENCE, "no {word:?} in {}", self.log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The most memory that it has had, in KiB.
    pub fn most_memory(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("it runs");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        peak.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Runs another command on the same configuration.
    pub fn command(&self, arguments: &[&str]) -> Output {
        run(arguments, &self.folder)
    }

    /// Writes another configuration, tells the daemon to take it, and waits until it logs
    /// `word`.
    pub fn reload(&self, configuration: &str, word: &str) {
        fs::write(self.folder.path().join(FILE), configuration).expect("the folder is ours");
        let pid = Pid::from_child(&self.child);
        let before = self.log().len();
        kill_process(pid, Signal::HUP).expect("the daemon runs");
        let began = Instant::now();
        while !self.log()[before..].contains(word) {
            assert!(began.elapsed() < PATIENCE, "no {word:?} in {}", self.log());
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer over HTTP.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

/// Sends a whole request, as it is, and reads until the connection ends.
pub fn ask(address: SocketAddr, request: &str) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or(ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or(ErrorKind::Other)?;
    Ok(Answer { status, head: head.to_lowercase(), body: body.to_owned() })
}

/// Runs the program to its end, with the configuration in `folder`.
pub fn run(arguments: &[&str], folder: &TempDir) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).arg("-c").arg(folder.path().join(FILE));
    command.output().expect("the program starts")
}

/// A folder with this configuration.
pub fn folder(configuration: &str) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    fs::write(folder.path().join(FILE), configuration).expect("the folder is ours");
    folder
}

/// Two components: one with an account as its target, one with a fixed destination.
pub fn configuration(server: SocketAddr, http: Option<SocketAddr>) -> String {
    let http = http.map_or_else(String::new, |http| format!("[http]\nlisten = \"{http}\"\n"));
    format!(
        "[server]\naddress = \"{server}\"\n{http}\
         [[component]]\ndomain = \"proxy.example\"\nsecret = \"s\"\n\
         target-address = \"bot@some.example\"\n\
         [[component]]\ndomain = \"fixed.example\"\nsecret = \"s\"\n\
         target-address = \"bot@some.example/a\"\n\
         [[key]]\nid = 1\nsecret = \"{}=\"\n\
         [[key]]\nid = 2\nsecret = \"{}=\"\nnot-before = \"{}\"\n",
        "A".repeat(43),
        "B".repeat(42) + "A",
        jiff::Timestamp::now() + Duration::from_secs(3600),
    )
}

/// A daemon on a server with a clock, when it has a series of each metric.
pub fn with_every_metric(server: SocketAddr) -> Daemon {
    let daemon = Daemon::start_with(|http| with_keys(server, http), 1024);
    let told = |answer: &Answer| answer.body.contains("\njat_proxy_clock_offset_seconds{");
    daemon.wait_for("/metrics", told);
    daemon
}

/// As above, but the key that signs has a beginning; another is to come.
pub fn with_keys(server: SocketAddr, http: SocketAddr) -> String {
    let since = "id = 1\nnot-before = \"2026-01-01T00:00:00Z\"\n";
    configuration(server, Some(http)).replacen("id = 1\n", since, 1)
}

/// An address that nobody listens on.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("it is bound")
}

const FILE: &str = "jat-proxy.toml";
const LOG: &str = "log";
