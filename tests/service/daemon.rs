//! The daemon as a child process, and a service manager that listens to it.

use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mock_server::{Options, RosterState, Server};
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use test_support::daemon::{self, DOMAIN, TARGET, configuration};
use test_support::launch::Launch;
use test_support::wait::{PATIENCE, comes_meanwhile};
use tokio::net::UnixDatagram;
use tokio::time::{Instant, timeout};

/// A server on which the target has granted its presence.
pub async fn server() -> Server {
    let server = Server::start(Options::prosody(DOMAIN, "s")).await.unwrap();
    server.set_subscription(TARGET, DOMAIN, RosterState::From);
    server
}

/// Checks that a request reaches the target, once that is known to be online.
pub async fn serves(server: &Server) {
    let mut service = server.client(&format!("{TARGET}/a"));
    let user = server.client("user@some-domain.example/abc");
    let deadline = Instant::now() + PATIENCE;
    loop {
        user.send(&format!("<iq type='get' id='1' to='{DOMAIN}'><ask/></iq>")).unwrap();
        let forwarded = timeout(Duration::from_millis(200), service.recv_iq()).await;
        if forwarded.is_ok_and(|request| request.expect("a stanza").contains("<ask/>")) {
            return;
        }
        assert!(Instant::now() < deadline, "it does not serve");
    }
}

/// A running daemon, and its notifications to the service manager.
pub struct Daemon {
    daemon: daemon::Daemon,
    notices: Arc<Mutex<Vec<Notice>>>,
}

/// One datagram to the service manager.
type Notice = (Instant, String);

impl Daemon {
    /// For [`DOMAIN`] on `server`, with `more` in its configuration.
    pub fn start(server: SocketAddr, more: &str) -> Self {
        Self::launch(&configuration(server, more), Launch::start)
    }

    /// Started by `start`.
    pub fn launch(configuration: &str, start: impl FnOnce(Launch) -> daemon::Daemon) -> Self {
        let mut launch = Launch::new(configuration);
        let path = launch.folder.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        launch.command.env("NOTIFY_SOCKET", path);
        let notices = Arc::default();
        tokio::spawn(listen(socket, Arc::clone(&notices)));
        Self { daemon: start(launch), notices }
    }

    /// The times of notifications that begin with `word`.
    pub fn told(&self, word: &str) -> Vec<Instant> {
        let notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        notices.iter().filter(|(_, text)| text.starts_with(word)).map(|(at, _)| *at).collect()
    }

    /// Its notifications, in order.
    pub fn notices(&self) -> Vec<String> {
        let notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        notices.iter().map(|(_, text)| text.clone()).collect()
    }

    /// Whether `signal` is blocked, or caught, by now.
    pub fn holds_back(&self, signal: Signal) -> bool {
        let has = |field: &str| {
            let mask = u64::from_str_radix(&self.process_status(field), 16).unwrap();
            mask >> (signal.as_raw() - 1) & 1 == 1
        };
        has("SigBlk") || has("SigCgt")
    }

    /// From now on it has only so much of a resource.
    pub fn limit(&self, resource: Resource, most: u64) {
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        let pid = Pid::from_raw(self.pid().cast_signed());
        prlimit(pid, resource, limit).unwrap();
    }

    /// Waits until there were so many notifications that begin with `word`, in all.
    pub async fn has_told(&self, word: &str, times: usize) {
        let told = comes_meanwhile(|| self.told(word).len() >= times).await;
        assert!(told, "not {times} times {word} in {:?}", self.notices());
    }

    /// Waits for so many more notifications that begin with `word`.
    pub async fn tells(&self, word: &str, times: usize) {
        self.has_told(word, self.told(word).len() + times).await;
    }
}

impl Deref for Daemon {
    type Target = daemon::Daemon;

    fn deref(&self) -> &daemon::Daemon {
        &self.daemon
    }
}

impl DerefMut for Daemon {
    fn deref_mut(&mut self) -> &mut daemon::Daemon {
        &mut self.daemon
    }
}

/// Reads all the time, since a service manager that does not read blocks its services.
async fn listen(socket: UnixDatagram, notices: Arc<Mutex<Vec<Notice>>>) {
    let mut buffer = [0; 4096];
    while let Ok(length) = socket.recv(&mut buffer).await {
        let text = String::from_utf8_lossy(&buffer[..length]).trim_end().to_owned();
        let mut notices = notices.lock().unwrap_or_else(PoisonError::into_inner);
        notices.push((Instant::now(), text));
    }
}
