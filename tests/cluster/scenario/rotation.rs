//! The key is rotated where a host's clock is wrong.

use std::fs;
use std::time::{Duration, Instant};

use test_support::interop::proxy::key;
use test_support::interop::server::Kind;
use test_support::wait::wait_until;

use crate::cluster::{Cluster, RATE, on_cluster};
use crate::ledger::Request;

case!(a_clock_that_is_20_seconds_off_costs_a_rotation_nothing: ejabberd);
fn a_clock_that_is_20_seconds_off_costs_a_rotation_nothing(kind: Kind) {
    on_cluster(kind, |cluster| {
        set_clocks(cluster, "-20s");
        let mark = cluster.mark();
        let load = cluster.load(RATE);
        let lead = Duration::from_secs(4);
        let begun = Instant::now() + lead;
        let takeover = jiff::Timestamp::now() + lead;
        let keys = key(1, 'A', None) + &key(2, 'B', Some(&takeover.to_string()));
        for replica in &mut cluster.replicas {
            replica.proxy.settings.keys =
                replica.proxy.settings.keys.replace(&key(1, 'A', None), &keys);
            replica.proxy.reload();
        }
        // The late ones follow.
        wait_until("all to sign with the new key", || {
            let ledger = cluster.book.ledger();
            let keys: Vec<u8> =
                ledger.since(mark).filter_map(|it| Some(it.asked.as_ref()?.key)).collect();
            keys.len() > RATE && keys[keys.len() - RATE..].iter().all(|it| *it == 2)
        });
        load.stop();
        let account = cluster.account_of_all(mark);
        println!("{kind}: {}", account.figures());
        account.assert_whole();
        let late = {
            let ledger = cluster.book.ledger();
            let signed =
                |it: &&Request| it.host == OFF && it.asked.as_ref().is_some_and(|it| it.key == 2);
            let first = ledger.since(mark).find(signed).expect("all did").sent;
            first.saturating_duration_since(begun)
        };
        println!("{kind}: the clock that is late signs with the new key {late:.1?} later");
        assert!(late > Duration::from_secs(10), "it is late: {late:.1?}");
        set_clocks(cluster, "");
    });
}

/// Restarts the replicas of one host with a clock that is off by this.
fn set_clocks(cluster: &mut Cluster, off: &str) {
    for replica in cluster.replicas.iter_mut().filter(|it| it.host == OFF) {
        replica.stop();
        replica.proxy.settings.environment = match off {
            "" => Vec::new(),
            _ => vec![
                ("LD_PRELOAD", library()),
                ("FAKETIME", off.into()),
                // Only the time is wrong, not the speed of the clock.
                ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
            ],
        };
        replica.restart();
    }
    cluster.wait_bots_known();
}

/// Debian keeps it below the architecture's library folder.
fn library() -> String {
    let folders = fs::read_dir("/usr/lib").unwrap().flatten();
    let mut found = folders.map(|it| it.path().join("faketime/libfaketime.so.1"));
    let library = found.find(|it| it.is_file()).expect("faketime is installed (tests/run does it)");
    library.display().to_string()
}

/// The host whose clock is wrong.
const OFF: usize = 1;
