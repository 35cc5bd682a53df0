//! One replica: a daemon with a presence domain of its own, and keys that it shares.

use std::fs;
use std::path::Path;
use std::time::Duration;

use mock_server::{RosterState, Server};
use rustix::process::Signal;
use test_support::daemon::{DOMAIN, Daemon, component};
use test_support::folder::{CONFIG, write_private};
use test_support::launch::Launch;
use test_support::port::free_address;
use tokio::time::sleep;

use crate::book::Book;
use crate::line::Out;
use crate::talk::Talk;
use crate::violations::Wrong;

pub struct Replica {
    daemon: Daemon,
    /// The server's number of the component's stream.
    pub connection: u64,
}

impl Replica {
    /// Starts it, and waits until it can forward.
    pub async fn start(name: &str, server: &Server, keys: &Path) -> Self {
        let presence = format!("{name}.{DOMAIN}");
        for talk in Talk::ALL {
            server.set_subscription(talk.target(), &presence, RosterState::From);
        }
        let before: Vec<u64> = server.connections(DOMAIN).iter().map(|c| c.id()).collect();
        let launch = Launch::new(&format!(
            "key-file = \"{}\"\nreply-ttl = \"30s\"\n[server]\naddress = \"{}\"\n\
             [http]\nlisten = \"{}\"\n{}presence-domain = \"{presence}\"\n{RANDOM}\n{}",
            keys.display(),
            server.address(),
            free_address(),
            component(DOMAIN).replace("\"s\"", "{ file = \"secret\" }"),
            Talk::ALL.map(Talk::service).concat(),
        ));
        write_private(&launch.folder.path("secret"), "s");
        let daemon = launch.start();
        daemon.until("it is ready", |d| d.is_ready(1)).await;
        let connections = server.connections(DOMAIN);
        let new = connections.iter().map(|c| c.id()).find(|id| !before.contains(id));
        Self { daemon, connection: new.expect("it is connected") }
    }

    /// Kills it, and waits until it is gone, since the next one has its name.
    pub async fn kill(&mut self) {
        self.daemon.signal(Signal::KILL);
        self.daemon.ended().await;
    }

    /// SIGHUP; waits until it has read its configuration and keys.
    pub async fn reload(&self) {
        self.tell(Signal::HUP, "configuration reloaded").await;
    }

    /// Changes something in its configuration that makes no difference for users, and reloads.
    pub async fn reconfigure(&self, round: u32) {
        let [from, to] = if round.is_multiple_of(2) { [RANDOM, STICKY] } else { [STICKY, RANDOM] };
        // One that was killed meanwhile has started with the first again.
        let text = fs::read_to_string(self.daemon.folder.path(CONFIG)).unwrap();
        if text.contains(from) {
            self.daemon.reconfigure(from, to);
        }
        self.reload().await;
    }

    /// SIGUSR2; waits until the new program works. Meanwhile the end of the last stanza is held back, so
    /// that there is an incomplete one when the program changes.
    pub async fn upgrade(&self, server: &Server) {
        let connections = server.connections(DOMAIN);
        let connection = connections.iter().find(|c| c.id() == self.connection);
        connection.inspect(|c| c.hold_back("</iq>".len()));
        sleep(AHEAD).await;
        self.tell(Signal::USR2, "upgraded in place").await;
        connection.inspect(|c| c.hold_back(0));
    }

    async fn tell(&self, signal: Signal, says: &str) {
        let before = self.daemon.logged(says);
        self.daemon.signal(signal);
        self.daemon.until_logged(says, before + 1).await;
    }

    /// Runs `jat-proxy keys` on its configuration.
    pub fn keys(&self, arguments: &[&str]) {
        let output = self.daemon.command(&[&["keys"], arguments].concat());
        assert!(output.status.success(), "{output:?}");
    }

    /// Resident set, in kB.
    pub fn resident(&self) -> u64 {
        self.daemon.process_number("VmRSS") / 1024
    }

    /// User and system time, in seconds.
    pub fn processor_time(&self) -> f64 {
        processor_time(&self.daemon.pid().to_string())
    }

    /// Compares its own counters with what came out of its connection, and checks its log.
    pub fn judge(&self, book: &mut Book) {
        let out = [&book.requests, &book.messages].map(|ledger| ledger.out(self.connection));
        let violations = &mut book.requests.violations;
        let [Some(requests), Some(messages)] = out else {
            let text = format!("lost its stream: {}", self.daemon.log());
            return violations.report(Wrong::Replica, text);
        };
        let metrics = self.daemon.get("/metrics").body;
        for line in metrics.lines().filter(|line| line.starts_with(STANZAS)) {
            let (series, count) = line.rsplit_once(' ').expect("a value");
            let Some(due) = due(series, requests) else { continue };
            if count.parse() != Ok(due) {
                violations.report(Wrong::Tally, format!("{line}, but {due} are due"));
            }
        }
        for (way, due) in [("inward", messages.forwarded), ("outward", messages.reverted)] {
            let counted = relayed_messages(&metrics, way);
            if counted != due {
                let text = format!("{counted} messages {way}, but {due} are due");
                violations.report(Wrong::Tally, text);
            }
        }
        for line in self.daemon.log().lines().filter(|line| !line.contains(OF_FORGERIES)) {
            if line.contains(" WARN ") || line.contains(" ERROR ") {
                violations.report(Wrong::Replica, format!("it says: {line}"));
            }
        }
    }
}

/// What a series of requests, replies and messages must have counted; `None` if it is not checked.
fn due(series: &str, out: Out) -> Option<u64> {
    let has = |label: &str, value: &str| series.contains(&format!("{label}=\"{value}\""));
    let (inward, relayed) = (has("way", "inward"), has("reason", "relayed"));
    if has("stanza", "message") {
        // Relayed ones have one of several reasons, and its echoes are dropped.
        return has("outcome", "answered").then_some(0);
    }
    match [has("stanza", "request"), has("stanza", "reply")] {
        [true, _] if relayed && inward => Some(out.forwarded),
        [_, true] if relayed && !inward => Some(out.reverted),
        [_, true] if series.contains(OF_FORGERIES) => Some(out.forged),
        // The server's time, which each replica requests by itself.
        [_, true] if has("reason", "server-time") => None,
        // The reason depends on the moment; the ledger has the sum.
        [true, _] if has("outcome", "answered") && out.refused > 0 => None,
        [true, _] | [_, true] => Some(0),
        _ => None,
    }
}

fn relayed_messages(metrics: &str, way: &str) -> u64 {
    let relayed = format!("stanza=\"message\",way=\"{way}\",outcome=\"relayed\"");
    let lines = metrics.lines().filter(|line| line.contains(&relayed));
    lines.map(|line| line.rsplit(' ').next().map_or(0, |n| n.parse().expect("a count"))).sum()
}

/// User and system time of a process, in seconds: fields 14 and 15 of proc(5), where Linux
/// counts hundredths on every processor that we run on.
pub fn processor_time(pid: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields = stat.rsplit_once(") ").expect("a name").1.split(' ');
    let ticks: u64 = fields.skip(11).take(2).map(|n| n.parse::<u64>().expect("ticks")).sum();
    ticks as f64 / 100.0
}

/// Time for the next stanzas to arrive.
const AHEAD: Duration = Duration::from_millis(50);
const RANDOM: &str = "dispatch = \"random\"";
const STICKY: &str = "dispatch = \"sticky\"";
/// The reason that the program counts them with.
const OF_FORGERIES: &str = "reason=\"token-signature\"";
const STANZAS: &str = "jat_proxy_stanzas_total";
