//! Files that change or vanish at every step of an upgrade: the new program uses what was checked.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;
use test_support::daemon::{DOMAIN, Daemon, component};
use test_support::stage::{Stage, reply_to};
use tokio::time::sleep;

/// The configuration and the files that it names.
const FILES: [&str; 4] = ["jat-proxy.toml", "keys.toml", "proxy.secret", "ca.pem"];

/// A shell script that does something before the new program runs the given `step`.
pub fn script(step: &str, does: &str) -> String {
    let built = env!("CARGO_BIN_EXE_jat-proxy");
    format!(
        "case \"$*\" in *--rehearse*) step=rehearse;; check*) step=check;; *) step=run;; esac\n\
         before() {{ :; }}; after() {{ :; }}\n{does}\n\
         if [ $step = run ]; then [ {step} != run ] || before; ln -f {built} \"$0\"; exec \"$0\" \"$@\"; fi\n\
         [ {step} != $step ] || before\n\
         {built} \"$@\" || exit\n\
         [ {step} != $step ] || after"
    )
}

/// A stage whose configuration names a file of each kind.
async fn with_files() -> Stage {
    let it = Stage::new().await;
    let folder = it.daemon.folder.path("");
    let config = fs::read_to_string(folder.join(FILES[0])).unwrap();
    let (rest, keys) = config.split_once("[[key]]").unwrap();
    let rest = rest.replace("secret = \"s\"", "secret = { file = \"proxy.secret\" }");
    let other = component("two.example") + "server = \"127.0.0.1:1\"\ntls = true\n";
    let ca = rcgen::generate_simple_self_signed(["server.example".to_owned()]).unwrap();
    fs::write(folder.join(FILES[1]), format!("[[key]]{keys}")).unwrap();
    fs::write(folder.join(FILES[2]), "s\n").unwrap();
    fs::write(folder.join(FILES[3]), ca.cert.pem()).unwrap();
    let config = format!(
        "key-file = \"keys.toml\"\n{rest}{other}ca-file = \"ca.pem\"\nserver-name = \"server.example\"\n"
    );
    fs::write(folder.join(FILES[0]), config).unwrap();
    it.daemon.signal(Signal::HUP);
    it.daemon.until_logged("configuration reloaded", 1).await;
    // To restore them later.
    fs::create_dir(folder.join("good")).unwrap();
    for file in FILES {
        fs::copy(folder.join(file), folder.join("good").join(file)).unwrap();
    }
    it
}

fn put_back(it: &Stage) {
    let folder = it.daemon.folder.path("");
    for file in FILES {
        fs::copy(folder.join("good").join(file), folder.join(file)).unwrap();
    }
}

/// What can happen to a file while somebody edits or copies it.
fn damages(file: &str) -> [String; 3] {
    [
        format!("rm -f {file}"),
        format!("head -c 20 good/{file} > {file}; echo '[[[' >> {file}"),
        format!(": > {file}"),
    ]
}

/// Upgrades while requests are under way; each is answered, on the same stream.
async fn upgrades(it: &mut Stage) {
    const REQUESTS: usize = 20;
    let before = it.daemon.logged("upgraded in place");
    it.daemon.signal(Signal::USR2);
    for id in 0..REQUESTS {
        let ask = format!("<iq type='get' id='on-its-way-{id}' to='{DOMAIN}'><ask/></iq>");
        it.user.send(&ask).unwrap();
        sleep(Duration::from_millis(5)).await;
    }
    it.daemon.until_logged("upgraded in place", before + 1).await;
    for _ in 0..REQUESTS {
        let request = it.service.recv_iq().await.expect("the request");
        it.service.send(&reply_to(&request)).unwrap();
        assert!(it.user.recv_iq().await.expect("the reply").contains("<answer/>"));
    }
    it.serves().await;
    assert_eq!(it.server.accepted(), 1, "{}", it.daemon.log());
}

