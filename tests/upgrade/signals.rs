//! Signals around an upgrade: none is lost, and none kills the process.

use std::time::Duration;

use rustix::process::Signal;
use test_support::daemon::DOMAIN;
use test_support::stage::Stage;
use tokio::time::sleep;

#[tokio::test]
async fn twice_within_10_ms_and_a_reload_right_behind() {
    let mut it = Stage::new().await;
    for n in 1..=10 {
        let before = it.daemon.logged("configuration reloaded");
        it.daemon.signal(Signal::USR2);
        sleep(Duration::from_millis(n)).await;
        it.daemon.signal(Signal::USR2);
        it.daemon.signal(Signal::HUP);
        // One reload is part of the upgrade.
        it.daemon.until_logged("configuration reloaded", before + 2).await;
        it.serves().await;
        assert!(it.daemon.is_running());
    }
    let upgrades = it.daemon.logged("upgraded in place");
    assert!((10..=20).contains(&upgrades), "{upgrades}");
    assert_eq!(it.server.accepted(), 1, "{}", it.daemon.log());
}

/// During the whole upgrade, so that some arrive at each moment of it.
#[tokio::test]
async fn reloads_all_the_time() {
    let mut it = Stage::new().await;
    for n in 1..=5 {
        it.daemon.signal(Signal::USR2);
        while it.daemon.logged("upgraded in place") < n {
            it.daemon.signal(Signal::HUP);
            sleep(Duration::from_micros(300)).await;
        }
        it.serves().await;
    }
    assert_eq!(it.server.accepted(), 1, "{}", it.daemon.log());
}

#[tokio::test]
async fn a_stop_right_behind_is_obeyed() {
    for delay in [0, 5, 10, 15, 20, 30, 40, 60, 80, 120] {
        let mut it = Stage::new().await;
        let connection = it.server.connections(DOMAIN).remove(0);
        it.daemon.signal(Signal::USR2);
        sleep(Duration::from_millis(delay)).await;
        it.daemon.signal(Signal::TERM);
        let status = it.daemon.ended().await;
        assert!(status.success(), "{delay}: {status}\n{}", it.daemon.log());
        let said = String::from_utf8(connection.received()).unwrap();
        assert!(said.ends_with("</stream:stream>"), "{delay}: {}", it.daemon.log());
    }
}
