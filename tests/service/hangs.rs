//! Whatever hangs, the relay goes on, and the daemon ends when it is told to.

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::{NamedTempFile, TempDir};
use tokio::time::{Instant, sleep};

use crate::daemon::{Daemon, TARGET, server, serves, threads};
use crate::shim::Shim;

/// For an end that waits for nobody: what hangs in these tests hangs for ever.
const AT_ONCE: Duration = Duration::from_secs(60);

/// Sends until there is no room.
fn fill(socket: &Path) {
    let sender = UnixDatagram::unbound().unwrap();
    sender.set_nonblocking(true).unwrap();
    let full = loop {
        if let Err(error) = sender.send_to(b"X_FULL=1", socket) {
            break error;
        }
    };
    assert_eq!(full.kind(), ErrorKind::WouldBlock, "{full}");
}

/// All that was told so far, and is now read.
fn drain(manager: &UnixDatagram) -> Vec<String> {
    let mut told = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count) = manager.recv(&mut buffer) {
        told.push(String::from_utf8_lossy(&buffer[..count]).into_owned());
    }
    told
}

#[tokio::test]
async fn a_service_manager_that_does_not_read() {
    let folder = TempDir::new().unwrap();
    let socket = folder.path().join("manager");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_nonblocking(true).unwrap();
    fill(&socket);
    let server = server().await;
    let mut daemon = Daemon::start_with(server.address(), "", Stdio::null(), |command| {
        command.env("NOTIFY_SOCKET", &socket);
    });
    serves(&server).await;
    // What it did not take it is told again.
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut told: Vec<String> = Vec::new();
    let has = |told: &[String], word: &str| told.iter().any(|told| told.starts_with(word));
    while !has(&told, "READY=1") || !has(&told, "STATUS=") {
        assert!(Instant::now() < deadline, "{told:?}");
        told.extend(drain(&manager));
        sleep(Duration::from_millis(20)).await;
    }
    fill(&socket);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended(AT_ONCE).await.code(), Some(0));
}

#[tokio::test]
async fn a_resolver_that_does_not_answer() {
    let (server, shim) = (server().await, Shim::new());
    shim.hang("getaddrinfo");
    let port = server.address().port();
    let other = format!(
        "[[component]]\ndomain = \"other.example\"\nserver = \"localhost:{port}\"\n\
         secret = \"s\"\ntarget-address = \"{TARGET}\"\n"
    );
    let attach = |command: &mut Command| shim.attach(command);
    let mut daemon = Daemon::start_with(server.address(), &other, Stdio::null(), attach);
    serves(&server).await;
    daemon.signal(Signal::HUP);
    serves(&server).await;
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended(AT_ONCE).await.code(), Some(0));
}

#[tokio::test]
#[ignore = "takes 20 s"]
async fn check_connect_with_a_resolver_that_does_not_answer() {
    let shim = Shim::new();
    shim.hang("getaddrinfo");
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("jat-proxy.toml");
    let text = format!(
        "[server]\naddress = \"localhost:5347\"\n[[component]]\ndomain = \"proxy.example\"\n\
         secret = \"s\"\ntarget-address = \"{TARGET}\"\n[[key]]\nid = 1\nsecret = \"{}=\"\n",
        "A".repeat(43)
    );
    std::fs::write(&config, text).unwrap();
    let out = NamedTempFile::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_jat-proxy"));
    command.args(["check", "--connect", "-c"]).arg(&config).stdout(out.reopen().unwrap());
    shim.attach(&mut command);
    let status = tokio::task::spawn_blocking(move || command.status().unwrap()).await.unwrap();
    assert_eq!(status.code(), Some(69));
    let said = std::fs::read_to_string(out.path()).unwrap();
    assert!(said.contains("the resolver did not answer within 15 s"), "{said}");
}

/// As with a network file system that is away, in the middle of a reload.
#[tokio::test]
async fn a_disk_that_does_not_answer() {
    let (server, shim) = (server().await, Shim::new());
    let attach = |command: &mut Command| shim.attach(command);
    let mut daemon = Daemon::start_with(server.address(), "", Stdio::null(), attach);
    serves(&server).await;
    shim.hang("open64");
    let threads = daemon.threads();
    daemon.signal(Signal::HUP);
    let deadline = Instant::now() + Duration::from_secs(60);
    while daemon.threads() == threads {
        assert!(Instant::now() < deadline, "it does not read");
        sleep(Duration::from_millis(5)).await;
    }
    serves(&server).await;
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended(AT_ONCE).await.code(), Some(0));
}

