//! `jat-proxy status`: the real program, with a stand-in for the daemon.

use std::io::{BufRead, BufReader, Write};
use std::iter;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use test_support::folder::Folder;

/// A folder whose configuration names an address where `answer` is given once.
fn daemon(answer: &'static str) -> (Folder, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = configured(&listener.local_addr().unwrap().to_string());
    let asked = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
        let asked = lines.take_while(|line| !line.is_empty()).collect();
        stream.write_all(answer.as_bytes()).unwrap();
        asked
    });
    (folder, asked)
}

fn configured(listen: &str) -> Folder {
    let folder = Folder::ready();
    let config = folder.read("jat-proxy.toml");
    folder.write("jat-proxy.toml", &format!("{config}[http]\nlisten = \"{listen}\"\n"));
    folder
}

const GOOD: &str = "HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n\
                    {\"version\":\"0.1.0\",\"components\":[{\"domain\":\"proxy.example\"}]}";

#[test]
fn json_is_shown_as_it_is() {
    let (folder, _) = daemon(GOOD);
    let out = folder.run(&["status", "--json"]);
    assert_eq!(out.out, GOOD.split("\r\n\r\n").nth(1).unwrap().to_owned() + "\n");
}

#[test]
fn a_daemon_that_does_not_answer_well() {
    let (folder, _) = daemon("HTTP/1.0 421 Misdirected Request\r\n\r\n");
    let out = folder.run(&["status"]);
    assert_eq!(out.code, 69);
    assert!(out.err.contains("421 Misdirected Request"), "{}", out.err);
    let (folder, _) = daemon("HTTP/1.0 200 OK\r\n\r\n<html>");
    assert_eq!(folder.run(&["status"]).code, 69);
}

#[test]
fn a_daemon_that_does_not_answer_at_all() {
    // Only the kernel accepts the connection.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = configured(&listener.local_addr().unwrap().to_string());
    let status = folder.run(&["status"]);
    assert_eq!(status.code, 69);
    assert!(status.err.contains("no answer within 5 s\n  help: it hangs"), "{}", status.err);
    let check = folder.run(&["check", "--connect"]);
    assert_eq!(check.code, 69);
    assert!(check.err.contains("does not answer\n  help: if it is the daemon"), "{}", check.err);
}

/// The pauses between bytes are shorter than its timeout, so that only the whole answer is too slow.
#[test]
fn what_answers_for_ever_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = configured(&listener.local_addr().unwrap().to_string());
    let said = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").unwrap();
        let more = || {
            thread::sleep(Duration::from_millis(100));
            stream.write_all(b" ").is_ok()
        };
        iter::repeat_with(more).take(600).take_while(|written| *written).count()
    });
    let status = folder.run(&["status", "--json"]);
    assert_eq!(status.code, 69);
    assert!(status.err.contains("no answer within 5 s"), "{}", status.err);
    assert!(said.join().unwrap() < 600, "it stayed to the end");
}
