//! The commands of a service's life and of a fleet's, in the order of the documents.

use std::fs;

use test_support::wait::wait_until;

use crate::claims;
use crate::stage::Stage;

#[test]
fn the_commands_of_a_service_work() {
    const DOCUMENT: &str = "docs/operating.md";
    let block = |begins| claims::text(DOCUMENT, begins);
    let stage = Stage::new();
    let said = stage.run(DOCUMENT, &block("cargo install --locked --path"));
    assert!(said.contains("Component \"proxy.example\""), "{said}");
    assert!(stage.path("a", "etc/systemd/system/jat-proxy.service").exists());

    stage.change_ports("a");
    let mut daemon = stage.start("a");
    stage.run(DOCUMENT, &block("install -m 0755"));
    wait_until("the upgrade", || stage.read("a", "log").contains("upgraded in place"));
    let said = stage.run(DOCUMENT, &block("journalctl -u jat-proxy"));
    assert!(said.contains("upgraded in place"), "{said}");
    assert!(
        said.contains(concat!("\njat-proxy ", env!("CARGO_PKG_VERSION"), ", since ")),
        "{said}"
    );

    let said = stage.run(DOCUMENT, &block("jat-proxy keys add"));
    assert!(said.contains("key 2"), "{said}");
    // The other ways that the comment names.
    for option in ["--in 10min", "--now"] {
        stage.run(DOCUMENT, &format!("jat-proxy keys add -c FILE {option}"));
    }
    assert_eq!(stage.read("a", "etc/jat-proxy/keys.toml").matches("[[key]]").count(), 4);
    assert!(daemon.is_running());
}

#[test]
fn the_commands_for_replicas_work() {
    const DOCUMENT: &str = "docs/replicas.md";
    let block = |begins| claims::text(DOCUMENT, begins);
    let stage = Stage::new();
    stage.run("a copy on each", "jat-proxy init --domain D --target T /etc/jat-proxy");
    let copy = |name: &str, from: &str, to: &str| {
        fs::copy(stage.path(from, name), stage.path(to, name)).unwrap();
    };
    for machine in ["b", "c"] {
        fs::create_dir(stage.path(machine, "etc/jat-proxy")).unwrap();
        for name in ["jat-proxy.toml", "keys.toml", "proxy.secret"] {
            copy(&format!("etc/jat-proxy/{name}"), "a", machine);
        }
    }
    let _daemons = ["a", "b", "c"].map(|machine| {
        fs::copy(env!("CARGO_BIN_EXE_jat-proxy"), stage.path(machine, "usr/local/bin/jat-proxy"))
            .unwrap();
        stage.change_ports(machine);
        stage.start(machine)
    });

    let said = stage.run(DOCUMENT, &block("# 1. A key that signs"));
    assert!(said.lines().filter(|line| line.starts_with("  keys ")).count() == 3, "{said}");
    for machine in ["a", "b", "c"] {
        stage.wait_status(machine, "key 1 signs until 20");
    }

    stage.run(DOCUMENT, &block("sudo -u jat-proxy jat-proxy keys add --now"));
    for machine in ["a", "b", "c"] {
        stage.wait_status(machine, "  keys          key 3 signs since 20");
    }

    stage.run(DOCUMENT, &block("for host in a b c; do\n    ssh"));
    assert_eq!(fs::read_to_string(stage.folder.join("restarted")).unwrap(), "a\nb\nc\n");
}
