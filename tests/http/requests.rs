//! Unusual requests: other paths, methods, versions and hosts.

use std::io::{Read, Write};
use std::net::TcpStream;

use test_support::daemon::Daemon;
use test_support::http::{HttpAnswer, ask};
use test_support::port::free_address;
use test_support::wait::PATIENCE;
use test_support::watched::{self, configuration};

const PATHS: [&str; 5] = ["/", "/metrics", "/healthz", "/readyz", "/status"];

#[test]
fn other_paths_and_methods_are_refused_with_a_text() {
    let daemon = watched::start(free_address());
    let ask = |request: &str| ask(daemon.http(), request).expect(request);
    for path in ["/favicon.ico", "/metrics/", "//", "/../etc/passwd", "/%2e%2e/status"] {
        let answer = daemon.get(path);
        assert_eq!(answer.status, 404, "{path}");
        assert!(PATHS.iter().all(|path| answer.body.contains(path)), "{}", answer.body);
        guarded(&answer);
    }
    for path in PATHS {
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"] {
            let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            let answer = ask(&request);
            assert_eq!(answer.status, 405, "{request}");
            assert!(answer.head.contains("\r\nallow: get,head\r\n"), "{}", answer.head);
            guarded(&answer);
        }
        let head = ask(&format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        let get = daemon.get(path);
        assert!(head.status == get.status && head.body.is_empty(), "{path}");
        guarded(&get);
    }
    let connect = ask("CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!((400..500).contains(&connect.status), "{}", connect.head);
}

#[test]
fn only_a_host_that_is_known_is_answered() {
    let named = |http| {
        configuration(free_address(), Some(http))
            .replace("[http]\n", "[http]\nhosts = [\"metrics.example\", \"192.0.2.7\"]\n")
    };
    let mut daemon = watched::start_with(named, 1024);
    let ask = |daemon: &Daemon, request: &str| ask(daemon.http(), request).expect(request);
    let with = |daemon: &Daemon, host: &str| {
        ask(daemon, &format!("GET /status HTTP/1.1\r\nHost: {host}\r\n\r\n")).status
    };
    for known in ["localhost:9114", "127.0.0.1", "[::1]:9114", "Metrics.Example", "192.0.2.7:443"] {
        assert_eq!(with(&daemon, known), 200, "{known}");
    }
    let answer = ask(&daemon, "GET /status HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    assert_eq!(answer.status, 421);
    assert!(answer.body.contains("Host header"), "{}", answer.body);
    guarded(&answer);
    for (request, status) in [
        ("GET /status HTTP/1.1\r\n\r\n", 400),
        ("GET /status HTTP/1.0\r\n\r\n", 200),
        ("GET /status HTTP/1.0\r\nHost: evil.example\r\n\r\n", 421),
        ("GET /status HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400),
        ("GET http://localhost/status HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        ("GET http://evil.example/status HTTP/1.1\r\nHost: localhost\r\n\r\n", 421),
        ("GET http://localhost/status HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
        ("nonsense\r\n\r\n", 400),
    ] {
        assert_eq!(ask(&daemon, request).status, status, "{request}");
    }
    // A reload changes the names without moving the address.
    let unnamed = configuration(free_address(), Some(daemon.http()));
    daemon.reload(&unnamed, "configuration reloaded");
    assert_eq!((with(&daemon, "metrics.example"), with(&daemon, "localhost")), (421, 200));
    // A reload that is refused changes nothing.
    let refused = unnamed.replace("[http]\n", "[http]\nhosts = [\"*\"]\n");
    daemon.reload(&refused, "the configuration was not reloaded");
    assert_eq!(with(&daemon, "metrics.example"), 421);
    daemon.http = Some(free_address());
    let moved = configuration(free_address(), Some(daemon.http()))
        .replace("[http]\n", "[http]\nhosts = [\"metrics.example\"]\n");
    daemon.reload(&moved, "configuration reloaded");
    assert_eq!(with(&daemon, "metrics.example"), 200);
}

/// The first request is answered, and the answer says that the connection is closed.
#[test]
fn requests_in_one_piece_get_one_answer() {
    let daemon = watched::start(free_address());
    let mut stream = TcpStream::connect(daemon.http()).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", daemon.http());
    stream.write_all(request.repeat(20).as_bytes()).expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer and an end");
    assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{text}");
    assert!(text.contains("\r\nconnection: close\r\n"), "{text}");
}

/// The body is ignored, and nothing in it is taken for another request.
#[test]
fn a_request_with_a_body_gets_one_answer_and_an_end() {
    let daemon = watched::start(free_address());
    let next = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let of_length = |body: &str| format!("Content-Length: {}\r\n\r\n{body}", body.len());
    let chunked = |body: &str| {
        format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
    };
    // More than is read together with a head.
    let large = next.repeat(1_000);
    for (method, good) in [("GET", 200), ("POST", 405)] {
        for (rest, status) in [
            (of_length(""), good),
            (of_length("hello"), good),
            (of_length(next), good),
            (of_length(&large), good),
            (chunked("hello"), good),
            (chunked(next), good),
            (chunked(&large), good),
            (of_length("hello") + next, good),
            (chunked("hello") + next, good),
            // Every result.
            ("Content-Length: 1000\r\n\r\nhello".into(), good),
            ("Transfer-Encoding: chunked\r\n\r\nnonsense".into(), good),
            ("Expect: 100-continue\r\nContent-Length: 5\r\n\r\n".into(), good),
            ("Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello".into(), 400),
            ("Content-Length: -1\r\n\r\nhello".into(), 400),
            ("Transfer-Encoding: gzip\r\n\r\nhello".into(), 400),
        ] {
            let request = format!("{method} /healthz HTTP/1.1\r\nHost: localhost\r\n{rest}");
            let shown = &request[..request.len().min(200)];
            let mut stream = TcpStream::connect(daemon.http()).expect("it listens");
            stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
            stream.write_all(request.as_bytes()).expect(shown);
            let mut text = String::new();
            stream.read_to_string(&mut text).expect(shown);
            assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{shown}: {text}");
            assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{shown}: {text}");
            assert!(text.contains("\r\nconnection: close\r\n"), "{shown}: {text}");
        }
    }
}

/// Checks for the headers that keep browsers from misusing an answer.
fn guarded(answer: &HttpAnswer) {
    for header in [
        "cache-control: no-store",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "content-security-policy: default-src 'none';",
        "cross-origin-resource-policy: same-origin",
    ] {
        assert!(answer.head.contains(header), "no {header} in {}", answer.head);
    }
    assert_eq!(answer.head.matches("content-security-policy").count(), 1, "{}", answer.head);
}
