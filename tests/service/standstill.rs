//! A replica that hangs is worse than a dead one, so a hang of 30 s ends its stream or its process.
//! These tests mostly wait, so they run all at once.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use test_support::daemon::{DOMAIN, TARGET, configuration};
use test_support::port::free_address;
use tokio::time::{Instant, sleep};

use crate::daemon::{Daemon, server};
use crate::shim::Shim;

/// Refused, so that there is an answer and, with `level = "debug"`, a line in the log.
const REQUEST: &str =
    "<iq type='get' id='1' from='user@some-domain.example/abc' to='proxy.example'/>";

/// It never returns from waiting for events.
#[tokio::test]
#[ignore = "takes 40 s"]
async fn an_event_loop_that_hangs_takes_its_process_with_it() {
    let server = server().await;
    let shim = Shim::new();
    let mut daemon = shim.daemon(&configuration(server.address(), ""));
    daemon.tells("READY=1", 1).await;
    shim.hang("epoll_wait");
    let status = daemon.ended_within(Duration::from_secs(90)).await;
    let fed = daemon.told("WATCHDOG=1").pop().expect("it was alive").elapsed();
    assert_eq!(status.signal(), Some(Signal::ABORT.as_raw()), "{status}");
    assert!(fed > Duration::from_secs(29), "it ended {fed:?} after it was well");
    assert!(fed < Duration::from_secs(48), "it hung for {fed:?}");
    let said = daemon.log();
    assert!(said.contains("ERROR the event loop has hung for more than 30 s"), "{said}");
}

/// A stream that has ended need not report to the watchdog.
#[tokio::test]
#[ignore = "takes 55 s"]
async fn a_slow_end_is_not_a_standstill() {
    let server = server().await;
    let more = format!(
        "shutdown-timeout = \"55s\"\n[[component]]\ndomain = \"other.example\"\n\
         server = \"{}\"\nsecret = \"s\"\ntarget-address = \"{TARGET}\"",
        free_address()
    );
    let mut daemon = Daemon::start(server.address(), &more);
    daemon.tells("READY=1", 1).await;
    let connection = server.connected(DOMAIN, 1).await.expect("one connection").remove(0);
    connection.set_reading(false);
    let began = Instant::now();
    daemon.signal(Signal::TERM);
    let status = daemon.ended_within(Duration::from_secs(80)).await;
    assert_eq!(status.code(), Some(0), "{status}");
    assert!(began.elapsed() > Duration::from_secs(50), "the server closed its side");
}

#[tokio::test]
#[ignore = "takes 50 s"]
async fn a_process_that_was_stopped_goes_on() {
    let server = server().await;
    let mut service = server.client(&format!("{TARGET}/a"));
    let user = server.client("user@some-domain.example/abc");
    let mut daemon = Daemon::start(server.address(), "");
    daemon.tells("STATUS=1 of 1", 1).await;
    daemon.signal(Signal::STOP);
    sleep(Duration::from_secs(1)).await;
    let fed = daemon.told("WATCHDOG=1").len();
    sleep(Duration::from_secs(36)).await;
    assert_eq!(daemon.told("WATCHDOG=1").len(), fed, "it was not stopped");
    daemon.signal(Signal::CONT);
    // The watchdog has looked twice by then.
    sleep(Duration::from_secs(12)).await;
    assert!(daemon.is_running());
    daemon.has_told("WATCHDOG=1", fed + 16).await;
    user.send(&format!("<iq type='get' id='1' to='{DOMAIN}'><ask/></iq>")).unwrap();
    assert!(service.recv_iq().await.expect("the request").contains("<ask/>"));
    assert_eq!(server.accepted(), 1, "it kept its stream");
}

#[tokio::test]
#[ignore = "takes 35 s"]
async fn a_server_that_does_not_read_is_left_and_found_again() {
    let server = server().await;
    let mut service = server.client(&format!("{TARGET}/a"));
    let user = server.client("user@some-domain.example/abc");
    let http = free_address();
    let more = format!("[limits]\nmax-backlog-bytes = 1048576\n[http]\nlisten = \"{http}\"");
    let daemon = Daemon::start(server.address(), &more);
    daemon.tells("STATUS=1 of 1", 1).await;
    let connection = server.connections(DOMAIN).remove(0);
    connection.set_reading(false);
    let began = Instant::now();
    // From many users, since one sender gets few errors.
    let requests = (0..100_000).map(|user| REQUEST.replace("user@", &format!("{user}@")));
    connection.inject(requests.collect::<String>().as_bytes());
    let component = loop {
        let status = daemon.command(&["status", "--json"]).stdout;
        let status: Value = serde_json::from_slice(&status).unwrap();
        let component = status["components"][0].clone();
        if component["logins"] == 2 && component["not_ready"].is_null() {
            break component;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{component}");
        sleep(Duration::from_millis(200)).await;
    };
    let after = began.elapsed();
    assert!(after > Duration::from_secs(29), "already after {after:?}: {component}");
    assert_eq!(component["failures"]["unresponsive"], 1, "{component}");
    let said = daemon.log();
    assert_eq!(said.matches("did not read for 30 s").count(), 1, "{said}");
    assert!(said.contains("cause=\"unresponsive\""), "{said}");
    assert_eq!(said.matches("logged in again").count(), 1, "{said}");
    // The server was waited for; the event loop did not hang.
    let fed = daemon.told("WATCHDOG=1");
    let longest = fed.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(longest < Duration::from_secs(25), "{longest:?} without a word");
    user.send(&format!("<iq type='get' id='1' to='{DOMAIN}'><ask/></iq>")).unwrap();
    assert!(service.recv_iq().await.expect("the request").contains("<ask/>"));
}
