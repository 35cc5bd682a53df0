//! `jat-proxy reload`, and `watch`: the real daemon, on a server that is not there.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;
use test_support::daemon::Daemon;
use test_support::folder::{CONFIG, Folder, RunResult, SECRET};
use test_support::launch::Launch;
use test_support::program;

const OTHER_SECRET: &str = "U0VDUkVULUItU0VDUkVULUItU0VDUkVULUItU0VDUkU=";
const THIRD_SECRET: &str = "U0VDUkVULUMtU0VDUkVULUMtU0VDUkVULUMtU0VDUkU=";

/// A running daemon.
fn daemon() -> Daemon {
    begun(Launch::in_folder(Folder::alone()))
}

fn begun(launch: Launch) -> Daemon {
    let daemon = launch.start();
    daemon.logs("starting");
    daemon
}

fn reload(daemon: &Daemon) -> RunResult {
    daemon.folder.run(&["reload"])
}

#[test]
fn a_reload_reports_its_result() {
    let daemon = daemon();
    let pid = daemon.pid();
    let good = format!("process {pid} has reloaded: components: 1; key 1 signs\n");
    let out = reload(&daemon);
    assert_eq!((out.code, out.out, out.err.as_str()), (0, good.clone(), ""));
    daemon.reconfigure("target-address", "target-addres");
    let out = reload(&daemon);
    assert_eq!((out.code, out.out.as_str()), (78, ""), "{out:?}");
    assert!(out.err.contains("error: DIR/jat-proxy.toml:"), "{out:?}");
    assert!(out.err.contains("\n  help: did you mean `target-address`?\n"), "{out:?}");
    let refused =
        format!("error: process {pid} has not reloaded; the old configuration stays in use\n");
    assert!(out.err.ends_with(&refused), "{out:?}");
    daemon.reconfigure("target-addres ", "target-address ");
    // A configuration with an address that can't be used is not applied.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let http = format!("[http]\nlisten = \"{}\"\n[server]", taken.local_addr().unwrap());
    daemon.reconfigure("[server]", &http);
    let out = reload(&daemon);
    assert_eq!(out.code, 69, "waiting can mend that: {out:?}");
    assert!(out.err.contains("error: can't listen on 127.0.0.1:"), "{out:?}");
    drop(taken);
    assert_eq!(reload(&daemon).out, good);
}

#[test]
fn a_reload_reports_what_happens_to_name_keys() {
    let folder = Folder::alone();
    let keys = folder.read("keys.toml");
    let name_key = |id: u8, secret| format!("[[name-key]]\nid = {id}\nsecret = \"{secret}\"\n");
    let (first, second) = (name_key(1, OTHER_SECRET), name_key(2, THIRD_SECRET));
    let order = |names: &[&str]| keys.clone() + &names.concat();
    folder.write("keys.toml", &order(&[&first]));
    let target = "target-address = \"bot@some.example\"\n";
    let more = "relay = [\"iq\", \"requests\"]\n";
    folder.write(CONFIG, &folder.read(CONFIG).replace(target, &format!("{target}{more}")));
    let daemon = begun(Launch::in_folder(folder));
    let told = |of: &str| {
        let out = reload(&daemon);
        assert_eq!(out.code, 0, "{out:?}");
        assert_eq!(out.err.matches("warning: ").count(), usize::from(!of.is_empty()), "{out:?}");
        assert!(out.err.contains(of), "{out:?}");
    };
    // Appended, moved to the front, and the old one taken out.
    daemon.folder.write("keys.toml", &order(&[&first, &second]));
    told("");
    daemon.folder.write("keys.toml", &order(&[&second, &first]));
    told("warning: the first name key is 2 instead of 1: contacts see each resource twice");
    daemon.folder.write("keys.toml", &order(&[&second]));
    told("warning: name key 1 was removed: its aliases reach no resource");
    daemon.logs("the first name key has changed");
    daemon.logs("a name key was removed");
    daemon.reconfigure(more, &format!("{more}initiate = [\"some.example\"]\n"));
    told("warning: `initiate` of proxy.example has changed: users whom it now includes");
    // Where no names are made, there is no warning.
    daemon.reconfigure(more, "");
    daemon.reconfigure("initiate = [\"some.example\"]\n", "");
    told("");
    daemon.folder.write("keys.toml", &order(&[&first]));
    told("");
}

