//! Scenarios that take minutes.

use std::time::{Duration, Instant};

use test_support::interop::server::Kind;
use test_support::wait::wait_within;

use super::flapping::flap;
use super::healing::heals_too_soon;
use super::partition::splits;
use crate::LOADED;
use crate::cluster::{HOSTS, RATE, RELAY, Replica, on_cluster};

case!(a_partition_of_90_seconds: ejabberd);
fn a_partition_of_90_seconds(kind: Kind) {
    on_cluster(kind, |cluster| {
        // ejabberd's default.
        cluster.set_ticktime(60);
        splits(cluster, &[1, 2], Duration::from_secs(90));
    });
}

// Two hosts cannot reach each other, and both reach the third.
case!(a_partial_partition: ejabberd);
fn a_partial_partition(kind: Kind) {
    on_cluster(kind, |cluster| splits(cluster, &[1], Duration::from_secs(30)));
}

case!(flapping_bots: ejabberd);
fn flapping_bots(kind: Kind) {
    on_cluster(kind, |cluster| flap(cluster, Duration::from_secs(60)));
}

// The replica is alone on its node.
case!(a_missing_presence_domain_is_seen: ejabberd);
fn a_missing_presence_domain_is_seen(kind: Kind) {
    on_cluster(kind, |cluster| {
        for replica in &mut cluster.replicas[HOSTS..] {
            replica.stop();
        }
        let well = cluster.scrape();
        let begun = Instant::now();
        let with = cluster.set_lines(0, RELAY.to_owned());
        let finders = &cluster.replicas[1..HOSTS];
        wait_within(Duration::from_secs(900), "the others to find it", || {
            finders.iter().all(Replica::finds_elsewhere)
        });
        println!("{kind}: both others had found it {:.0?} after its start", begun.elapsed());
        finders.iter().for_each(|it| it.assert_warns("without a presence domain"));
        let [it, ..] = &cluster.replicas[..] else { unreachable!("there are some") };
        assert!(!it.finds_elsewhere() && it.proxy.warnings().is_empty(), "it can't know");
        cluster.assert_alerts(&well, &["JatProxyNoPresenceDomain", "JatProxyReplicasDisagree"]);

        let mark = cluster.mark();
        cluster.ask(300);
        let account = cluster.account_of_all(mark);
        println!("{kind}: with bots on its node, {}", account.figures());
        account.assert_whole();
        cluster.bots_of(0).for_each(|it| it.leave());
        for replica in &cluster.replicas[..HOSTS] {
            cluster.bots_of(0).for_each(|bot| replica.proxy.wait_offline(&bot.address()));
        }
        let mark = cluster.mark();
        cluster.ask(300);
        println!("{kind}: without, {}", cluster.account_of_all(mark).figures());

        cluster.set_lines(0, with);
        for replica in 1..2 * HOSTS {
            // Otherwise the others would warn for eleven minutes.
            if cluster.replicas[replica].runs() {
                cluster.replicas[replica].stop();
            }
            cluster.replicas[replica].restart();
        }
    });
}

// Messages that the nodes sent to each other before still arrive.
case!(a_partition_that_heals_too_soon: ejabberd);
fn a_partition_that_heals_too_soon(kind: Kind) {
    const TRIALS: usize = 3;
    on_cluster(kind, |cluster| {
        let harmed = (0..TRIALS).filter(|_| heals_too_soon(cluster)).count();
        println!("{kind}: sessions were lost in {harmed} of {TRIALS} trials");
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
