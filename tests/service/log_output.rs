//! Nobody reads the log, or it can't be written: relaying continues, and lost lines are counted.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, pipe};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::Duration;

use mock_server::{Client, Server};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::Signal;
use test_support::daemon::{DOMAIN, TARGET, configuration};
use test_support::port::free_address;
use test_support::wait::PATIENCE;
use tokio::time::{Instant, sleep};

use crate::daemon::{Daemon, server};

const DROPPED: &str = "log lines were dropped because they could not be written";

struct Stage {
    server: Server,
    service: Client,
    user: Client,
    daemon: Daemon,
    asked: usize,
}

impl Stage {
    async fn new(log: impl Into<Stdio>) -> Self {
        let server = server().await;
        let service = server.client(&format!("{TARGET}/a"));
        let user = server.client("user@some-domain.example/abc");
        let more = format!(
            "[log]\nlevel = \"debug\"\nformat = \"json\"\n[http]\nlisten = \"{}\"",
            free_address()
        );
        let daemon = Daemon::launch(&configuration(server.address(), &more), |mut it| {
            it.command.stderr(log);
            it.start()
        });
        daemon.has_told("STATUS=1 of 1", 1).await;
        Self { server, service, user, daemon, asked: 0 }
    }

    /// More than any buffer takes: the first refusal of each kind is a line of the log.
    async fn says_much(&mut self) {
        let connection = self.server.connected(DOMAIN, 1).await.expect("one connection").remove(0);
        let user = format!("from='user@some-domain.example/abc' to='{DOMAIN}'");
        let refused = [
            format!("<iq type='get' {user}><ask/></iq>"),
            format!("<iq type='ask' id='1' {user}><ask/></iq>"),
            format!("<iq type='get' id='1' {user}/>"),
            format!("<iq type='result' id='1' {user}/>"),
            format!("<message {user}/>"),
            format!("<iq type='result' id='1' from='{TARGET}/a' to='{DOMAIN}'/>"),
            format!("<iq type='result' id='1' from='{TARGET}/a' to='{DOMAIN}/token'/>"),
            "<x/><iq type='get' id='1'/><iq type='result' id='1'/><message/><presence/>".to_owned(),
        ];
        let refused = refused.concat();
        let deadline = Instant::now() + PATIENCE;
        while self.dropped() < 100 {
            assert!(Instant::now() < deadline, "no line was dropped");
            connection.inject_chunks(refused.repeat(100).as_bytes(), refused.len());
            self.serves().await;
        }
    }

    /// A request and its answer, through the proxy.
    async fn serves(&mut self) {
        self.asked += 1;
        let id = format!("ask-{}", self.asked);
        self.user.send(&format!("<iq type='get' id='{id}' to='{DOMAIN}'><ask/></iq>")).unwrap();
        while !self.service.recv_iq().await.expect("the request").contains(&id) {}
        assert_eq!(self.server.accepted(), 1, "it kept its stream");
    }

    fn dropped(&self) -> u64 {
        let metrics = self.daemon.get("/metrics").body;
        let value =
            metrics.lines().find_map(|l| l.strip_prefix("jat_proxy_log_lines_dropped_total "));
        value.expect("the metric").parse().unwrap()
    }

    /// Ends in time, without waiting for a reader.
    async fn stops(&mut self) {
        self.daemon.signal(Signal::TERM);
        assert_eq!(self.daemon.ended().await.code(), Some(0));
    }
}

/// Reads until `until` has come, or to the end.
async fn read(log: &mut (impl Read + Send), until: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    let (mut said, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
    loop {
        match log.read(&mut buffer) {
            Ok(0) => return String::from_utf8(said).unwrap(),
            Ok(count) => said.extend(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                assert!(Instant::now() < deadline, "never said: {until}, in {} bytes", said.len());
                sleep(Duration::from_millis(5)).await;
            }
            Err(error) => panic!("{error}"),
        }
        if !until.is_empty() && String::from_utf8_lossy(&said).contains(until) {
            return String::from_utf8(said).unwrap();
        }
    }
}

fn does_not_block(log: &OwnedFd) {
    fcntl_setfl(log, OFlags::NONBLOCK).unwrap();
}

async fn is_not_read(mut log: impl Read + Send, stderr: OwnedFd) {
    let mut it = Stage::new(stderr).await;
    it.says_much().await;
    // When it is read again, it reports that at once, and continues.
    let said = read(&mut log, DROPPED).await;
    let line = said.lines().find(|line| line.contains(DROPPED)).unwrap();
    let lost = it.dropped();
    assert!(line.contains(&format!("\"{lost} {DROPPED}")) && line.contains("WARN"), "{line}");
    it.serves().await;
    it.stops().await;
    let rest = read(&mut log, "").await;
    assert!(rest.lines().last().unwrap().contains("stopped"), "{rest}");
}

#[tokio::test]
async fn a_pipe_that_nobody_reads() {
    let (log, stderr) = pipe().unwrap();
    let log = OwnedFd::from(log);
    does_not_block(&log);
    is_not_read(File::from(log), stderr.into()).await;
}

/// As with journald.
#[tokio::test]
async fn a_socket_that_nobody_reads() {
    let (log, stderr) = UnixStream::pair().unwrap();
    log.set_nonblocking(true).unwrap();
    is_not_read(log, stderr.into()).await;
}

/// Neither a stop nor an upgrade waits for a reader.
#[tokio::test]
async fn an_upgrade_and_a_stop_while_nobody_reads() {
    let (_log, stderr) = pipe().unwrap();
    let mut it = Stage::new(stderr).await;
    it.says_much().await;
    let ready = it.daemon.told("READY=1").len();
    it.daemon.signal(Signal::USR2);
    it.daemon.has_told("READY=1", ready + 1).await;
    it.serves().await;
    it.stops().await;
}

#[tokio::test]
async fn a_disk_that_is_full() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut it = Stage::new(full).await;
    it.serves().await;
    assert!(it.dropped() > 3, "{} lines dropped", it.dropped());
    it.stops().await;
}

#[tokio::test]
async fn a_reader_that_has_gone() {
    let (log, stderr) = pipe().unwrap();
    let mut it = Stage::new(stderr).await;
    drop(log);
    it.says_much().await;
    it.stops().await;
}
