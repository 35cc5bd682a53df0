//! ejabberd, started without `ejabberdctl`: that refuses ordinary users and
//! leaves an `epmd` behind.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{HOST, ROOMS, ROUTED, SECRET, Suite, operator};
use crate::interop::host::OPERATOR;

pub fn configure(folder: &Path, client_port: u16, component_port: u16, routing_port: u16) {
    let [routed, also_routed] = ROUTED;
    let text = format!(
        r#"
hosts: ["{HOST}"]
loglevel: info
language: en
auth_method: [internal]
registration_timeout: infinity
s2s_access: none
listen:
  -
    port: {client_port}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    starttls: false
    max_stanza_size: 524288
  -
    port: {component_port}
    ip: "127.0.0.1"
    module: ejabberd_service
    password: "{SECRET}"
  -
    port: {routing_port}
    ip: "127.0.0.1"
    module: ejabberd_service
    # Each connection gets the stanzas for all of these domains.
    global_routes: true
    hosts:
      {routed}:
        password: "{SECRET}"
      {also_routed}:
        password: "{SECRET}"
modules:
  mod_disco: {{}}
  mod_ping: {{}}
  mod_time: {{}}
  mod_roster: {{}}
  mod_register:
    access: all
    ip_access: all
    password_strength: 0
"#
    );
    std::fs::create_dir_all(folder.join("mnesia")).unwrap();
    std::fs::write(folder.join("ejabberd.yml"), text).unwrap();
}

/// The same configuration with the modules that people use: offline messages, copies for all of a
/// user's clients, rooms.
pub fn for_people(configuration: &str) -> String {
    let modules = format!(
        r#"
modules:
  mod_offline: {{}}
  mod_carboncopy: {{}}
  mod_mam:
    default: always
  mod_privacy: {{}}
  mod_blocking: {{}}
  mod_vcard:
    search: false
  mod_caps: {{}}
  mod_pubsub:
    plugins: [flat, pep]
  mod_muc:
    hosts: ["{ROOMS}"]
"#
    );
    configuration.replacen("\nmodules:\n", &modules, 1)
}

/// One node of a cluster. All have the same port, so that they find each other without `epmd`.
#[derive(Clone, Copy)]
pub struct Node {
    pub address: Ipv4Addr,
    pub port: u16,
}

impl Node {
    /// One with a loopback address that contains the number.
    pub fn on_loopback(number: u8, port: u16) -> Node {
        Node { address: Ipv4Addr::new(127, 0, 77, number), port }
    }

    pub fn name(self) -> String {
        format!("ejabberd@{}", self.address)
    }

    fn arguments(self) -> Vec<String> {
        let [a, b, c, d] = self.address.octets();
        let port = self.port.to_string();
        let interface = format!("{{{a},{b},{c},{d}}}");
        let words = [
            ["-name", &self.name()],
            ["-setcookie", "interop"],
            ["-erl_epmd_port", &port],
            // As in the configuration, which takes effect only a minute after the start.
            ["-kernel", "net_ticktime"],
            [&NET_TICKTIME.to_string(), "inet_dist_use_interface"],
        ];
        let more = [&interface, "inet_dist_listen_min", &port, "inet_dist_listen_max", &port];
        words.as_flattened().iter().chain(&more).map(|word| word.to_string()).collect()
    }

    /// The command for [`super::operator`].
    pub fn operator(self, suite: Suite) -> Command {
        let [a, b, c, d] = self.address.octets();
        let operator = Node { address: Ipv4Addr::new(a, b, c, d + OPERATOR), ..self };
        let mut command = suite.command("erl");
        command.args(["-noshell", "-hidden", "-start_epmd", "false"]).args(operator.arguments());
        command.args(["-eval", &operator::program(&self.name())]);
        command
    }
}

/// The same configuration for a node of a cluster.
pub fn for_cluster(configuration: &str) -> String {
    format!("net_ticktime: {NET_TICKTIME}\n{configuration}")
}

pub fn command_line(suite: Suite, folder: &Path, node: Option<Node>) -> Command {
    let mut command = suite.command("erl");
    command
        .args(["-noinput", "-start_epmd", "false"])
        .args(node.map(Node::arguments).unwrap_or_default())
        // All tests share two cores, so no scheduler spins while it waits.
        .args(["+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none"])
        .arg("-mnesia")
        .arg("dir")
        .arg(format!("\"{}\"", folder.join("mnesia").display()))
        .args(["-s", "ejabberd"])
        .current_dir(folder)
        .env("HOME", folder)
        .env("ERL_LIBS", libraries(suite))
        .env("ERL_CRASH_DUMP_SECONDS", "0")
        .env("EJABBERD_CONFIG_PATH", folder.join("ejabberd.yml"))
        .env("EJABBERD_LOG_PATH", folder.join("ejabberd.log"));
    command
}

/// Debian keeps ejabberd's code below the architecture's library folder.
fn libraries(suite: Suite) -> PathBuf {
    let holds_ejabberd = |folder: &PathBuf| {
        std::fs::read_dir(folder).is_ok_and(|entries| {
            entries.flatten().any(|entry| {
                entry.file_name().to_string_lossy().starts_with("ejabberd-")
                    && entry.path().join("ebin").is_dir()
            })
        })
    };
    let root = suite.root();
    let folder = std::fs::read_dir(root.join("usr/lib"))
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .find(holds_ejabberd)
        .expect("ejabberd is installed (tests/run does it)");
    Path::new("/").join(folder.strip_prefix(root).unwrap())
}

/// After so many seconds of silence, a quarter more or less, nodes consider another one dead.
const NET_TICKTIME: u32 = 10;
