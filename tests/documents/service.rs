//! The commands of a service's life and of a fleet's, in the order of the documents.

use std::fs;
use std::path::Path;

use test_support::executable;
use test_support::wait::wait_until;

use crate::claims;
use crate::stage::Stage;

#[test]
fn the_commands_of_a_service_work() {
    const DOCUMENT: &str = "docs/operating.md";
    const UPGRADING: &str = "docs/upgrading.md";
    let block = |begins| claims::text(DOCUMENT, begins);
    let stage = Stage::new();
    let said = stage.run(DOCUMENT, &block("cargo install --locked --path"));
    assert!(said.contains("Component \"proxy.example\""), "{said}");
    assert!(stage.path("a", "etc/systemd/system/jat-proxy.service").exists());

    stage.change_ports("a");
    let mut daemon = stage.start("a");
    stage.run(UPGRADING, &claims::text(UPGRADING, "install -m 0755"));
    wait_until("the upgrade", || stage.read("a", "log").contains("upgraded in place"));
    let said = stage.run(UPGRADING, &claims::text(UPGRADING, "journalctl -u jat-proxy"));
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
    const DOCUMENT: &str = "docs/rotation.md";
    const RESTARTS: &str = "docs/upgrading.md";
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
        let program = Path::new(env!("CARGO_BIN_EXE_jat-proxy"));
        executable::copy(program, &stage.path(machine, "usr/local/bin/jat-proxy"));
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

    stage.run(RESTARTS, &claims::text(RESTARTS, "for host in a b c; do\n    ssh"));
    assert_eq!(fs::read_to_string(stage.folder.join("restarted")).unwrap(), "a\nb\nc\n");
}

#[test]
fn two_replicas_on_a_host_have_a_unit_and_a_configuration_each() {
    const DOCUMENT: &str = "docs/cluster.md";
    let stage = Stage::new();
    stage.run("a configuration", "jat-proxy init --domain D --target T /etc/jat-proxy");
    let file = stage.path("a", "etc/jat-proxy/jat-proxy.toml");
    let said = "`{env:NAME}.proxy.example` as `presence-domain`";
    assert!(fs::read_to_string(DOCUMENT).unwrap().contains(said));
    let line = "presence-domain = \"{env:NAME}.proxy.example\"";
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("[[component]]\n", &format!("[[component]]\n{line}\n"))).unwrap();
    // The package's unit differs only in the path of the program.
    let installed = "/usr/lib/systemd/system/jat-proxy.service";
    let shipped = stage.folder.join("repository/config/jat-proxy.service");
    let block = claims::text(DOCUMENT, "cd /etc/jat-proxy");
    assert!(block.contains(installed));
    stage.run(DOCUMENT, &block.replace(installed, shipped.to_str().unwrap()));

    let unit = stage.read("a", "etc/systemd/system/jat-proxy@.service");
    assert_eq!(unit.matches("/etc/jat-proxy/%i.toml").count(), 3, "{unit}");
    let own = "\nEnvironment=NAME=%H-%i\n";
    assert!(unit.contains(own) && !unit.contains("/jat-proxy.toml"), "{unit}");
    for (name, port) in [("a", 9114), ("b", 9115)] {
        // As systemd gives it to them on a host called n1.
        let text = stage.read("a", &format!("etc/jat-proxy/{name}.toml"));
        assert!(text.contains(&format!("listen = \"127.0.0.1:{port}\"")), "{text}");
        let said = stage
            .run("check", &format!("NAME=n1-{name} jat-proxy check -c /etc/jat-proxy/{name}.toml"));
        assert!(said.contains(&format!("n1-{name}.proxy.example")), "{said}");
    }
}
