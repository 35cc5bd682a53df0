//! From `dpkg -i` on a clean system to a purge.

use std::process::Command;

use crate::machine::Machine;
use crate::package::{self, VERSION};

#[test]
#[ignore = "needs lintian"]
fn lintian_has_no_complaints() {
    let mut lintian = Command::new("lintian");
    lintian.args(["--fail-on", "error,warning"]).env("LC_ALL", "C.UTF-8");
    let output = lintian.arg(package::built()).output().expect("lintian runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[test]
#[ignore = "needs root and a clean Debian, which tests/run makes"]
fn it_is_installed_configured_removed_and_purged() {
    let it = Machine::boot();
    let before = it.files();
    let package = it.take(package::built());
    let install = format!("dpkg -i {}", package.display());

    let said = it.does(&install);
    assert!(said.contains("next, as root: jat-proxy init"), "{said}");
    assert_eq!(it.does("jat-proxy --version"), format!("jat-proxy {VERSION}"));
    let account = it.does("getent passwd jat-proxy");
    assert!(account.ends_with(":Jabber Address Translation:/nonexistent:/usr/sbin/nologin"));
    let id: u32 = it.does("id -u jat-proxy").parse().unwrap();
    assert!((100..1000).contains(&id), "{id}");
    assert_eq!(it.does("stat -c '%U %G %a' /etc/jat-proxy"), "jat-proxy jat-proxy 700");

    // It is enabled and waits for its configuration; nothing has failed.
    let state = "systemctl show -p UnitFileState,ActiveState,Result,ConditionResult jat-proxy";
    let waits = "Result=success ActiveState=inactive UnitFileState=enabled ConditionResult=no";
    assert_eq!(it.does(state).replace('\n', " "), waits);
    it.does("systemctl start jat-proxy");
    assert_eq!(it.does("systemctl is-system-running"), "running");

    manuals(&it);
    completions(&it);

    // The examples are valid, and an operator's first steps work as that user.
    it.does(
        "runuser -u jat-proxy -- jat-proxy init --domain proxy.example \
             --target bot@some-domain.example /etc/jat-proxy",
    );
    assert_eq!(it.does("stat -c '%U %a' /etc/jat-proxy/*").lines().count(), 3);
    assert!(it.does("stat -c '%U %a' /etc/jat-proxy/*").lines().all(|l| l == "jat-proxy 600"));
    it.does("runuser -u jat-proxy -- jat-proxy check");
    it.does("test -s /usr/share/jat-proxy/prosody/mod_component_fleet.lua");
    it.does("cp /usr/share/doc/jat-proxy/examples/jat-proxy.toml /etc/jat-proxy/example.toml");
    it.does("jat-proxy check -c /etc/jat-proxy/example.toml");
    it.does("rm /etc/jat-proxy/example.toml");

    // Nothing listens on ports 1 and 2, and HTTP is not needed.
    it.does("sed -i 's/:5347/:1/; /^.http/d; /^listen/d' /etc/jat-proxy/jat-proxy.toml");
    it.does("systemctl start jat-proxy");
    let pid = it.does("systemctl show -p MainPID --value jat-proxy");
    let process = it.does(&format!("cat /proc/{pid}/status"));
    let line = |name: &str| process.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    // The sandbox of the unit is in force: no privileges, and a filter of system calls.
    assert_eq!(line("Uid:"), format!("Uid:\t{id}\t{id}\t{id}\t{id}"));
    assert_eq!(
        [line("CapBnd:"), line("Seccomp:"), line("NoNewPrivs:")],
        ["CapBnd:\t0000000000000000", "Seccomp:\t2", "NoNewPrivs:\t1"]
    );
    it.does("systemctl reload jat-proxy");
    let journal = || it.does("journalctl -u jat-proxy -o cat --no-pager");
    assert!(journal().contains("configuration reloaded"), "{}", journal());
    it.does("sed -i s/^target-address/target-addres/ /etc/jat-proxy/jat-proxy.toml");
    assert!(!it.run("systemctl reload jat-proxy").good, "systemd tells of what was refused");
    assert!(journal().contains("did you mean `target-address`?"), "{}", journal());
    it.does("sed -i s/^target-addres/target-address/ /etc/jat-proxy/jat-proxy.toml");
    let reloaded = format!("process {pid} has reloaded: components: 1; key 1 signs");
    assert_eq!(it.does("jat-proxy reload"), reloaded);

    // Removed: stopped, and the operator's files stay.
    it.does("dpkg -r jat-proxy");
    assert!(!it.run(&format!("test -d /proc/{pid}")).good);
    assert_eq!(it.does("ls /etc/jat-proxy /etc/default/jat-proxy").lines().count(), 6);
    assert_eq!(it.does("systemctl --failed --no-legend"), "");
    // Installed again: it starts, unless the operator has disabled it.
    let said = it.does(&install);
    assert!(!said.contains("next, "), "{said}");
    assert_eq!(it.does("systemctl is-active jat-proxy"), "active");
    it.does("systemctl disable --now jat-proxy 2>/dev/null");
    it.does(&install);
    assert_eq!(it.run("systemctl is-enabled jat-proxy").said, "disabled");
    assert_eq!(it.run("systemctl is-active jat-proxy").said, "inactive");

    // Purged: only the account is left.
    it.does("dpkg -P jat-proxy");
    let after = it.files();
    assert_eq!(after.difference(&before).collect::<Vec<_>>(), Vec::<&String>::new());
    assert_eq!(before.difference(&after).collect::<Vec<_>>(), Vec::<&String>::new());
    assert_eq!(it.does("getent passwd jat-proxy"), account);
    assert_eq!(it.does("dpkg --audit; find /var/lib/systemd -name '*jat-proxy*'"), "");
    assert_eq!(it.does("systemctl is-system-running"), "running");
}

/// man(1) finds them, and has no warnings.
fn manuals(it: &Machine) {
    for (page, heading) in [("1 jat-proxy", "EXIT STATUS"), ("5 jat-proxy.toml", "COMPONENTS")] {
        let text = it.does(&format!("MANWIDTH=80 man --warnings=w -P cat {page}"));
        assert!(text.contains(heading) && !text.contains("warning:"), "{text}");
        assert!(it.does(&format!("man -f -s {page}")).contains("jat-proxy"));
    }
}

fn completions(it: &Machine) {
    let complete = "source /usr/share/bash-completion/completions/jat-proxy
        COMP_WORDS=(jat-proxy keys a) COMP_CWORD=2
        _jat__proxy jat-proxy a keys; echo ${COMPREPLY[*]}";
    assert_eq!(it.does(&format!("bash -c '{complete}'")), "add");
    for file in ["zsh/vendor-completions/_jat-proxy", "fish/vendor_completions.d/jat-proxy.fish"] {
        assert!(it.does(&format!("cat /usr/share/{file}")).contains("prune"), "{file}");
    }
}
