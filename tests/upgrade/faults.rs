//! System calls that fail in the middle of an upgrade, one at a time, in the old and in the new
//! program: whatever fails, the stream stays up, nothing is lost, and one line says what happened.
//!
//! strace(1) makes them fail, from the moment when it attaches.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use test_support::daemon::{DOMAIN, Daemon};
use test_support::stage::{Stage, reply_to};

/// The calls of an upgrade, in their order, each with an error that a shortage causes. Those of the
/// system's loader are omitted: it would end a program before its first line, in the rehearsal too.
const CALLS: [(&str, &str, By); 9] = [
    // The check and the rehearsal.
    ("pipe2", "EMFILE", By::Any),
    ("clone,clone3,vfork,fork", "EAGAIN", By::Any),
    ("pidfd_open", "EMFILE", By::Any),
    // The hand-over.
    ("memfd_create", "EMFILE", By::MainThread),
    ("execve", "ENOMEM", By::MainThread),
    // The next program takes it.
    ("epoll_create1", "EMFILE", By::MainThread),
    ("eventfd2", "EMFILE", By::MainThread),
    ("socketpair", "ENFILE", By::MainThread),
    ("epoll_ctl", "ENOMEM", By::MainThread),
];

/// The caller of a call that fails.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    MainThread,
    /// Any thread, and the child processes.
    Any,
}

/// The maximum number of times for each.
const TIMES: usize = 40;

#[tokio::test]
#[ignore = "needs strace and root"]
async fn one_system_call_after_the_other() {
    let mut it = Stage::new().await;
    for (calls, error, by) in CALLS {
        let mut failed = 0;
        for number in 1..=TIMES {
            let strace = Strace::attach(&it, calls, error, by, number);
            let fate = upgrade(&mut it).await;
            if !strace.has_struck() {
                break;
            }
            failed += 1;
            println!("{calls} {number}: {error}, {fate}");
        }
        assert!((1..TIMES).contains(&failed), "{calls} failed {failed} times");
    }
    assert_eq!(it.server.accepted(), 1, "{}", it.daemon.log());
}

/// The result of an upgrade with a request in the middle of it: success, or the reason why not.
async fn upgrade(it: &mut Stage) -> String {
    const REQUESTS: usize = 5;
    let decided = |d: &Daemon| d.logged("upgraded in place") + d.logged("not upgraded");
    let before = decided(&it.daemon);
    it.daemon.signal(Signal::USR2);
    for id in 0..REQUESTS {
        let ask = format!("<iq type='get' id='meanwhile-{id}' to='{DOMAIN}'><ask/></iq>");
        it.user.send(&ask).unwrap();
    }
    it.daemon.until("a decision", |d| decided(d) > before).await;
    for _ in 0..REQUESTS {
        let request = it.service.recv_iq().await.expect("the request");
        it.service.send(&reply_to(&request)).unwrap();
        assert!(it.user.recv_iq().await.expect("the reply").contains("<answer/>"));
    }
    assert_eq!(it.server.accepted(), 1, "{}", it.daemon.log());
    assert!(it.daemon.is_running(), "{}", it.daemon.log());
    let log = it.daemon.log();
    let line = log.lines().rfind(|l| l.contains("upgraded in place") || l.contains("not upgraded"));
    let line = line.expect("there is one");
    line.split_once("the old program keeps running: ")
        .map_or("upgraded", |(_, reason)| reason)
        .to_owned()
}

/// A running strace, which lets one call of each thread fail.
struct Strace {
    child: Child,
    output: std::path::PathBuf,
}

impl Strace {
    fn attach(it: &Stage, calls: &str, error: &str, by: By, number: usize) -> Self {
        let output = it.daemon.folder.path("strace");
        let mut command = Command::new("strace");
        if by == By::Any {
            command.arg("--follow-forks");
        }
        command.arg("-p").arg(it.daemon.pid().to_string()).arg("-o").arg(&output);
        command.arg(format!("--trace={calls}"));
        command.arg(format!("--inject={calls}:error={error}:when={number}"));
        let mut child = command.stderr(Stdio::piped()).spawn().expect("strace runs");
        let mut said = String::new();
        let stderr = child.stderr.as_mut().expect("it is piped");
        BufReader::new(stderr).read_line(&mut said).expect("it says something");
        assert!(said.contains("attached"), "{said}");
        Self { child, output }
    }

    /// Detaches; returns whether the call was made, and failed.
    fn has_struck(mut self) -> bool {
        kill_process(Pid::from_child(&self.child), Signal::INT).expect("it runs");
        self.child.wait().expect("it ends");
        std::fs::read_to_string(&self.output).expect("it is there").contains("(INJECTED)")
    }
}
