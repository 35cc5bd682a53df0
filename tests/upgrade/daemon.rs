//! The daemon as a child process, from a program file of its own that a test can replace.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use mock_server::{Client, Options, Server, Subscription};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

pub const DOMAIN: &str = "proxy.example";
pub const TARGET: &str = "service@some-domain.example";

/// A server with a service and a user, and a daemon that forwards between them.
pub struct Stage {
    pub server: Server,
    pub daemon: Daemon,
    pub service: Client,
    pub user: Client,
    asked: u32,
}

impl Stage {
    pub async fn new() -> Self {
        Self::of(Path::new(BUILT)).await
    }

    /// With this program.
    pub async fn of(program: &Path) -> Self {
        let server = Server::start(Options::ejabberd("s")).await.unwrap();
        for domain in [DOMAIN, "two.example", "a.proxy.example"] {
            server.set_subscription(TARGET, domain, Subscription::From);
        }
        let service = server.client(&format!("{TARGET}/a"));
        let user = server.client("user@some-domain.example/abc");
        let daemon = Daemon::launch(program, server.address(), |_| ());
        daemon.until("it is ready", |d| d.is_ready(1)).await;
        Self { server, daemon, service, user, asked: 0 }
    }

    /// A request and its reply, all the way.
    pub async fn serves(&mut self) {
        self.serves_at(DOMAIN).await;
    }

    pub async fn serves_at(&mut self, domain: &str) {
        self.asked += 1;
        let id = format!("ask-{}", self.asked);
        self.user.send(&format!("<iq type='get' id='{id}' to='{domain}'><ask/></iq>")).unwrap();
        self.answers().await;
        let reply = self.user.recv_iq().await.expect("the reply");
        assert!(reply.contains(&format!("id='{id}'")) && reply.contains("<answer/>"), "{reply}");
    }

    /// The service answers one request.
    pub async fn answers(&mut self) {
        let request = self.service.recv_iq().await.expect("the request");
        self.service.send(&reply_to(&request)).unwrap();
    }

    /// SIGUSR2, until the next program is at work.
    pub async fn upgrade(&self) {
        let before = self.daemon.logged("upgraded in place");
        self.daemon.signal(Signal::USR2);
        self.daemon.until_logged("upgraded in place", before + 1).await;
    }
}

/// The service's answer to a forwarded request.
pub fn reply_to(request: &str) -> String {
    let value = |name: &str| {
        let rest = request.split_once(&format!(" {name}='")).expect("the attribute").1;
        rest.split_once('\'').expect("its end").0
    };
    format!("<iq type='result' id='{}' to='{}'><answer/></iq>", value("id"), value("from"))
}

/// A running daemon; it is killed when it goes out of scope.
pub struct Daemon {
    child: Child,
    folder: TempDir,
    http: SocketAddr,
    server: SocketAddr,
}

impl Daemon {
    pub fn start(server: SocketAddr) -> Self {
        Self::start_with(server, |_| ())
    }

    pub fn start_with(server: SocketAddr, adapt: impl FnOnce(&mut Command)) -> Self {
        Self::launch(Path::new(BUILT), server, adapt)
    }

    fn launch(program: &Path, server: SocketAddr, adapt: impl FnOnce(&mut Command)) -> Self {
        // Where a link to the program can be made.
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        fs::hard_link(program, folder.path().join(PROGRAM)).unwrap();
        let http = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
        fs::write(folder.path().join(CONFIG), config(server, http, &component(DOMAIN))).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(folder.path().join(PROGRAM));
        command.args(["run", "-c", CONFIG]).current_dir(folder.path()).stderr(log);
        adapt(&mut command);
        Self { child: command.spawn().unwrap(), folder, http, server }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// A line of /proc/PID/status.
    pub fn process_status(&self, field: &str) -> String {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        text.lines().find(|line| line.starts_with(field)).unwrap().to_owned()
    }

    /// Changes its configuration in one place.
    pub fn reconfigure(&self, from: &str, to: &str) {
        let file = self.folder.path().join(CONFIG);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(file, text.replace(from, to)).unwrap();
    }

    /// Where its program is.
    pub fn program(&self) -> PathBuf {
        self.folder.path().join(PROGRAM)
    }

    /// Renames a script over its program.
    pub fn replace_with_script(&self, text: &str) {
        let new = self.folder.path().join("new");
        fs::write(&new, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(new, self.program()).unwrap();
    }

    /// Puts another program in the place of its own.
    pub fn replace_with(&self, program: &Path) {
        let wanted = fs::metadata(program).unwrap().ino();
        if fs::metadata(self.program()).is_ok_and(|there| there.ino() == wanted) {
            return;
        }
        let new = self.folder.path().join("new");
        fs::hard_link(program, &new).unwrap();
        fs::rename(new, self.program()).unwrap();
    }

    /// Puts the program that was built back in its place.
    pub fn replace_with_built(&self) {
        self.replace_with(Path::new(BUILT));
    }

    /// The program that it runs, whatever is in its place now.
    pub fn running(&self) -> PathBuf {
        format!("/proc/{}/exe", self.child.id()).into()
    }

    /// Writes a configuration with these `[[component]]` tables.
    pub fn configure(&self, components: &str) {
        let config = config(self.server, self.http, components);
        fs::write(self.folder.path().join(CONFIG), config).unwrap();
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// How often it has logged this.
    pub fn logged(&self, text: &str) -> usize {
        self.log().matches(text).count()
    }

    pub async fn until_logged(&self, text: &str, times: usize) {
        self.until(&format!("{times} times {text:?}"), |d| d.logged(text) >= times).await;
    }

    pub async fn until(&self, what: &str, is: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !is(self) {
            assert!(Instant::now() < deadline, "not within a minute: {what}; {}", self.log());
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// The status, or nothing while it does not answer.
    pub fn status(&self) -> Value {
        self.ask("/status").and_then(|b| serde_json::from_str(&b).ok()).unwrap_or_default()
    }

    /// Does it have so many components, and can forward on all of them?
    pub fn is_ready(&self, components: usize) -> bool {
        let status = self.status();
        let all = status["components"].as_array().cloned().unwrap_or_default();
        all.len() == components && all.iter().all(|component| component["missing"].is_null())
    }

    /// The body of what it answers by HTTP.
    pub fn ask(&self, path: &str) -> Option<String> {
        let mut socket = TcpStream::connect(self.http).ok()?;
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        write!(socket, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).ok()?;
        Some(answer.split_once("\r\n\r\n")?.1.to_owned())
    }

    pub fn http(&self) -> SocketAddr {
        self.http
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub async fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end: {}", self.log());
            sleep(Duration::from_millis(5)).await;
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

/// A `[[component]]` table.
pub fn component(domain: &str) -> String {
    format!("[[component]]\ndomain = \"{domain}\"\nsecret = \"s\"\ntarget-address = \"{TARGET}\"\n")
}

fn config(server: SocketAddr, http: SocketAddr, components: &str) -> String {
    format!(
        "[server]\naddress = \"{server}\"\n[http]\nlisten = \"{http}\"\n\
         [limits]\nmax-stanza-bytes = 20000\n{components}\
         [[key]]\nid = 1\nsecret = \"{}=\"\n",
        "A".repeat(43)
    )
}

pub const BUILT: &str = env!("CARGO_BIN_EXE_jat-proxy");
const PROGRAM: &str = "jat-proxy";
const CONFIG: &str = "jat-proxy.toml";
