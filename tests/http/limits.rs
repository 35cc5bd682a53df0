//! What clients can use up: connections, time, memory, descriptors.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::sockopt;
use test_support::http::ask;
use test_support::port::free_address;
use test_support::wait::PATIENCE;
use test_support::watched::server;
use test_support::watched::{self, configuration};

#[test]
fn a_slow_client_is_disconnected_after_five_seconds_while_others_are_served() {
    let daemon = watched::start(free_address());
    let began = Instant::now();
    let mut slow = TcpStream::connect(daemon.http()).expect("it listens");
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

/// A health check connects each time, and may wait for a second.
#[test]
fn one_connection_more_than_64_takes_the_place_of_one_that_asks_for_nothing() {
    let daemon = watched::start(free_address());
    let idle: Vec<_> = (0..63).map(|_| TcpStream::connect(daemon.http()).unwrap()).collect();
    assert_eq!(daemon.get("/healthz").status, 200);
    assert!(idle.iter().all(is_open), "63 connections leave room for one");
    let last = TcpStream::connect(daemon.http()).unwrap();
    assert_eq!(daemon.get("/healthz").status, 200);
    assert!(!is_open(&idle[0]), "it was one too many");
    assert!(idle[1..].iter().chain([&last]).all(is_open), "one has to go, no more");
}

#[test]
fn a_thousand_that_ask_for_nothing_delay_nobody() {
    let daemon = watched::start(free_address());
    let idle: Vec<_> = (0..900).map(|_| TcpStream::connect(daemon.http()).unwrap()).collect();
    assert_eq!(daemon.get("/healthz").status, 200);
    // Nobody waited until the first was cut off, which takes five seconds.
    assert!(idle[899..].iter().all(is_open), "the last was cut too");
    assert_eq!(daemon.get("/healthz").status, 200);
}

/// Sixty clients that do not read an answer of eight megabytes.
#[test]
fn answers_that_nobody_reads_are_bounded_in_bytes() {
    let server = server::start();
    let domains = ["proxy.example", "a.example", "b.example", "c.example"];
    let component = |domain| {
        format!(
            "[[component]]\ndomain = \"{domain}\"\nsecret = \"s\"\n\
             target-address = \"bot@some.example\"\n"
        )
    };
    let more: String = domains[1..].iter().map(component).collect();
    let configuration = |http| configuration(server.address, Some(http)) + &more;
    let daemon = watched::start_with(configuration, 1024);
    daemon.wait_for("/status", |answer| answer.body.matches("\"logins\":1").count() == 5);
    let name = "r".repeat(1_000);
    for domain in domains {
        let resource = |i| format!("<presence from='bot@some.example/{name}{i}' to='{domain}'/>");
        let all: String = (0..2_000).map(resource).collect();
        server.say(domain, &all);
    }
    let last = format!("{name}1999\"");
    daemon.wait_for("/status", |answer| answer.body.matches(&last).count() == domains.len());
    let before = daemon.process_number("VmHWM");
    let mut slow: Vec<_> = (0..60).map(|_| reads_nothing(daemon.http())).collect();
    let told: Vec<String> = slow.iter_mut().map(beginning).collect();
    let good = told.iter().filter(|t| t.starts_with("HTTP/1.1 200")).count();
    let refused = told.iter().filter(|t| t.starts_with("HTTP/1.1 503")).count();
    assert_eq!(good + refused, 60, "{told:?}");
    assert!(good >= 3 && refused >= 40, "{good} answers of eight megabytes, {refused} refused");
    let grown = daemon.process_number("VmHWM").saturating_sub(before);
    assert!(grown < 100 << 20, "{grown} bytes for answers that nobody reads");
    assert_eq!(daemon.get("/healthz").status, 200);
    drop(slow);
    daemon.wait_for("/status", |answer| answer.status == 200);
}

/// A connection that requests the status, and reads little of it.
fn reads_nothing(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("it listens");
    sockopt::set_socket_recv_buffer_size(&stream, 4096).expect("a socket");
    stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
    stream.write_all(b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it is open");
    stream
}

/// The status line of the answer.
fn beginning(stream: &mut TcpStream) -> String {
    let mut line = [0; 12];
    stream.read_exact(&mut line).expect("an answer");
    String::from_utf8_lossy(&line).into_owned()
}

fn is_open(connection: &TcpStream) -> bool {
    connection.set_nonblocking(true).expect("a socket");
    let end = connection.peek(&mut [0]);
    end.is_err_and(|it| it.kind() == ErrorKind::WouldBlock)
}

#[test]
fn a_head_that_is_too_much_is_refused() {
    let daemon = watched::start(free_address());
    let status = |headers: &str| {
        let request = format!("GET /status HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        ask(daemon.http(), &request).expect("an answer").status
    };
    assert_eq!(status(&format!("X: {}\r\n", "x".repeat(10_000))), 200);
    assert_eq!(status(&format!("X: {}\r\n", "x".repeat(20_000))), 431);
    assert_eq!(status(&"X: x\r\n".repeat(50)), 200);
    assert_eq!(status(&"X: x\r\n".repeat(200)), 431);
    let path = ask(daemon.http(), &format!("GET /{} HTTP/1.0\r\n\r\n", "x".repeat(20_000)));
    assert!((400..500).contains(&path.expect("an answer").status));
    assert_eq!(daemon.get("/healthz").status, 200);
}

/// Without a free descriptor it says so once, and once when that is over.
#[test]
fn a_lack_of_descriptors_is_two_lines_in_the_log() {
    let server = free_address();
    let daemon = watched::start_with(|http| configuration(server, Some(http)), 24);
    let idle: Vec<_> = (0..30).map(|_| TcpStream::connect(daemon.http()).unwrap()).collect();
    daemon.logs("can't accept HTTP connections");
    // It tries every second.
    thread::sleep(Duration::from_millis(2500));
    drop(idle);
    daemon.logs("accepting HTTP connections again");
    let log = daemon.log();
    assert_eq!(log.matches("can't accept HTTP connections").count(), 1, "{log}");
    assert_eq!(log.matches("accepting HTTP connections again").count(), 1, "{log}");
    daemon.wait_for("/healthz", |answer| answer.status == 200);
}
