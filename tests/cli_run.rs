//! `jat-proxy run` as a service manager sees it, on a server that is not there.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use test_support::folder::Folder;

/// A daemon and the socket that it notifies; it is killed when it goes out of scope.
struct Service {
    child: Child,
    socket: UnixDatagram,
    folder: Folder,
}

impl Service {
    fn start() -> Self {
        Self::start_by(&["env"])
    }

    /// Started by a command that the program's own follows.
    fn start_by(command: &[&str]) -> Self {
        let folder = Folder::ready();
        // Nothing listens on port 1.
        let config = folder.read("jat-proxy.toml");
        let server = "[server]\naddress = \"127.0.0.1:1\"\n";
        folder.write(
            "jat-proxy.toml",
            &config.replacen("[[component]]", &format!("{server}[[component]]"), 1),
        );
        let socket = UnixDatagram::bind(folder.path("notify")).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let child = Command::new(command[0])
            .args(&command[1..])
            .args([env!("CARGO_BIN_EXE_jat-proxy"), "run", "-c"])
            .arg(folder.path("jat-proxy.toml"))
            .env("NOTIFY_SOCKET", folder.path("notify"))
            .stderr(File::create(folder.path("log")).unwrap())
            .spawn()
            .unwrap();
        Self { child, socket, folder }
    }

    /// What it is told until something begins with `word`, that included.
    fn until(&self, word: &str) -> Vec<String> {
        let mut said = Vec::new();
        let mut buffer = [0; 4096];
        while said.last().is_none_or(|last: &String| !last.starts_with(word)) {
            let length =
                self.socket.recv(&mut buffer).unwrap_or_else(|e| panic!("{word}: {e}; {said:?}"));
            said.push(String::from_utf8_lossy(&buffer[..length]).trim_end().to_owned());
            assert!(said.len() < 100, "{said:?}");
        }
        said
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits until it has logged `words`.
    fn logged(&self, words: &str) {
        for _ in 0..400 {
            if self.folder.read("log").contains(words) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{words}: {}", self.folder.read("log"));
    }

    /// Its exit code, and what it logged.
    fn end(mut self) -> (Option<i32>, String) {
        (self.child.wait().unwrap().code(), self.folder.read("log"))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_is_ready_while_the_server_is_away_feeds_the_watchdog_and_says_when_it_stops() {
    let service = Service::start();
    service.until("READY=1");
    let status = service.until("STATUS=").pop().unwrap();
    assert!(
        status.starts_with("STATUS=0 of 1 components forward; proxy.example: not connected"),
        "{status}"
    );
    service.until("WATCHDOG=1");
    service.signal(Signal::TERM);
    service.until("STOPPING=1");
    let (code, log) = service.end();
    assert_eq!(code, Some(0), "{log}");
    // The cause once, however many attempts there were.
    assert_eq!(log.matches("Connection refused").count(), 1, "{log}");
    assert!(
        log.contains("is the server running, and does it listen for components there?"),
        "{log}"
    );
}

#[test]
fn a_reload_is_taken_whole_or_not_at_all() {
    let service = Service::start();
    service.until("READY=1");
    let good = service.folder.read("jat-proxy.toml");
    service.folder.write("jat-proxy.toml", &good.replace("target-address", "target-addres"));
    service.signal(Signal::HUP);
    service.logged("the configuration was not reloaded; the old one stays");
    service.folder.write("jat-proxy.toml", &good.replace("bot@some", "other@some"));
    service.signal(Signal::HUP);
    service.logged("configuration reloaded");
    // The same process takes the last signal.
    service.signal(Signal::USR2);
    service.logged("upgraded in place");
    service.signal(Signal::INT);
    service.until("STOPPING=1");
    let (code, log) = service.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("did you mean `target-address`?"), "{log}");
    // One of them is the upgrade's.
    assert_eq!(log.matches("configuration reloaded").count(), 2, "{log}");
}

#[test]
#[ignore = "needs root"]
fn without_proc_it_runs_and_upgrades() {
    let script = "mount -t tmpfs none /proc && exec \"$0\" \"$@\"";
    let service = Service::start_by(&["unshare", "--mount", "sh", "-c", script]);
    service.until("READY=1");
    service.signal(Signal::USR2);
    service.logged("upgraded in place");
    service.signal(Signal::TERM);
    let (code, log) = service.end();
    assert_eq!(code, Some(0), "{log}");
}

/// sd-daemon(3): the priority stands in front, and the time is the journal's.
#[test]
fn in_the_journal_each_line_has_its_priority() {
    let folder = Folder::ready();
    let server = "[server]\naddress = \"127.0.0.1:1\"\n[[component]]";
    let config = folder.read("jat-proxy.toml").replacen("[[component]]", server, 1);
    let run = |name: &str, config: &str, journal: bool| {
        folder.write("jat-proxy.toml", config);
        let log = File::create(folder.path(name)).unwrap();
        let (found, other) = (log.metadata().unwrap(), u64::from(!journal));
        let stream = format!("{}:{}", found.dev(), found.ino() + other);
        let mut command = Command::new(env!("CARGO_BIN_EXE_jat-proxy"));
        command.args(["run", "-c"]).arg(folder.path("jat-proxy.toml"));
        command.env("JOURNAL_STREAM", stream).stderr(log).spawn().unwrap()
    };
    let lines = |name: &str, words: &str| {
        for _ in 0..1200 {
            if folder.read(name).contains(words) {
                return folder.read(name);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{words}: {}", folder.read(name));
    };
    let mut child = run("text", &config, true);
    let text = lines("text", "not connected");
    child.kill().and_then(|()| child.wait()).unwrap();
    assert!(text.starts_with("<6> INFO starting version="), "{text}");
    assert!(text.contains("\n<4> WARN not connected, retrying: "), "{text}");
    let mut child = run("json", &format!("{config}[log]\nformat = \"json\"\n"), true);
    let json = lines("json", "not connected");
    child.kill().and_then(|()| child.wait()).unwrap();
    assert!(json.contains("\n<4>{\"timestamp\":\""), "{json}");
    // Standard error leads elsewhere, and another program has the journal.
    let mut child = run("other", &config, false);
    let other = lines("other", "not connected");
    child.kill().and_then(|()| child.wait()).unwrap();
    assert!(other.starts_with("20") && other.contains("Z  WARN not connected"), "{other}");
    // What ends it at once is an error there, too.
    let mut child = run("broken", &config.replace("target-address", "target-addres"), true);
    assert_eq!(child.wait().unwrap().code(), Some(78));
    let broken = folder.read("broken");
    assert!(broken.lines().all(|line| line.starts_with("<3>")), "{broken}");
}
