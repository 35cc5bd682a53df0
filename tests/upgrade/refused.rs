//! If the new program can't take over, the old one keeps running and says why.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;
use test_support::daemon::{DOMAIN, Daemon, component};
use test_support::executable;
use test_support::launch::Launch;
use test_support::stage::{Stage, configuration};
use test_support::wait::comes_meanwhile;
use tokio::time::Instant;

use crate::changes::script;

/// Requests an upgrade that must fail, and checks for the `reason` in the log.
pub async fn is_refused(it: &mut Stage, reason: &str) {
    let before = it.daemon.logged(NOT_UPGRADED);
    let upgraded = it.daemon.logged("upgraded in place");
    it.daemon.signal(Signal::USR2);
    // It serves meanwhile, too.
    it.serves().await;
    it.daemon.until_logged(NOT_UPGRADED, before + 1).await;
    let log = it.daemon.log();
    let line = log.lines().rfind(|line| line.contains("not upgraded")).unwrap();
    assert!(line.contains("ERROR") && line.contains(reason), "{line}");
    it.serves().await;
    assert_eq!(it.daemon.logged("upgraded in place"), upgraded);
    assert_eq!(it.server.accepted(), 1, "{log}");
}

#[tokio::test]
async fn a_program_that_can_not_be_run() {
    let mut it = Stage::new().await;
    fs::set_permissions(it.daemon.program(), fs::Permissions::from_mode(0o755)).unwrap();
    it.daemon.replace_with_script("exit 0");
    fs::set_permissions(it.daemon.program(), fs::Permissions::from_mode(0o644)).unwrap();
    is_refused(&mut it, "Permission denied").await;
    executable::write("no program", &it.daemon.program());
    is_refused(&mut it, "Exec format error").await;
    fs::remove_file(it.daemon.program()).unwrap();
    is_refused(&mut it, "No such file").await;
}

#[tokio::test]
async fn a_program_that_refuses() {
    let mut it = Stage::new().await;
    it.daemon.replace_with_script("echo the reason >&2\nexit 3");
    is_refused(&mut it, "refuses: the reason (exit status: 3)").await;
    it.daemon.replace_with_script("kill -SEGV $$");
    is_refused(&mut it, "signal: 11").await;
}

/// It ends well, but says nothing that only jat-proxy would say to a daemon.
#[tokio::test]
async fn another_program() {
    let mut it = Stage::new().await;
    let built = env!("CARGO_BIN_EXE_jat-proxy");
    for does in [
        "exit 0",
        "echo '{}'",
        "echo '{\"files\": []}'",
        "echo the configuration is good",
        "head -c 200000 /dev/zero | tr '\\0' '['",
        // Ours, by scripts that forget the arguments, or the environment.
        &format!("{built} check -c \"$3\""),
        &format!("exec env -i {built} \"$@\""),
    ] {
        it.daemon.replace_with_script(does);
        is_refused(&mut it, "does not answer as jat-proxy does: is it another program?").await;
    }
    it.daemon.replace_with_built();
    it.upgrade().await;
    it.serves().await;
}

/// Only a limited part of its output is kept.
#[tokio::test]
async fn a_program_that_says_too_much() {
    let mut it = Stage::new().await;
    it.daemon.replace_with_script("head -c 20000000 /dev/zero");
    is_refused(&mut it, "it says more than 16 MiB").await;
    it.daemon.replace_with_script("cat /dev/zero >&2");
    is_refused(&mut it, "it says more than 16 MiB").await;
    it.daemon.replace_with_script("echo the reason >&2\nhead -c 1000000 /dev/zero >&2\nexit 3");
    is_refused(&mut it, "refuses: the reason").await;
}

/// Its children end with it.
#[tokio::test]
async fn a_program_that_does_not_say() {
    let mut it = Stage::new().await;
    let child = it.daemon.folder.path("child");
    it.daemon.replace_with_script(&format!("sleep 100 &\necho $! > {}\nwait", child.display()));
    let began = Instant::now();
    is_refused(&mut it, "did not say within 5 s").await;
    // The daemon does not wait for the program's own children.
    assert!(began.elapsed().as_secs() < 90);
    let child = fs::read_to_string(child).unwrap();
    // It takes a moment until a killed process has ended.
    let ends = comes_meanwhile(|| running(child.trim()).is_none()).await;
    assert!(ends, "it runs: {:?}", running(child.trim()));
}

/// The state of a process, unless it has ended.
fn running(pid: &str) -> Option<String> {
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    (!state.contains(") Z ")).then_some(state)
}

#[tokio::test]
async fn a_configuration_with_an_error() {
    let mut it = Stage::new().await;
    it.daemon.configure(&format!("{}colour = 1\n", component(DOMAIN)));
    is_refused(&mut it, "unknown key `colour`").await;
    it.daemon.configure(&component(DOMAIN));
    it.upgrade().await;
    it.serves().await;
}

#[tokio::test]
async fn another_version_of_the_handover() {
    let mut it = Stage::new().await;
    let built = env!("CARGO_BIN_EXE_jat-proxy");
    it.daemon.replace_with_script(&format!("{built} check -c \"$3\" --handover-version 99"));
    is_refused(&mut it, "hands over in version 99, only in 1").await;
}

/// It said that it can take over, and then it is gone, when everything is already paused for it.
#[tokio::test]
async fn a_program_that_vanishes_at_the_last_moment() {
    let mut it = Stage::new().await;
    for _ in 0..3 {
        it.daemon.replace_with_script(&script("check", "after() { rm \"$0\"; }"));
        is_refused(&mut it, "can't execute").await;
    }
    // Signals are handled as before.
    it.daemon.signal(Signal::HUP);
    it.daemon.until_logged("configuration reloaded", 4).await;
    it.daemon.replace_with_built();
    it.upgrade().await;
    it.serves().await;
    assert_eq!(it.server.accepted(), 1);
}

/// As if the environment of an upgraded daemon were copied.
#[tokio::test]
async fn a_handover_that_nobody_made() {
    let it = Stage::new().await;
    for number in ["0", "2", "3", "77", "-1", "x", ""] {
        let daemon = {
            let mut launch = Launch::new(&configuration(&it.server));
            launch.command.env("JAT_PROXY_HANDOVER", number);
            launch.start()
        };
        let up = |d: &Daemon| d.status()["components"][0]["stream"]["state"] == "up";
        daemon.until("it is up", up).await;
        assert_eq!(daemon.logged("upgraded in place"), 0);
    }
}

/// The part of the line that is the same in programs of all commits.
const NOT_UPGRADED: &str = "not upgraded, ";
