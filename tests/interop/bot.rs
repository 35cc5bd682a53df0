//! The slixmpp scripts: a real client library as user and as implementing client.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::mpsc::{self, Receiver};

use serde_json::Value;
use test_support::interop::server::{Server, fresh_folder};
use test_support::process::Process;
use test_support::wait::PATIENCE;

/// The Python of the server's Debian, which has Debian's slixmpp.
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
        let mut python = server.kind.suite.command(PYTHON);
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
        let report = self.next(event);
        assert_eq!(report["event"], event, "{report}");
        report
    }

    /// Waits for a report of this kind, and ignores others.
    pub fn wait_report(&self, event: &str) -> Value {
        self.wait_report_where(event, |_| true)
    }

    /// Waits for such a report of this kind, and ignores others.
    pub fn wait_report_where(&self, event: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let report = self.next(event);
            if report["event"] == event && is_wanted(&report) {
                return report;
            }
        }
    }

    /// Whether there are more reports of this kind.
    pub fn has_more(&self, event: &str) -> bool {
        self.reports.try_iter().any(|report| report["event"] == event)
    }

    fn next(&self, wanted: &str) -> Value {
        self.reports.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no report of {wanted}"))
    }
}
