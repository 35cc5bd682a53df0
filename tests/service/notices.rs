//! Ready, status, watchdog and stopping, each at its time.

use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::sleep;

use crate::daemon::{DOMAIN, Daemon, TARGET, server};

#[tokio::test]
async fn it_is_ready_after_its_first_attempt_and_not_before() {
    // Takes connections and says nothing, until it goes away.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let daemon = Daemon::start(silent.local_addr().unwrap(), "", Stdio::null());
    daemon.tells("WATCHDOG=1", 4).await;
    let said = daemon.notices();
    assert!(said.contains(&format!("{NONE}no stream yet: connecting")), "{said:?}");
    assert!(daemon.told("READY=1").is_empty(), "{said:?}");
    drop(silent);
    daemon.tells(&format!("{NONE}no stream since"), 1).await;
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
    daemon.tells(&format!("{NONE}no stream since"), 1).await;
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

const ALL: &str = "STATUS=1 of 1 components forward";
const NONE: &str = "STATUS=0 of 1 components forward; proxy.example: ";
