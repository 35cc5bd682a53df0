//! A program of an earlier commit, before and after this one: the hand-over works both ways, so that
//! an upgrade can be undone.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use test_support::program;
use test_support::stage::{Stage, reply_to};

#[tokio::test]
#[ignore = "needs the older program, which tests/older builds"]
async fn programs_of_two_commits_follow_each_other() {
    let older = older();
    let mut it = Stage::of(&older).await;
    it.serves().await;
    let built = program();
    for program in [&built, &older, &older, &built, &built, &older] {
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
}

pub fn older() -> PathBuf {
    let older = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("older").join("jat-proxy");
    assert!(older.is_file(), "no {}: tests/older builds it", older.display());
    older
}

fn inode(program: &Path) -> u64 {
    fs::metadata(program).unwrap().ino()
}
