//! A Prometheus of our own, with the documented configuration.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use test_support::http::{ask, get};
use test_support::port::free_address;
use test_support::wait::comes;

/// It ends when this is dropped.
pub struct Prometheus {
    address: SocketAddr,
    child: Child,
    _folder: TempDir,
}

impl Prometheus {
    /// A Prometheus that scrapes `target` every second.
    pub fn start(target: SocketAddr) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let path = folder.path().to_owned();
        let file = |name: &str| path.join(name);
        let often = "global: { scrape_interval: 1s, evaluation_interval: 1s }\n";
        let documented = documented();
        assert!(documented.contains("127.0.0.1:9114"), "{documented}");
        let configuration = documented.replace("127.0.0.1:9114", &target.to_string());
        fs::write(file("prometheus.yml"), often.to_owned() + &configuration).expect("ours");
        fs::copy("config/alerts.yml", file("alerts.yml")).expect("the alerts");
        let address = free_address();
        let option = |name: &str, path: &Path| format!("--{name}={}", path.display());
        let mut command = Command::new("prometheus");
        command
            .arg(option("config.file", &file("prometheus.yml")))
            .arg(option("storage.tsdb.path", &file("data")))
            .arg(format!("--web.listen-address={address}"))
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(fs::File::create(file("log")).expect("the folder is ours"));
        let child = command.spawn().expect("prometheus is installed by tests/run");
        let prometheus = Self { address, child, _folder: folder };
        let ready = comes(|| get(address, "/-/ready").is_ok_and(|answer| answer.status == 200));
        let log = || fs::read_to_string(file("log")).unwrap_or_default();
        assert!(ready, "it does not start: {}", log());
        prometheus
    }

    /// The `data` of an answer of its API.
    pub fn api(&self, path: &str) -> Value {
        // HTTP/1.0, so that the answer is in one piece.
        let request = format!("GET /api/v1/{path} HTTP/1.0\r\n\r\n");
        let answer = ask(self.address, &request).expect("it answers");
        let mut answer: Value = serde_json::from_str(&answer.body).expect("JSON");
        assert_eq!(answer["status"], "success", "{path}: {answer}");
        answer["data"].take()
    }

    /// The series of an expression, at this moment.
    pub fn query(&self, expression: &str) -> Vec<Value> {
        let escaped: String = expression.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let mut data = self.api(&format!("query?query={escaped}"));
        match data["result"].take() {
            Value::Array(series) => series,
            other => panic!("{expression}: {other}"),
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The configuration in docs/metrics.md.
pub fn documented() -> String {
    let document = fs::read_to_string("docs/metrics.md").expect("the document");
    let block = document.split_once("```yaml\n").and_then(|(_, rest)| rest.split_once("```"));
    block.expect("a block of YAML").0.to_owned()
}
