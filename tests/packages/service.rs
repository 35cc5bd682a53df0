//! The installed service on the built-in server, and a user who sends requests all the time.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use mock_server::{Options, RosterState, Server};
use serde_json::Value;
use test_support::crowd::Crowd;
use test_support::daemon::{DOMAIN, TARGET};
use test_support::port::free_ports;
use tokio::task::spawn_blocking;

use crate::machine::Machine;
use crate::package;

/// The package, configured and running in a machine.
pub struct Service {
    pub machine: Arc<Machine>,
    pub server: Server,
}

/// What stays the same as long as the process lives.
#[derive(Debug, PartialEq, Eq)]
pub struct Life {
    /// Process, restarts, and since when it is active, from systemd.
    pub unit: String,
    /// When the daemon started, from itself.
    pub started: Value,
}

impl Service {
    /// Installs the package as an operator does, and starts it.
    pub async fn new() -> (Self, Crowd) {
        let server = Server::start(Options::ejabberd("s")).await.unwrap();
        server.set_subscription(TARGET, DOMAIN, RosterState::From);
        let crowd = Crowd::of(&server, TARGET);
        let machine = Arc::new(Machine::boot());
        let service = Self { machine, server };
        service.install(package::built()).await;
        configure(&service.machine, &service.server);
        service.does("systemctl start jat-proxy").await;
        let ready = service.machine.clone();
        let ready = spawn_blocking(move || {
            let is = || status(&ready)["components"][0]["not_ready"].is_null();
            ready.until("it is ready", || status(&ready)["components"].is_array() && is());
        });
        ready.await.unwrap();
        (service, crowd)
    }

    /// `dpkg -i`; returns its output.
    pub async fn install(&self, package: &Path) -> String {
        let name = self.machine.take(package);
        self.does(&format!("dpkg -i {}", name.display())).await
    }

    /// Runs a line of shell without blocking other tasks.
    pub async fn does(&self, line: &str) -> String {
        let (machine, line) = (self.machine.clone(), line.to_owned());
        spawn_blocking(move || machine.does(&line)).await.expect("it succeeds")
    }

    pub async fn status(&self) -> Value {
        let machine = self.machine.clone();
        spawn_blocking(move || status(&machine)).await.unwrap()
    }

    pub async fn life(&self) -> Life {
        let properties = "MainPID,NRestarts,ActiveEnterTimestampMonotonic,ActiveState,SubState";
        let unit = self.does(&format!("systemctl show -p {properties} jat-proxy")).await;
        assert!(unit.contains("ActiveState=active"), "{unit}");
        Life { unit, started: self.status().await["started"].clone() }
    }
}

/// The configuration from `init`, for this server and with a free port for HTTP.
pub fn configure(machine: &Machine, server: &Server) {
    machine.does(&format!(
        "runuser -u jat-proxy -- jat-proxy init --domain {DOMAIN} --target {TARGET} /etc/jat-proxy"
    ));
    let file = machine.outside(Path::new("/etc/jat-proxy/jat-proxy.toml"));
    let [port] = free_ports();
    let text = fs::read_to_string(&file).unwrap();
    let text = text.replace("127.0.0.1:5347", &server.address().to_string());
    fs::write(&file, text.replace("127.0.0.1:9114", &format!("127.0.0.1:{port}"))).unwrap();
    fs::write(machine.outside(Path::new("/etc/jat-proxy/proxy.secret")), "s\n").unwrap();
}

fn status(machine: &Machine) -> Value {
    let outcome = machine.run("jat-proxy status --json");
    serde_json::from_str(&outcome.said).unwrap_or_default()
}
