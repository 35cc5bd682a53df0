//! Ready, status, watchdog and stopping, each at its time.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use rustix::process::Signal;
use test_support::daemon::{DOMAIN, TARGET};
use tokio::time::Instant;

use crate::daemon::{Daemon, server};

#[tokio::test]
async fn it_is_ready_after_its_first_attempt_and_not_before() {
    // Accepts connections and sends nothing, until it is closed.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let daemon = Daemon::start(silent.local_addr().unwrap(), "");
    daemon.tells("WATCHDOG=1", 4).await;
    let said = daemon.notices();
    assert!(said.contains(&format!("{NONE}not connected yet")), "{said:?}");
    assert!(daemon.told("READY=1").is_empty(), "{said:?}");
    drop(silent);
    daemon.tells(&format!("{NONE}not connected since"), 1).await;
    // It is not restarted because the server is down.
    daemon.tells("WATCHDOG=1", 6).await;
    assert_eq!(daemon.told("READY=1").len(), 1);
}

#[tokio::test]
async fn its_status_follows_the_stream_and_stopping_is_its_last_word() {
    let server = server().await;
    let mut daemon = Daemon::start(server.address(), "");
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
    let status = daemon.ended().await;
    assert_eq!(status.code(), Some(0));
    // Notifications from before its end may be read after it.
    daemon.has_told("STOPPING=1", 1).await;
    let said = daemon.notices();
    assert_eq!(said.last().unwrap(), "STOPPING=1", "{said:?}");
    assert_eq!(daemon.told("READY=1").len(), 1, "{said:?}");
}

/// For as long as an upgrade waits, for streams that a reload removed, for example.
#[tokio::test]
async fn the_watchdog_is_fed_during_an_upgrade() {
    let server = server().await;
    let other = format!(
        "[[component]]\ndomain = \"other.example\"\nserver = \"{}\"\nsecret = \"s\"\n\
         target-address = \"{TARGET}\"\n",
        server_that_never_closes()
    );
    let daemon = Daemon::start(server.address(), &other);
    let logs = async |text: &str, times: usize| {
        daemon.until_logged(text, times).await;
        Instant::now()
    };
    logs("logged in to", 2).await;
    daemon.reconfigure(&other, "");
    daemon.signal(Signal::USR2);
    // Its stream has 8 s to close.
    let began = logs("configuration reloaded", 1).await;
    let ended = logs("handing over", 1).await;
    let fed = daemon.told("WATCHDOG=1");
    let meanwhile = fed.iter().filter(|at| (began..ended).contains(*at)).count();
    assert!(meanwhile > 2, "{meanwhile} times in {:?}", ended - began);
}

/// Accepts a component's login, and answers nothing after that.
fn server_that_never_closes() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        socket
            .write_all(
                b"<stream:stream xmlns:stream='http://etherx.jabber.org/streams' \
                  xmlns='jabber:component:accept' from='other.example' id='1'>",
            )
            .unwrap();
        let (mut received, mut buffer) = (Vec::new(), [0; 4096]);
        let mut logged_in = false;
        while let Ok(count @ 1..) = socket.read(&mut buffer) {
            received.extend_from_slice(&buffer[..count]);
            if !logged_in && String::from_utf8_lossy(&received).contains("</handshake>") {
                socket.write_all(b"<handshake/>").unwrap();
                logged_in = true;
            }
        }
    });
    address
}

const ALL: &str = "STATUS=1 of 1 components are ready";
const NONE: &str = "STATUS=0 of 1 components are ready; proxy.example: ";