/// The same with the disk that the program is on, in the middle of an upgrade.
#[tokio::test]
async fn a_program_on_a_disk_that_does_not_answer() {
    for function in ["statx", "posix_spawnp"] {
        let (server, shim, log) = (server().await, Shim::new(), NamedTempFile::new().unwrap());
        let attach = |command: &mut Command| shim.attach(command);
        let mut daemon = Daemon::start_with(server.address(), "", log.reopen().unwrap(), attach);
        serves(&server).await;
        shim.hang(function);
        let threads = daemon.threads();
        daemon.signal(Signal::USR2);
        let deadline = Instant::now() + Duration::from_secs(60);
        while daemon.threads() == threads {
            assert!(Instant::now() < deadline, "{function}: it does not look");
            sleep(Duration::from_millis(5)).await;
        }
        serves(&server).await;
        let said = || std::fs::read_to_string(log.path()).unwrap();
        while !said().contains("did not say within 5 s whether it can take over") {
            assert!(Instant::now() < deadline, "{function}: {}", said());
            sleep(Duration::from_millis(20)).await;
        }
        serves(&server).await;
        shim.heal(function);
        daemon.signal(Signal::USR2);
        while !said().contains("upgraded in place") {
            assert!(Instant::now() < deadline, "{function}: {}", said());
            sleep(Duration::from_millis(20)).await;
        }
        serves(&server).await;
        assert_eq!(server.accepted(), 1, "{function}: {}", said());
        daemon.signal(Signal::TERM);
        assert_eq!(daemon.ended(AT_ONCE).await.code(), Some(0));
    }
}

/// The kernel gives process 1, that of a container, no signal that has its default action.
#[tokio::test]
#[ignore = "needs root"]
async fn a_stop_that_comes_while_a_container_begins() {
    let (server, shim) = (server().await, Shim::new());
    shim.hang("open64");
    let mut daemon = Daemon::start_with(server.address(), "", Stdio::null(), |command| {
        shim.attach(command);
        let unshare = "exec unshare --pid --fork --kill-child \"$0\" run -c \"$1\"";
        command.env("LIMIT", unshare);
    });
    let deadline = Instant::now() + Duration::from_secs(60);
    // A second thread reads the configuration.
    let reads = |child: &u32| threads(*child) == 2;
    let init = loop {
        assert!(Instant::now() < deadline, "it does not begin");
        match daemon.children().into_iter().find(reads) {
            Some(child) => break child,
            None => sleep(Duration::from_millis(5)).await,
        }
    };
    kill_process(Pid::from_raw(init.cast_signed()).unwrap(), Signal::TERM).unwrap();
    shim.heal("open64");
    assert_eq!(daemon.ended(AT_ONCE).await.code(), Some(0));
}

#[tokio::test]
#[ignore = "takes 20 s"]
async fn a_reload_from_a_disk_that_does_not_answer() {
    let (server, shim, log) = (server().await, Shim::new(), NamedTempFile::new().unwrap());
    let attach = |command: &mut Command| shim.attach(command);
    let mut daemon = Daemon::start_with(server.address(), "", log.reopen().unwrap(), attach);
    serves(&server).await;
    shim.hang("open64");
    daemon.signal(Signal::HUP);
    let said = || std::fs::read_to_string(log.path()).unwrap();
    let says = async |text: &str| {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !said().contains(text) {
            assert!(Instant::now() < deadline, "no {text:?} in {}", said());
            sleep(Duration::from_millis(20)).await;
        }
    };
    says("and all that it names, within 10 s; does the disk").await;
    says("the configuration was not reloaded; the old one stays").await;
    serves(&server).await;
    shim.heal("open64");
    daemon.signal(Signal::HUP);
    says("configuration reloaded").await;
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended(AT_ONCE).await.code(), Some(0));
    // At the start it ends, and systemd tries again.
    shim.hang("open64");
    let file = std::fs::File::options().append(true).open(log.path()).unwrap();
    let attach = |command: &mut Command| shim.attach(command);
    let mut daemon = Daemon::start_with(server.address(), "", file, attach);
    assert_eq!(daemon.ended(AT_ONCE).await.code(), Some(69), "{}", said());
    assert!(
        said().contains("error: can't read jat-proxy.toml, and all that it names"),
        "{}",
        said()
    );
}
