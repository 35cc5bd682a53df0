//! `jat-proxy run` as a service manager sees it, on a server that is not there.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;

use rustix::process::Signal;
use test_support::daemon::Daemon;
use test_support::folder::{CONFIG, Folder, LOG};
use test_support::launch::Launch;
use test_support::wait::PATIENCE;

/// A daemon and the socket that it notifies.
struct Service {
    daemon: Daemon,
    socket: UnixDatagram,
}

impl Service {
    fn start() -> Self {
        Self::start_by(&["env"])
    }

    /// Started by this command, with the program's own appended.
    fn start_by(command: &[&str]) -> Self {
        let mut launch = Launch::in_folder(Folder::alone()).behind(command);
        let path = launch.folder.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        launch.command.env("NOTIFY_SOCKET", path);
        Self { daemon: launch.start(), socket }
    }

    /// The notifications up to and including one that begins with `word`.
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

    /// Its exit code, and what it logged.
    fn end(mut self) -> (Option<i32>, String) {
        (self.daemon.end().code(), self.daemon.log())
    }
}

#[test]
fn it_is_ready_while_the_server_is_away_feeds_the_watchdog_and_says_when_it_stops() {
    let service = Service::start();
    service.until("READY=1");
    let status = service.until("STATUS=").pop().unwrap();
    assert!(
        status.starts_with("STATUS=0 of 1 components are ready; proxy.example: not connected"),
        "{status}"
    );
    service.until("WATCHDOG=1");
    service.daemon.signal(Signal::TERM);
    service.until("STOPPING=1");
    let (code, log) = service.end();
    assert_eq!(code, Some(0), "{log}");
    // The cause is logged once, however many attempts there were.
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
    let good = service.daemon.folder.read("jat-proxy.toml");
    service.daemon.folder.write("jat-proxy.toml", &good.replace("target-address", "target-addres"));
    service.daemon.signal(Signal::HUP);
    service.daemon.logs("the configuration was not reloaded; the old one stays in use");
    service.daemon.folder.write("jat-proxy.toml", &good.replace("bot@some", "other@some"));
    service.daemon.signal(Signal::HUP);
    service.daemon.logs("configuration reloaded");
    // The same process gets the last signal.
    service.daemon.signal(Signal::USR2);
    service.daemon.logs("upgraded in place");
    service.daemon.signal(Signal::INT);
    service.until("STOPPING=1");
    let (code, log) = service.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("did you mean `target-address`?"), "{log}");
    // One of them is from the upgrade.
    assert_eq!(log.matches("configuration reloaded").count(), 2, "{log}");
}

#[test]
#[ignore = "needs root"]
fn without_proc_it_runs_and_upgrades() {
    let script = "mount -t tmpfs none /proc && exec \"$0\" \"$@\"";
    let service = Service::start_by(&["unshare", "--mount", "sh", "-c", script]);
    service.until("READY=1");
    service.daemon.signal(Signal::USR2);
    service.daemon.logs("upgraded in place");
    service.daemon.signal(Signal::TERM);
    let (code, log) = service.end();
    assert_eq!(code, Some(0), "{log}");
}

/// sd-daemon(3): each line begins with the priority; the journal adds the time.
#[test]
fn in_the_journal_each_line_has_its_priority() {
    let run = |adapt: fn(String) -> String, journal: bool| {
        let folder = Folder::alone();
        folder.write(CONFIG, &adapt(folder.read(CONFIG)));
        let mut launch = Launch::in_folder(folder);
        let found = fs::metadata(launch.folder.path(LOG)).unwrap();
        let stream = format!("{}:{}", found.dev(), found.ino() + u64::from(!journal));
        launch.command.env("JOURNAL_STREAM", stream);
        launch.start()
    };
    let lines = |daemon: Daemon| {
        daemon.logs("not connected");
        daemon.log()
    };
    let text = lines(run(|config| config, true));
    assert!(text.starts_with("<6> INFO starting version="), "{text}");
    assert!(text.contains("\n<4> WARN not connected, retrying: "), "{text}");
    let json = lines(run(|config| config + "[log]\nformat = \"json\"\n", true));
    assert!(json.contains("\n<4>{\"timestamp\":\""), "{json}");
    // JOURNAL_STREAM is that of another program, and standard error is not the journal.
    let other = lines(run(|config| config, false));
    assert!(other.starts_with("20") && other.contains("Z  WARN not connected"), "{other}");
    // An error that ends it at once has its priority, too.
    let mut daemon = run(|config| config.replace("target-address", "target-addres"), true);
    assert_eq!(daemon.end().code(), Some(78));
    let broken = daemon.log();
    assert!(broken.lines().all(|line| line.starts_with("<3>")), "{broken}");
}
