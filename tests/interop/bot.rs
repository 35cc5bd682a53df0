//! The slixmpp scripts: a real client library as user and as implementing client.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use serde_json::Value;

use crate::process::{Process, command};
use crate::server::{Server, fresh_folder};

/// Debian's own Python is the one that has Debian's slixmpp.
const PYTHON: &str = "/usr/bin/python3";

/// A running script that reports each thing it sees as a line of JSON.
pub struct Bot {
    reports: Receiver<Value>,
    _process: Process,
}

impl Bot {
    pub fn start(script: &str, server: &Server, jid: &str, arguments: &[&str]) -> Bot {
        let folder = fresh_folder(&format!("slixmpp-{script}"));
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(script);
        let mut python = command(PYTHON);
        python
            .arg(path)
            .args(["127.0.0.1", &server.client_port.to_string(), jid, "password"])
            .args(arguments)
            .env("PYTHONDONTWRITEBYTECODE", "1");
        let (process, output) = Process::start_piped(python, &folder.join("log"));
        let (sender, reports) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).unwrap());
            }
        });
        Bot { reports, _process: process }
    }

    /// The next report, which must be of this kind.
    pub fn report(&self, event: &str) -> Value {
        let report = self.reports.recv_timeout(Duration::from_secs(20));
        let report = report.unwrap_or_else(|_| panic!("no report of {event}"));
        assert_eq!(report["event"], event, "{report}");
        report
    }

    /// Waits for a report of this kind, whatever comes before it.
    pub fn wait_report(&self, event: &str) {
        loop {
            let report = self.reports.recv_timeout(Duration::from_secs(20));
            if report.unwrap_or_else(|_| panic!("no report of {event}"))["event"] == event {
                return;
            }
        }
    }

    /// All reports of this kind that have come so far.
    pub fn drain(&self, event: &str) -> Vec<Value> {
        self.reports.try_iter().filter(|report| report["event"] == event).collect()
    }
}
