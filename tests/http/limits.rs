//! What clients can take: connections, time, memory, descriptors.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use super::daemon::{Daemon, PATIENCE, ask, configuration, free_address};

#[test]
fn a_slow_client_is_cut_after_five_seconds_while_others_are_served() {
    let daemon = Daemon::start(free_address());
    let began = Instant::now();
    let mut slow = TcpStream::connect(daemon.http).expect("it listens");
    slow.set_read_timeout(Some(Duration::from_millis(250))).expect("not zero");
    let mut cut = slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ").is_err();
    while !cut {
        assert!(began.elapsed() < PATIENCE, "it was never cut");
        assert_eq!(daemon.get("/healthz").status, 200);
        let ended = matches!(slow.read(&mut [0; 64]), Ok(0));
        cut = slow.write_all(b"x").is_err() || ended;
    }
    let seconds = began.elapsed().as_secs_f64();
    assert!(seconds > 4.5, "cut after {seconds} s");
}

#[test]
fn one_connection_more_than_64_waits_for_another_to_go() {
    let daemon = Daemon::start(free_address());
    let idle: Vec<_> = (0..63).map(|_| TcpStream::connect(daemon.http).unwrap()).collect();
    assert_eq!(daemon.get("/healthz").status, 200);
    assert!(idle.iter().all(is_open), "63 connections leave room for one");
    let last = TcpStream::connect(daemon.http).unwrap();
    assert_eq!(daemon.get("/healthz").status, 200);
    assert!(!idle.iter().chain([&last]).all(is_open), "it was one too many");
}

fn is_open(connection: &TcpStream) -> bool {
    connection.set_nonblocking(true).expect("a socket");
    let end = connection.peek(&mut [0]);
    end.is_err_and(|it| it.kind() == ErrorKind::WouldBlock)
}

#[test]
fn a_head_that_is_too_much_is_refused() {
    let daemon = Daemon::start(free_address());
    let status = |headers: &str| {
        let request = format!("GET /status HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        ask(daemon.http, &request).expect("an answer").status
    };
    assert_eq!(status(&format!("X: {}\r\n", "x".repeat(10_000))), 200);
    assert_eq!(status(&format!("X: {}\r\n", "x".repeat(20_000))), 431);
    assert_eq!(status(&"X: x\r\n".repeat(50)), 200);
    assert_eq!(status(&"X: x\r\n".repeat(200)), 431);
    let path = ask(daemon.http, &format!("GET /{} HTTP/1.0\r\n\r\n", "x".repeat(20_000)));
    assert!((400..500).contains(&path.expect("an answer").status));
    assert_eq!(daemon.get("/healthz").status, 200);
}

/// Without a free descriptor it says so once, and once when that is over.
#[test]
fn a_lack_of_descriptors_is_two_lines_in_the_log() {
    let server = free_address();
    let daemon = Daemon::start_with(|http| configuration(server, Some(http)), 24);
    let idle: Vec<_> = (0..30).map(|_| TcpStream::connect(daemon.http).unwrap()).collect();
    daemon.wait_for_log("can't take HTTP connections");
    // It tries every second.
    thread::sleep(Duration::from_millis(2500));
    drop(idle);
    daemon.wait_for_log("HTTP connections can be taken again");
    let log = daemon.log();
    assert_eq!(log.matches("can't take HTTP connections").count(), 1, "{log}");
    assert_eq!(log.matches("HTTP connections can be taken again").count(), 1, "{log}");
    daemon.wait_for("/healthz", |answer| answer.status == 200);
}
