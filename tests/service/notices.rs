//! Ready, status, watchdog and stopping, each at its time.

use std::fs;
use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use mock_server::{Options, Server};
use rustix::process::Signal;
use tempfile::NamedTempFile;
use tokio::time::{Instant, sleep};

use crate::daemon::{DOMAIN, Daemon, TARGET, server};

#[tokio::test]
async fn it_is_ready_after_its_first_attempt_and_not_before() {
    // Takes connections and says nothing, until it goes away.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let daemon = Daemon::start(silent.local_addr().unwrap(), "", Stdio::null());
    daemon.tells("WATCHDOG=1", 4).await;
    let said = daemon.notices();
    assert!(said.contains(&format!("{NONE}not connected yet")), "{said:?}");
    assert!(daemon.told("READY=1").is_empty(), "{said:?}");
    drop(silent);
    daemon.tells(&format!("{NONE}not connected since"), 1).await;
    // Nobody is restarted because the server is down.
    daemon.tells("WATCHDOG=1", 6).await;
    assert_eq!(daemon.told("READY=1").len(), 1);
}

#[tokio::test]
async fn its_status_follows_the_stream_and_stopping_is_its_last_word() {
    let server = server().await;
    let mut daemon = Daemon::start(server.address(), "", Stdio::null());
    daemon.tells("READY=1", 1).await;
    let service = server.client(&format!("{TARGET}/a"));
    daemon.has_told(ALL, 1).await;
    service.log_out();
    daemon.tells(NONE, 1).await;
    let _service = server.client(&format!("{TARGET}/a"));
    daemon.tells(ALL, 1).await;
    server.stop_listening().await;
    server.connections(DOMAIN)[0].cut();
    daemon.tells(&format!("{NONE}not connected since"), 1).await;
    daemon.tells("WATCHDOG=1", 4).await;
    server.listen_again().await.unwrap();
    daemon.tells(ALL, 1).await;
    daemon.signal(Signal::TERM);
    let status = daemon.ended(Duration::from_secs(60)).await;
    assert_eq!(status.code(), Some(0));
    // What it told before its end may be read after it.
    sleep(Duration::from_millis(100)).await;
    let said = daemon.notices();
    assert_eq!(said.last().unwrap(), "STOPPING=1", "{said:?}");
    assert_eq!(daemon.told("READY=1").len(), 1, "{said:?}");
}

/// For as long as an upgrade waits, for streams that a reload took away, say.
#[tokio::test]
async fn the_watchdog_is_fed_during_an_upgrade() {
    let server = Server::start(Options::ejabberd("s")).await.unwrap();
    let other = format!(
        "[[component]]\ndomain = \"other.example\"\nserver = \"{}\"\nsecret = \"s\"\n\
         target-address = \"{TARGET}\"\n",
        server.address()
    );
    let log = NamedTempFile::new().unwrap();
    let daemon = Daemon::start(server.address(), &other, log.reopen().unwrap());
    let logs = async |text: &str, times: usize| {
        let deadline = Instant::now() + Duration::from_secs(60);
        let said = || fs::read_to_string(log.path()).unwrap();
        while said().matches(text).count() < times {
            assert!(Instant::now() < deadline, "no {text:?} in {}", said());
            sleep(Duration::from_millis(5)).await;
        }
        Instant::now()
    };
    let connection = server.connected("other.example", 1).await.expect("one").remove(0);
    logs("logged in to", 2).await;
    // The read that is under way takes an answer. Nobody sees the closing tag, so 8 s go by.
    connection.set_reading(false);
    connection.inject(b"<iq type='get' id='q' from='u@some.example/a' to='other.example'/>");
    let answered = || String::from_utf8_lossy(&connection.received()).contains("id='q'");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !answered() {
        assert!(Instant::now() < deadline, "no answer");
        sleep(Duration::from_millis(5)).await;
    }
    daemon.edit(&other, "");
    daemon.signal(Signal::USR2);
    let began = logs("configuration reloaded", 1).await;
    let ended = logs("handing over", 1).await;
    let fed = daemon.told("WATCHDOG=1");
    let meanwhile = fed.iter().filter(|at| (began..ended).contains(*at)).count();
    assert!(meanwhile > 2, "{meanwhile} times in {:?}", ended - began);
}

const ALL: &str = "STATUS=1 of 1 components forward";
const NONE: &str = "STATUS=0 of 1 components forward; proxy.example: ";