#[test]
fn only_the_daemon_of_this_configuration_is_asked() {
    let (one, other) = (daemon(), daemon());
    assert_eq!(reload(&one).code, 0);
    assert_eq!(other.log().matches("configuration reloaded").count(), 0);
    // By another name of the same file.
    let link = one.folder.path("link.toml");
    symlink(one.folder.path("jat-proxy.toml"), &link).unwrap();
    let out = one.folder.run_plain(&["reload", "-c", link.to_str().unwrap()]);
    assert_eq!(out.code, 0, "{out:?}");
    // The log line comes after the answer.
    one.logs_times("configuration reloaded", 2);
    let nobody = Folder::ready().run(&["reload"]);
    assert_eq!(nobody.code, 69);
    assert!(nobody.err.starts_with("error: no running jat-proxy has the configuration DIR/"));
    assert!(nobody.err.contains("\n  help: is it running"), "{nobody:?}");
}

/// It reloads, but only its log has the result.
#[test]
fn a_daemon_that_is_too_old_to_report_the_result() {
    let folder = Folder::ready();
    symlink("/bin/sh", folder.path("jat-proxy")).unwrap();
    let mut older = Command::new(folder.path("jat-proxy"))
        .args(["-c", "read line"])
        .arg(folder.path("jat-proxy.toml"))
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let out = folder.run(&["reload"]);
    // It ends when its input ends.
    drop(older.stdin.take());
    let pid = older.id();
    older.wait().unwrap();
    assert_eq!(out.code, 69, "{out:?}");
    let named = format!("error: process {pid} is a jat-proxy with the configuration DIR/");
    assert!(out.err.starts_with(&named), "{out:?}");
    assert!(out.err.ends_with(&format!("kill -HUP {pid}\n")), "{out:?}");
}

/// Whichever of the two programs gets the signal, the answer is about this configuration.
#[test]
fn a_reload_in_the_middle_of_an_upgrade_is_one_too() {
    let daemon = daemon();
    for upgrade in 1..4 {
        daemon.signal(Signal::USR2);
        sleep(Duration::from_millis(10 * upgrade));
        let out = reload(&daemon);
        assert_eq!(out.code, 0, "{out:?} {}", daemon.log());
        assert!(out.out.ends_with("has reloaded: components: 1; key 1 signs\n"), "{out:?}");
        daemon.logs_times("upgraded in place", usize::try_from(upgrade).unwrap());
    }
}