#[tokio::test]
async fn every_file_may_break_once_it_was_read() {
    let mut it = with_files().await;
    for (step, hook) in [("check", "after"), ("rehearse", "before"), ("run", "before")] {
        for damage in 0..3 {
            let all = FILES.map(|file| damages(file)[damage].clone()).join("\n");
            it.daemon.replace_with_script(&script(step, &format!("{hook}() {{ {all}\n}}")));
            upgrades(&mut it).await;
            // The file is broken, and this program reads it at a reload.
            let refused = it.daemon.logged("was not reloaded");
            it.daemon.signal(Signal::HUP);
            it.daemon.until_logged("was not reloaded", refused + 1).await;
            put_back(&it);
            let reloaded = it.daemon.logged("configuration reloaded");
            it.daemon.signal(Signal::HUP);
            it.daemon.until_logged("configuration reloaded", reloaded + 1).await;
            it.serves().await;
        }
    }
    assert_eq!(it.daemon.logged("not upgraded"), 0, "{}", it.daemon.log());
}

#[tokio::test]
async fn a_file_that_is_broken_before_is_named() {
    let mut it = with_files().await;
    for file in FILES {
        // Any content of a secret file is a secret, unless it is empty.
        let broken = |damage: &&String| !(file == "proxy.secret" && damage.contains("[[["));
        for damage in damages(file).iter().filter(broken) {
            let before = it.daemon.logged("not upgraded, the old program keeps running");
            it.daemon.replace_with_script(&script("check", &format!("before() {{ {damage}; }}")));
            it.daemon.signal(Signal::USR2);
            it.serves().await;
            it.daemon.until_logged("not upgraded, the old program keeps running", before + 1).await;
            let log = it.daemon.log();
            let line = log.lines().rfind(|line| line.contains("not upgraded")).unwrap();
            assert!(line.contains(file) || line.contains("secret is empty"), "{damage}: {line}");
            put_back(&it);
            it.serves().await;
        }
    }
    assert_eq!((it.server.accepted(), it.daemon.logged("upgraded in place")), (1, 0));
}

#[tokio::test]
async fn the_program_itself_may_change() {
    let mut it = with_files().await;
    let replace = "cp \"$0\" other; mv other \"$0\"";
    let cases = [
        ("check", "after", replace, "was replaced after it was checked"),
        ("rehearse", "after", replace, "was replaced after it was checked"),
        ("rehearse", "after", "rm \"$0\"", "can't execute"),
        ("rehearse", "before", "echo the reason >&2; exit 3", "refuses: the reason"),
        ("rehearse", "before", "kill -SEGV $$", "signal: 11"),
    ];
    for (n, (step, hook, does, reason)) in cases.into_iter().enumerate() {
        it.daemon.replace_with_script(&script(step, &format!("{hook}() {{ {does}; }}")));
        it.daemon.signal(Signal::USR2);
        it.serves().await;
        it.daemon.until_logged("not upgraded, the old program keeps running", n + 1).await;
        let log = it.daemon.log();
        let line = log.lines().rfind(|line| line.contains("not upgraded")).unwrap();
        assert!(line.contains("ERROR") && line.contains(reason), "{line}");
        it.serves().await;
    }
    assert_eq!((it.server.accepted(), it.daemon.logged("upgraded in place")), (1, 0));
    it.daemon.replace_with_built();
    upgrades(&mut it).await;
}

/// A reload that is requested while the new program reads the files takes place after the upgrade.
#[tokio::test]
async fn a_reload_during_the_check_comes_after_the_upgrade() {
    let mut it = with_files().await;
    let wait = "touch is-read; while [ ! -e go-on ]; do sleep 0.01; done";
    it.daemon.replace_with_script(&script("check", &format!("after() {{ {wait}; }}")));
    it.daemon.signal(Signal::USR2);
    let folder = it.daemon.folder.path("");
    it.daemon.until("the files are read", |_| folder.join("is-read").exists()).await;
    it.daemon.reconfigure("max-stanza-bytes = 20000", "max-stanza-bytes = 30000");
    it.daemon.reconfigure(&component("two.example"), &component("3.example"));
    it.daemon.signal(Signal::HUP);
    it.serves().await;
    fs::write(folder.join("go-on"), "").unwrap();
    it.daemon.until_logged("upgraded in place", 1).await;
    let second = |d: &Daemon| d.status()["components"][1]["domain"].clone();
    it.daemon.until("the reload", |d| second(d) == "3.example").await;
    it.serves().await;
    assert_eq!(it.server.accepted(), 1);
}
