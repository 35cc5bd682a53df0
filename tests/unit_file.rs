//! The systemd unit, as systemd itself sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

#[test]
#[ignore = "needs systemd-analyze"]
fn systemd_analyze_has_no_complaints() {
    let output = verify(&shipped());
    assert!(output.status.success() && said(&output).is_empty(), "{output:?}");
    // Most mistakes are only reported, with exit code 0.
    for (right, wrong) in [
        ("\nWatchdogSec=60s\n", "\nWatchdogSec=60x\n"),
        ("\nProtectHome=yes\n", "\nProtectHomes=yes\n"),
        ("\nSystemCallFilter=~@privileged ", "\nSystemCallFilter=~@privilege "),
        ("\nExecReload=+/", "\nExecReload=+/nowhere/"),
        ("\n[Install]\n", "\n[Installation]\n"),
    ] {
        assert!(shipped().contains(right), "{right}");
        let output = verify(&shipped().replace(right, wrong));
        assert!(!said(&output).is_empty(), "nobody noticed {wrong}");
    }
}

#[test]
#[ignore = "needs systemd-analyze"]
fn what_is_left_exposed_is_explained() {
    let comments: String = shipped().lines().filter(|line| line.starts_with('#')).collect();
    let output = analyze(&shipped(), &["security", "--offline=true", "--json=short"]);
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let exposed: Vec<&str> = rows
        .iter()
        .filter(|row| !row["exposure"].is_null())
        .filter_map(|row| row["name"].as_str()?.split_once('='))
        .map(|(directive, _)| directive)
        .collect();
    for directive in &exposed {
        assert!(comments.contains(&format!("{directive}=")), "{directive} has no comment");
    }
    assert!(exposed.contains(&"PrivateNetwork"), "{exposed:?}");
}

#[test]
#[ignore = "needs systemd-analyze"]
fn its_exposure_level_is_the_one_that_the_guide_states() {
    let output = analyze(&shipped(), &["security", "--offline=true"]);
    let said = said(&output);
    let level = said.split("Overall exposure level for jat-proxy.service: ").nth(1);
    let level = level.and_then(|rest| rest.split(' ').next()).expect("a level");
    // Directly, since the harness shows only the output of failed tests.
    writeln!(io::stderr(), "exposure level of config/jat-proxy.service: {level}").unwrap();
    assert!(level.parse::<f64>().expect("a number") <= 1.1, "{level}");
    let guide = fs::read_to_string("docs/operating.md").expect("it is there");
    assert!(
        guide.contains(&format!("exposure level {level}")),
        "the guide has another than {level}"
    );
}

#[test]
#[ignore = "needs systemd-analyze"]
fn an_upgrade_in_place_passes_its_filter_of_system_calls() {
    let allowed = allowed_calls(&shipped());
    // The hand-over, the check of the new program as a child, and the new program itself.
    for call in
        ["memfd_create", "fcntl", "ftruncate", "pread64", "mmap", "execve", "rt_sigprocmask"]
    {
        assert!(allowed.contains(call), "{call}");
    }
    for call in ["clone", "clone3", "vfork", "pidfd_open", "wait4", "waitid", "dup2", "kill"] {
        assert!(allowed.contains(call), "{call}");
    }
    for call in ["ptrace", "mount", "bpf", "setuid", "fchown", "setrlimit", "reboot"] {
        assert!(!allowed.contains(call), "{call}");
    }
}

/// The unit with the program under test in place of the installed one.
fn shipped() -> String {
    let unit = fs::read_to_string("config/jat-proxy.service").expect("it is there");
    let installed = "=/usr/local/bin/jat-proxy run ";
    assert_eq!(unit.matches(installed).count(), 1);
    let program = env!("CARGO_BIN_EXE_jat-proxy");
    let unit = unit.replace(installed, &format!("={program} run "));
    unit.replace("=+/usr/local/bin/jat-proxy reload ", &format!("=+{program} reload "))
}

fn verify(unit: &str) -> Output {
    // The manual that it names need not be installed here.
    analyze(unit, &["verify", "--man=no"])
}

/// Runs `systemd-analyze` with these arguments on a unit.
fn analyze(unit: &str, arguments: &[&str]) -> Output {
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join("jat-proxy.service");
    fs::write(&file, unit).expect("the folder is ours");
    systemd_analyze().args(arguments).arg(file).output().expect("systemd-analyze runs")
}

fn systemd_analyze() -> Command {
    let mut command = Command::new("systemd-analyze");
    command.env("LC_ALL", "C.UTF-8").env("SYSTEMD_COLORS", "0").arg("--no-pager");
    command
}

fn said(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat()
}

/// What remains after every line of SystemCallFilter=.
fn allowed_calls(unit: &str) -> BTreeSet<String> {
    let output = systemd_analyze().arg("syscall-filter").output().expect("systemd-analyze runs");
    let groups = groups(&said(&output));
    let mut allowed = BTreeSet::new();
    for filter in unit.lines().filter_map(|line| line.strip_prefix("SystemCallFilter=")) {
        let names = filter.trim_start_matches('~').split(' ');
        let calls = names.flat_map(|name| expand(name, &groups));
        if filter.starts_with('~') {
            let removed: BTreeSet<String> = calls.collect();
            allowed.retain(|call| !removed.contains(call));
        } else {
            allowed.extend(calls);
        }
    }
    allowed
}

/// The groups of system calls by their names: a name at the margin, members indented.
fn groups(listing: &str) -> BTreeMap<String, Vec<String>> {
    let mut groups = BTreeMap::<String, Vec<String>>::new();
    let mut group = String::new();
    for line in listing.lines().filter(|line| !line.trim_start().starts_with('#')) {
        if line.starts_with('@') {
            group = line.to_owned();
        } else if line.starts_with(' ') {
            groups.entry(group.clone()).or_default().push(line.trim().to_owned());
        }
    }
    groups
}

/// All calls of a group, including those of the groups in it; for a call, itself.
fn expand(name: &str, groups: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    if !name.starts_with('@') {
        return vec![name.to_owned()];
    }
    let members = groups.get(name).unwrap_or_else(|| panic!("systemd knows no {name}"));
    members.iter().flat_map(|member| expand(member, groups)).collect()
}