#[test]
#[ignore = "needs root"]
fn a_user_who_may_not_inspect_it_is_told_who_may() {
    let folder = Folder::alone();
    let config = folder.path("");
    let everybody = Command::new("chmod").args(["-R", "a+rX"]).arg(config).status().unwrap();
    assert!(everybody.success());
    let run = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let daemon = begun(Launch::in_folder(folder).behind(&run));
    assert_eq!(reload(&daemon).code, 0, "as root");
    let reloads = |user: &str| {
        let mut command = Command::new("setpriv");
        command.args([&format!("--reuid={user}"), &format!("--regid={user}"), "--clear-groups"]);
        command.arg(program()).args(["reload", "-c"]).arg(daemon.folder.path("jat-proxy.toml"));
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(reloads("65534").0, Some(0), "as the same user");
    let (code, told) = reloads("65533");
    assert_eq!(code, Some(69), "{told}");
    let pid = daemon.pid();
    assert!(
        told.contains(&format!("process {pid} is a jat-proxy that this user may not")),
        "{told}"
    );
}

/// Any process can look like a daemon.
#[test]
#[ignore = "needs root"]
fn a_process_that_may_not_read_the_configuration_is_not_the_daemon() {
    let daemon = daemon();
    let config = daemon.folder.path("jat-proxy.toml");
    let said = format!(
        "{{\"config\": {config:?}, \"begun\": 0, \"ended\": 9, \"taken\": true, \"summary\": \"forged\", \
         \"problems\": \"\"}}"
    );
    let forges = "import os, sys\nfile = os.memfd_create('jat-proxy-reload')\n\
                  os.write(file, sys.argv[1].encode())\nprint('ready', flush=True)\n\
                  sys.stdin.read()";
    let mut forger = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-c"])
        .args([forges, &said])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    BufReader::new(forger.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    assert_eq!(ready, "ready\n");
    let out = reload(&daemon);
    // It ends when its input ends.
    drop(forger.stdin.take());
    forger.wait().unwrap();
    let pid = daemon.pid();
    let good = format!("process {pid} has reloaded: components: 1; key 1 signs\n");
    assert_eq!((out.code, out.out), (0, good), "{}", out.err);
}

/// As `docker exec` runs it: in the namespaces of the container, where the daemon is process 1.
#[test]
#[ignore = "needs root"]
fn in_a_container_process_1_is_asked() {
    let unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
    let daemon = begun(Launch::in_folder(Folder::alone()).behind(&unshare));
    let pid = daemon.pid();
    let init = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let exec = || {
        let mut command = Command::new("nsenter");
        command.args(["--target", init.trim(), "--mount", "--pid"]);
        command.arg(program()).args(["reload", "-c"]);
        let output = command.arg(daemon.folder.path("jat-proxy.toml")).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let good = "process 1 has reloaded: components: 1; key 1 signs\n";
    assert_eq!(exec(), (Some(0), good.to_owned()));
    daemon.reconfigure("target-address", "target-addres");
    assert_eq!(exec().0, Some(78));
}

/// A Secret of Kubernetes: all files are links through `..data`, which is replaced as a whole.
#[test]
fn a_volume_that_is_replaced_is_taken_by_itself() {
    let folder = Folder::alone();
    let config = format!("watch = \"1s\"\n{}", folder.read("jat-proxy.toml"));
    let version = |folder: &Folder, name: &str, keys: &str| {
        fs::create_dir(folder.path(name)).unwrap();
        folder.write(&format!("{name}/jat-proxy.toml"), &config);
        folder.write(&format!("{name}/keys.toml"), keys);
        folder.write(&format!("{name}/proxy.secret"), "Open Sesame\n");
        symlink(name, folder.path("..data_tmp")).unwrap();
        fs::rename(folder.path("..data_tmp"), folder.path("..data")).unwrap();
    };
    let key = |id: u8, secret: &str| format!("[[key]]\nid = {id}\nsecret = \"{secret}\"\n");
    version(&folder, "..first", &key(1, SECRET));
    for file in ["jat-proxy.toml", "keys.toml", "proxy.secret"] {
        fs::remove_file(folder.path(file)).unwrap();
        symlink(format!("..data/{file}"), folder.path(file)).unwrap();
    }
    let daemon = begun(Launch::in_folder(folder));
    let folder = &daemon.folder;
    let comes = (jiff::Timestamp::now() + Duration::from_secs(3600)).to_string();
    let both = key(1, SECRET) + &key(2, OTHER_SECRET) + &format!("not-before = \"{comes}\"\n");
    version(folder, "..second", &both);
    daemon.logs("the files of the configuration have changed");
    daemon.logs("configuration reloaded components=1 signing_key=1 next_key=\"2 from ");
    fs::remove_dir_all(folder.path("..first")).unwrap();
    version(folder, "..third", &key(2, OTHER_SECRET));
    daemon.logs("configuration reloaded components=1 signing_key=2");
    assert_eq!(daemon.logged("have changed"), 2, "{}", daemon.log());
}

#[test]
fn a_broken_file_is_refused_once_and_a_missing_one_is_not() {
    let folder = Folder::alone();
    folder.write(CONFIG, &format!("watch = \"1s\"\n{}", folder.read(CONFIG)));
    let daemon = begun(Launch::in_folder(folder));
    fs::remove_file(daemon.folder.path("proxy.secret")).unwrap();
    daemon.logs("proxy.secret can't be read; the configuration in use stays until it can");
    daemon.folder.write("proxy.secret", "Open Sesame two\n");
    daemon.logs("configuration reloaded");
    daemon.reconfigure("target-address", "target-addres");
    daemon.logs("the configuration was not reloaded; the old one stays in use");
    daemon.reconfigure("target-addres ", "target-address ");
    daemon.reconfigure("bot@", "other@");
    daemon.logs_times("configuration reloaded", 2);
    let log = daemon.log();
    assert_eq!(log.matches("was not reloaded").count(), 1, "{log}");
    assert_eq!(log.matches("can't be read").count(), 1, "{log}");
    // Off again.
    daemon.reconfigure("watch = \"1s\"", "");
    daemon.logs_times("configuration reloaded", 3);
}
