//! Whatever hangs, relaying continues, and the daemon ends on request.

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::{NamedTempFile, TempDir};
use test_support::daemon::{self, TARGET, configuration, threads};
use test_support::port::free_address;
use test_support::program;
use test_support::wait::comes_meanwhile;

use crate::daemon::{Daemon, server, serves};
use crate::shim::Shim;

/// Sends until the socket is full.
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

/// Reads all notifications so far.
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
    let mut daemon = Daemon::launch(&configuration(server.address(), ""), |mut it| {
        it.command.env("NOTIFY_SOCKET", &socket);
        it.start()
    });
    serves(&server).await;
    // Notifications that it did not read are sent again.
    let mut told: Vec<String> = Vec::new();
    let has = |told: &[String], word: &str| told.iter().any(|told| told.starts_with(word));
    let both = comes_meanwhile(|| {
        told.extend(drain(&manager));
        has(&told, "READY=1") && has(&told, "STATUS=")
    });
    assert!(both.await, "{told:?}");
    fill(&socket);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended().await.code(), Some(0));
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
    let mut daemon = shim.daemon(&configuration(server.address(), &other));
    serves(&server).await;
    daemon.signal(Signal::HUP);
    serves(&server).await;
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended().await.code(), Some(0));
}

#[tokio::test]
#[ignore = "takes 20 s"]
async fn check_connect_with_a_resolver_that_does_not_answer() {
    let shim = Shim::new();
    shim.hang("getaddrinfo");
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("jat-proxy.toml");
    let text = configuration(free_address(), "");
    let server = text.find("127.0.0.1:").unwrap()..text.find("\"\n[[component]]").unwrap();
    std::fs::write(&config, text.replace(&text[server], "localhost:5347")).unwrap();
    let out = NamedTempFile::new().unwrap();
    let mut command = Command::new(program());
    command.args(["check", "--connect", "-c"]).arg(&config).stdout(out.reopen().unwrap());
    shim.attach(&mut command);
    let status = tokio::task::spawn_blocking(move || command.status().unwrap()).await.unwrap();
    assert_eq!(status.code(), Some(69));
    let said = std::fs::read_to_string(out.path()).unwrap();
    assert!(said.contains("the resolver did not answer within 15 s"), "{said}");
}

/// As with a network file system that is unavailable, in the middle of a reload.
#[tokio::test]
async fn a_disk_that_does_not_answer() {
    let (server, shim) = (server().await, Shim::new());
    let mut daemon = shim.daemon(&configuration(server.address(), ""));
    serves(&server).await;
    shim.hang("open64");
    let threads = daemon.threads();
    daemon.signal(Signal::HUP);
    daemon.until("it reads", |it| it.threads() != threads).await;
    serves(&server).await;
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended().await.code(), Some(0));
}

/// The same with the disk that the program is on, in the middle of an upgrade.
#[tokio::test]
async fn a_program_on_a_disk_that_does_not_answer() {
    for function in ["statx", "posix_spawnp"] {
        let (server, shim) = (server().await, Shim::new());
        let mut daemon = shim.daemon(&configuration(server.address(), ""));
        serves(&server).await;
        shim.hang(function);
        let threads = daemon.threads();
        daemon.signal(Signal::USR2);
        daemon.until(&format!("{function}: it looks"), |it| it.threads() != threads).await;
        serves(&server).await;
        daemon.until_logged("did not say within 5 s whether it can take over", 1).await;
        serves(&server).await;
        shim.heal(function);
        daemon.signal(Signal::USR2);
        daemon.until_logged("upgraded in place", 1).await;
        serves(&server).await;
        assert_eq!(server.accepted(), 1, "{function}: {}", daemon.log());
        daemon.signal(Signal::TERM);
        assert_eq!(daemon.ended().await.code(), Some(0));
    }
}

/// The kernel does not deliver a signal with its default action to process 1, as in a container.
#[tokio::test]
#[ignore = "needs root"]
async fn a_stop_that_comes_while_a_container_begins() {
    let (server, shim) = (server().await, Shim::new());
    shim.hang("open64");
    let mut daemon = Daemon::launch(&configuration(server.address(), ""), |mut it| {
        it = it.behind(&["unshare", "--pid", "--fork", "--kill-child"]);
        shim.attach(&mut it.command);
        it.start()
    });
    // A second thread reads the configuration.
    let reads = |it: &daemon::Daemon| it.children().into_iter().find(|it| threads(*it) == 2);
    daemon.until("it begins", |it| reads(it).is_some()).await;
    let init = reads(&daemon).expect("it has begun");
    kill_process(Pid::from_raw(init.cast_signed()).unwrap(), Signal::TERM).unwrap();
    shim.heal("open64");
    assert_eq!(daemon.ended().await.code(), Some(0));
}

#[tokio::test]
#[ignore = "takes 20 s"]
async fn a_reload_from_a_disk_that_does_not_answer() {
    let (server, shim) = (server().await, Shim::new());
    let mut daemon = shim.daemon(&configuration(server.address(), ""));
    serves(&server).await;
    shim.hang("open64");
    daemon.signal(Signal::HUP);
    daemon.until_logged("and the files that it names within 10 s; does the disk", 1).await;
    daemon.until_logged("the configuration was not reloaded; the old one stays in use", 1).await;
    serves(&server).await;
    shim.heal("open64");
    daemon.signal(Signal::HUP);
    daemon.until_logged("configuration reloaded", 1).await;
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended().await.code(), Some(0));
    // At its start it ends, and systemd tries again.
    shim.hang("open64");
    let mut daemon = shim.daemon(&configuration(server.address(), ""));
    assert_eq!(daemon.ended().await.code(), Some(69), "{}", daemon.log());
    let said = daemon.log();
    assert!(
        said.contains("error: can't read jat-proxy.toml and the files that it names"),
        "{said}"
    );
}
