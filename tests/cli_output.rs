//! A command whose output can't be printed fails.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;

use test_support::folder::{Folder, jat_proxy};

/// Every command, and help and version, on a full disk.
#[test]
fn a_full_disk_is_an_error_of_every_command() {
    let folder = Folder::ready();
    let config = folder.path("jat-proxy.toml");
    let new = folder.path("new");
    let (config, new) = (config.to_str().unwrap(), new.to_str().unwrap());
    let token = "p.example/aeaqcadljhqbaaa4ovzwk4saonxw2zjnmrxw2yljnyxgk6dbnvygyzjpmfrggaaagezdgnh4\
                 aa7ulrg472rfhjdbc5h77sj3";
    let init = ["init", "--domain", "p.example", "--target", "bot@s.example", new];
    let commands: [&[&str]; 12] = [
        &["check", "-c", config],
        &["keys", "list", "-c", config],
        &["keys", "add", "-c", config],
        &["keys", "prune", "-c", config],
        &["token", "inspect", token],
        &["token", "inspect", r"user\40some.example@p.example"],
        &["man"],
        &["man", "5"],
        &["completions", "bash"],
        &["--version"],
        &["keys", "--help"],
        &init,
    ];
    for command in commands {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = jat_proxy().args(command).stdout(full).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(74), "{command:?}: {told}");
        let error = "error: can't write to standard output: No space left on device (os error 28)";
        assert!(told.contains(error), "{command:?}: {told}");
        assert!(gone(&mut jat_proxy(), command), "{command:?}");
    }
    // The command itself has done its work.
    assert!(folder.read("new/proxy.secret").len() > 40);
    assert_eq!(folder.read("keys.toml").matches("[[key]]").count(), 3);
}

/// Whether it is no error when the reader has gone away.
fn gone(program: &mut Command, command: &[&str]) -> bool {
    if command[0] == "init" {
        return true;
    }
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let output = program.args(command).stdout(writer).stderr(Stdio::piped()).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    output.status.code() == Some(0) && !told.contains("error")
}

/// The daemon answers, and the output is lost.
#[test]
fn status_that_is_lost_is_no_success() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = Folder::ready();
    let http = format!("[http]\nlisten = \"{}\"\n", listener.local_addr().unwrap());
    folder.write("jat-proxy.toml", &(folder.read("jat-proxy.toml") + &http));
    let answer = "HTTP/1.0 200 OK\r\n\r\n{\"version\":\"1\",\"started\":\"S\",\"components\":[]}";
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            lines.map_while(Result::ok).find(String::is_empty).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    let config = folder.path("jat-proxy.toml");
    for json in [&[][..], &["--json"]] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut status = jat_proxy();
        status.args(["status", "-c", config.to_str().unwrap()]).args(json);
        assert_eq!(status.stdout(full).output().unwrap().status.code(), Some(74), "{json:?}");
    }
}
