//! A program of an earlier commit before this one. It hands over no files, so the new program reads them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use test_support::daemon::DOMAIN;
use test_support::program;
use test_support::stage::{Stage, reply_to};

use crate::changes::script;
use crate::refused::is_refused;

#[tokio::test]
#[ignore = "needs the older program, which tests/older builds"]
async fn it_is_followed_by_this_one() {
    let older = older();
    let mut it = Stage::of(&older).await;
    it.serves().await;
    let built = program();
    for program in [&older, &built, &built] {
        it.daemon.replace_with(program);
        // A request from before is answered after it.
        it.user.send("<iq type='get' id='held' to='proxy.example'><ask/></iq>").unwrap();
        let request = it.service.recv_iq().await.expect("the request");
        it.upgrade().await;
        assert_eq!(inode(&it.daemon.running()), inode(program), "{}", it.daemon.log());
        it.service.send(&reply_to(&request)).unwrap();
        let reply = it.user.recv_iq().await.expect("the reply");
        assert!(reply.contains("id='held'"), "{reply}");
        it.serves().await;
    }
    assert_eq!(it.server.accepted(), 1, "{}", it.daemon.log());
    let component = it.daemon.status()["components"][0].take();
    assert_eq!((&component["logins"], &component["failures"]), (&1.into(), &serde_json::json!({})));
    // It is from before the first release.
    it.daemon.replace_with(&older);
    is_refused(&mut it, "does not answer as jat-proxy does").await;
}

#[tokio::test]
#[ignore = "needs the older program, which tests/older builds"]
async fn what_it_does_not_hand_over_is_read_in_the_end() {
    let mut it = Stage::of(&older()).await;
    it.serves().await;
    let away = "mv jat-proxy.toml good; (sleep 0.3; mv good jat-proxy.toml) &";
    it.daemon.replace_with_script(&script("run", &format!("before() {{ {away} }}")));
    it.upgrade().await;
    it.serves().await;
    assert_eq!(it.server.accepted(), 1, "{}", it.daemon.log());
}

#[tokio::test]
#[ignore = "needs the older program, which tests/older builds"]
async fn streams_that_nobody_can_go_on_with_are_closed_in_good_order() {
    let mut it = Stage::of(&older()).await;
    it.serves().await;
    let connection = it.server.connections(DOMAIN).remove(0);
    it.daemon.replace_with_script(&script("run", "before() { rm jat-proxy.toml; }"));
    it.daemon.signal(Signal::USR2);
    let status = it.daemon.ended().await;
    // Not 78: systemd starts it again.
    assert_eq!(status.code(), Some(70), "{}", it.daemon.log());
    let log = it.daemon.log();
    assert!(log.contains("jat-proxy.toml: No such file"), "{log}");
    assert!(
        log.contains("this one can't continue with them: the configuration can't be read"),
        "{log}"
    );
    let said = || String::from_utf8(connection.received()).unwrap();
    it.daemon.until("the closing tag", |_| said().ends_with("</stream:stream>")).await;
}

pub fn older() -> PathBuf {
    let older = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("older").join("jat-proxy");
    assert!(older.is_file(), "no {}: tests/older builds it", older.display());
    older
}

fn inode(program: &Path) -> u64 {
    fs::metadata(program).unwrap().ino()
}
