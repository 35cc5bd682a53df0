//! The way between hosts is cut: packets vanish, clients stay where they are.

use std::thread::sleep;
use std::time::Duration;

use test_support::interop::server::Kind;

use crate::cluster::{RATE, on_cluster};

// Shorter than net_ticktime, so that nobody is given up, and what was sent comes late.
case!(a_partition_of_10_seconds_loses_nothing: ejabberd);
fn a_partition_of_10_seconds_loses_nothing(kind: Kind) {
    on_cluster(kind, |cluster| {
        cluster.set_ticktime(60);
        let mark = cluster.mark();
        let load = cluster.load(RATE);
        cluster.wait_served(RATE);
        cluster.hosts[0].cut_off(&cluster.others(0));
        sleep(Duration::from_secs(10));
        cluster.hosts[0].reconnect(&cluster.others(0));
        cluster.wait_served(2 * RATE);
        load.stop();
        let account = cluster.account_of_all(mark);
        println!("{kind}: {}", account.figures());
        account.assert_whole();
        cluster.set_ticktime(10);
    });
}
