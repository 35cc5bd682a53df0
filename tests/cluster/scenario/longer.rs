//! Scenarios that take minutes.

use std::time::Duration;

use test_support::interop::server::Kind;
use test_support::wait::wait_within;

use super::partition::splits;
use crate::LOADED;
use crate::cluster::{HOSTS, RATE, on_cluster};

case!(a_partition_of_90_seconds: ejabberd);
fn a_partition_of_90_seconds(kind: Kind) {
    on_cluster(kind, |cluster| {
        // ejabberd's default.
        cluster.set_ticktime(60);
        splits(cluster, &[1, 2], Duration::from_secs(90));
    });
}

// Everything between one host and the others is slow and lossy.
case!(a_slow_and_lossy_way_loses_nothing: ejabberd);
fn a_slow_and_lossy_way_loses_nothing(kind: Kind) {
    const MILLISECONDS: u32 = 100;
    const FOR: Duration = Duration::from_secs(30);
    on_cluster(kind, |cluster| {
        let far = HOSTS - 1;
        let way = cluster.network.slow_down(HOSTS as u8, MILLISECONDS, 2);
        let mark = cluster.mark();
        let load = cluster.load(RATE);
        wait_within(FOR * LOADED, "the load", || {
            cluster.mark() - mark >= FOR.as_secs() as usize * RATE
        });
        load.stop();
        let account = cluster.account_of_all(mark);
        println!("{kind}: {}", account.figures());
        account.assert_whole();
        let ledger = cluster.book.ledger();
        let crossed = ledger.since(mark).filter_map(|it| {
            let bot_is_far = cluster.bots[it.asked.as_ref()?.bot].home == far;
            ((it.host == far) != bot_is_far).then_some(it.came.as_ref()?.at - it.sent)
        });
        let mut crossed: Vec<Duration> = crossed.collect();
        crossed.sort_unstable();
        let (count, fastest) = (crossed.len(), crossed[0]);
        let (half, slowest) = (crossed[count / 2], crossed[count - 1]);
        println!(
            "{kind}: {count} crossed the way and back in {fastest:.1?}/{half:.1?}/{slowest:.1?}"
        );
        assert!(fastest >= 2 * Duration::from_millis(MILLISECONDS.into()), "it is slow");
        drop(ledger);
        cluster.network.mend(way);
    });
}
