//! The daemon as a child process, and a service manager that listens to it.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mock_server::{Options, Server, Subscription};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tempfile::TempDir;
use tokio::net::UnixDatagram;
use tokio::time::{Instant, sleep, timeout};

pub const DOMAIN: &str = "proxy.example";
pub const TARGET: &str = "service@some-domain.example";

/// A server on which the target has granted its presence.
pub async fn server() -> Server {
    let server = Server::start(Options::prosody(DOMAIN, "s")).await.unwrap();
    server.set_subscription(TARGET, DOMAIN, Subscription::From);
    server
}

/// A request comes to the target, as soon as that is known to be online.
pub async fn serves(server: &Server) {
    let mut service = server.client(&format!("{TARGET}/a"));
    let user = server.client("user@some-domain.example/abc");
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        user.send(&format!("<iq type='get' id='1' to='{DOMAIN}'><ask/></iq>")).unwrap();
        let forwarded = timeout(Duration::from_millis(200), service.recv_iq()).await;
        if forwarded.is_ok_and(|request| request.expect("a stanza").contains("<ask/>")) {
            return;
        }
        assert!(Instant::now() < deadline, "it does not serve");
    }
}

/// A running daemon; it is killed when it goes out of scope.
pub struct Daemon {
    child: Child,
    folder: TempDir,
    notices: Arc<Mutex<Vec<Notice>>>,
}

/// One datagram to the service manager.
type Notice = (Instant, String);

impl Daemon {
    /// For [`DOMAIN`] on `server`, with `more` in its configuration. `log` is its standard
    /// error.
    pub fn start(server: SocketAddr, more: &str, log: impl Into<Stdio>) -> Self {
        Self::start_with(server, more, log, |_| ())
    }

    pub fn start_with(
        server: SocketAddr,
        more: &str,
        log: impl Into<Stdio>,
        adapt: impl FnOnce(&mut Command),
    ) -> Self {
        let spawn = |mut command: Command| command.spawn().unwrap();
        Self::spawn_with(server, more, log, adapt, spawn)
    }

    pub fn spawn_with(
        server: SocketAddr,
        more: &str,
        log: impl Into<Stdio>,
        adapt: impl FnOnce(&mut Command),
        spawn: impl FnOnce(Command) -> Child,
    ) -> Self {
        let folder = TempDir::new().unwrap();
        let config = format!(
            "{more}\n[server]\naddress = \"{server}\"\n\
             [[component]]\ndomain = \"{DOMAIN}\"\nsecret = \"s\"\ntarget-address = \"{TARGET}\"\n\
             [[key]]\nid = 1\nsecret = \"{}=\"\n",
            "A".repeat(43)
        );
        fs::write(folder.path().join(CONFIG), config).unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        let mut command = Command::new("sh");
        // What adapts it may begin with a limit.
        command.args(["-c", "eval \"$LIMIT\" && exec \"$0\" run -c \"$1\"", PROGRAM, CONFIG]);
        command.env("LIMIT", "true").stderr(log);
        // A core file, if any, goes with the folder.
        command.current_dir(folder.path());
        command.env("NOTIFY_SOCKET", folder.path().join("notify"));
        adapt(&mut command);
        let child = spawn(command);
        let notices = Arc::default();
        tokio::spawn(listen(socket, Arc::clone(&notices)));
        Self { child, folder, notices }
    }

    /// When it told something that begins with `word`.
    pub fn told(&self, word: &str) -> Vec<Instant> {
        let notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        notices.iter().filter(|(_, text)| text.starts_with(word)).map(|(at, _)| *at).collect()
    }

    /// What it told, in order.
    pub fn notices(&self) -> Vec<String> {
        let notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        notices.iter().map(|(_, text)| text.clone()).collect()
    }

    /// Is `signal` blocked, or caught, by now?
    pub fn holds_back(&self, signal: Signal) -> bool {
        let path = format!("/proc/{}/status", self.child.id());
        let text = fs::read_to_string(path).unwrap();
        let has = |field: &str| {
            let mask = text.lines().find_map(|line| line.strip_prefix(field)).unwrap().trim();
            u64::from_str_radix(mask, 16).unwrap() >> (signal.as_raw() - 1) & 1 == 1
        };
        has("SigBlk:") || has("SigCgt:")
    }

    pub fn threads(&self) -> usize {
        threads(self.child.id())
    }

    /// The processes that it has started.
    pub fn children(&self) -> Vec<u32> {
        let pid = self.child.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        children.unwrap_or_default().split(' ').filter_map(|pid| pid.parse().ok()).collect()
    }

    /// From now on it has only so much.
    pub fn limit(&self, resource: Resource, most: u64) {
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        prlimit(Some(Pid::from_child(&self.child)), resource, limit).unwrap();
    }

    /// Waits until it has told something that begins with `word`, so many times in all.
    pub async fn has_told(&self, word: &str, times: usize) {
        let told = async {
            while self.told(word).len() < times {
                sleep(LOOK_EVERY).await;
            }
        };
        let told = timeout(Duration::from_secs(60), told).await;
        assert!(told.is_ok(), "not {times} times {word} in {:?}", self.notices());
    }

    /// Waits until it has told something that begins with `word` so many times more.
    pub async fn tells(&self, word: &str, times: usize) {
        self.has_told(word, self.told(word).len() + times).await;
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end.
    pub async fn ended(&mut self, within: Duration) -> ExitStatus {
        let deadline = Instant::now() + within;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            sleep(LOOK_EVERY).await;
        }
        panic!("it runs after {within:?} and told {:?}", self.notices());
    }

    /// What it serves at `/metrics`.
    pub fn metrics(&self) -> String {
        self.ask("/metrics")
    }

    /// What it serves at a path.
    pub fn ask(&self, path: &str) -> String {
        let config = fs::read_to_string(self.folder.path().join(CONFIG)).unwrap();
        let (_, listen) = config.split_once("listen = \"").expect("[http]");
        let mut socket = TcpStream::connect(listen.split_once('"').unwrap().0).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        write!(socket, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Changes its configuration in one place.
    pub fn edit(&self, from: &str, to: &str) {
        let file = self.folder.path().join(CONFIG);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{from:?} in {text}");
        fs::write(file, text.replace(from, to)).unwrap();
    }

    /// Runs another command on the same configuration.
    pub fn command(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).args(["-c", CONFIG]).current_dir(self.folder.path());
        command.output().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How many threads a process has; one that has ended has none.
pub fn threads(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count)
}

/// An address that nobody listens on.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// Always at it: a service manager that does not read holds up who tells it something.
async fn listen(socket: UnixDatagram, notices: Arc<Mutex<Vec<Notice>>>) {
    let mut buffer = [0; 4096];
    while let Ok(length) = socket.recv(&mut buffer).await {
        let text = String::from_utf8_lossy(&buffer[..length]).trim_end().to_owned();
        let mut notices = notices.lock().unwrap_or_else(PoisonError::into_inner);
        notices.push((Instant::now(), text));
    }
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_jat-proxy");
const CONFIG: &str = "jat-proxy.toml";
const LOOK_EVERY: Duration = Duration::from_millis(20);
