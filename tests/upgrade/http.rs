//! HTTP requests that are half read or half answered at an upgrade.

use std::io::{Read, Write};
use std::net::TcpStream;

use rustix::process::Signal;
use test_support::daemon::{DOMAIN, Daemon, TARGET, component};
use test_support::stage::Stage;
use test_support::wait::PATIENCE;

const REQUEST: &str = "GET /readyz HTTP/1.0\r\n\r\n";

/// A connection on which the first `cut` bytes of a request were sent.
fn asks(daemon: &Daemon, cut: usize) -> TcpStream {
    let mut socket = TcpStream::connect(daemon.http()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(&REQUEST.as_bytes()[..cut]).unwrap();
    socket
}

/// The whole answer, up to the end of the connection.
fn answer(socket: &mut TcpStream) -> String {
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("the connection is not reset");
    answer
}

#[tokio::test]
async fn a_request_that_is_cut_at_any_byte_is_answered() {
    let it = Stage::new().await;
    for refused in [true, false] {
        let mut clients: Vec<_> = (0..=REQUEST.len()).map(|cut| asks(&it.daemon, cut)).collect();
        // The latest connection is served by now, and so are earlier ones.
        assert!(it.daemon.try_get("/healthz").is_some());
        if refused {
            // The upgrade fails, and the old program continues with them.
            let script = "case \"$*\" in *--rehearse*) exit 3;; esac; exec";
            let built = env!("CARGO_BIN_EXE_jat-proxy");
            it.daemon.replace_with_script(&format!("{script} {built} \"$@\""));
            it.daemon.signal(Signal::USR2);
            it.daemon.until_logged("not upgraded", 1).await;
            it.daemon.replace_with_built();
        } else {
            // Twice, so that handed-over requests are handed over again.
            it.upgrade().await;
            it.upgrade().await;
        }
        for (cut, client) in clients.iter_mut().enumerate() {
            // A whole request may have been answered, and its connection closed.
            let _ = client.write_all(&REQUEST.as_bytes()[cut..]);
            let answer = answer(client);
            assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{cut}: {answer}");
            assert!(answer.ends_with("proxy.example: ready\n"), "{cut}: {answer}");
        }
    }
}

/// The answer is larger than what the kernel buffers for a client that does not read.
#[tokio::test]
async fn an_answer_that_is_half_read_is_whole() {
    const RESOURCES: usize = 1_900;
    let it = Stage::new().await;
    let domains = [DOMAIN, "two.example", "a.proxy.example"];
    it.daemon.configure(&domains.map(component).concat());
    it.daemon.signal(Signal::HUP);
    it.daemon.until("all are ready", |d| d.is_ready(domains.len())).await;
    let name = "x".repeat(1_000);
    let resource = |n| it.server.client(&format!("{TARGET}/{name}{n}"));
    let _online: Vec<_> = (0..RESOURCES).map(resource).collect();
    let resources =
        |d: &Daemon| d.try_get("/status").map_or(0, |it| it.body.matches(&name).count());
    let all = domains.len() * RESOURCES;
    it.daemon.until("all resources", |d| resources(d) >= all).await;
    let mut client = TcpStream::connect(it.daemon.http()).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(b"GET /status HTTP/1.0\r\n\r\n").unwrap();
    let mut head = [0; 1000];
    client.read_exact(&mut head).unwrap();
    it.upgrade().await;
    it.upgrade().await;
    let answer = String::from_utf8(head.to_vec()).unwrap() + &answer(&mut client);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let length = head.lines().find_map(|l| l.strip_prefix("content-length: ")).unwrap();
    assert_eq!(body.len().to_string(), length);
    serde_json::from_str::<serde_json::Value>(body).expect("it is whole");
    assert!(body.len() > 5_000_000, "{}", body.len());
}
