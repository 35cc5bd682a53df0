//! Prosody: plain text on loopback, no server-to-server, no packaged configuration.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use super::{
    COMPONENTS, FLEETS, HOST, ROOMS, SECRET, Software, Suite, component_domain, fleet_domain,
};
use crate::repository;

pub fn configure(folder: &Path, client_port: u16, component_port: u16) {
    let shown = folder.display();
    let modules = repository().join("config/prosody").display().to_string();
    let mut text = format!(
        r#"
daemonize = false
run_as_root = true -- as a container's or CI's user; it listens on loopback only
pidfile = "{shown}/prosody.pid"
data_path = "{shown}/data"
certificates = "{shown}"
log = {{ info = "{shown}/log" }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {client_port} }}
component_ports = {{ {component_port} }}
component_interfaces = {{ "127.0.0.1" }}
plugin_paths = {{ "{modules}" }}
modules_enabled = {{ "c2s"; "saslauth"; "roster"; "disco"; "ping"; "time"; "register_ibr"; "user_account_management"; "admin_shell" }}
admin_socket = "{shown}/shell"
modules_disabled = {{ "s2s"; "tls"; "offline" }}
c2s_stanza_size_limit = 1200000 -- with the white space that is sent behind a stanza
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
allow_registration = true
authentication = "internal_plain"

VirtualHost "{HOST}"
"#
    );
    let mut component = |domain: &str, more: &str| {
        writeln!(text, "Component \"{domain}\"\n\tcomponent_secret = \"{SECRET}\"\n{more}")
            .unwrap();
    };
    for number in 1..=COMPONENTS {
        component(&component_domain(Software::Prosody, number), "");
    }
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    for number in 1..=FLEETS {
        let domain = fleet_domain(Software::Prosody, number);
        component(&domain, "\tmodules_enabled = { \"component_fleet\" }\n");
        // The presence domains of its replicas.
        for name in ["a", "b", hostname.trim_end()] {
            component(&format!("{name}.{domain}"), "");
        }
    }
    std::fs::create_dir_all(folder.join("data")).unwrap();
    std::fs::write(folder.join("prosody.cfg.lua"), text).unwrap();
}

/// The same configuration with the modules that people use: offline messages, copies for all of a
/// user's clients, rooms.
pub fn for_people(configuration: &str) -> String {
    let modules = "offline\"; \"carbons\"; \"mam\"; \"pep\"; \"blocklist\"; \"vcard_legacy";
    let text = with_module(configuration, modules, "");
    let text = text.replace("; \"offline\" }\nc2s_stanza", " }\nc2s_stanza");
    format!("{text}Component \"{ROOMS}\" \"muc\"\n")
}

/// Runs a command in the running server's shell; returns the output.
pub fn shell(suite: Suite, folder: &Path, said: &str) -> String {
    let mut command = suite.command("prosodyctl");
    command.arg("--config").arg(folder.join("prosody.cfg.lua")).args(["shell", said]);
    let output = command.output().unwrap();
    let answer = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}: {answer}");
    answer
}

/// A configuration with an additional module, and additional lines in the global section.
pub fn with_module(configuration: &str, module: &str, lines: &str) -> String {
    let start = "\nmodules_enabled = { ";
    let modules = format!("\n{lines}{start}\"{module}\"; ");
    assert_eq!(configuration.matches(start).count(), 1);
    configuration.replace(start, &modules)
}

pub fn command_line(suite: Suite, folder: &Path) -> Command {
    let mut command = suite.command("prosody");
    command.arg("--config").arg(folder.join("prosody.cfg.lua")).arg("-F");
    command
}
