//! Replicas die, leave and are upgraded, while the nodes stay.

use std::thread::sleep;
use std::time::{Duration, Instant};

use test_support::interop::server::Kind;
use test_support::wait::wait_until;

use crate::cluster::{Cluster, RATE, on_cluster};

case!(replies_held_over_a_kill_arrive: ejabberd);
fn replies_held_over_a_kill_arrive(kind: Kind) {
    on_cluster(kind, |cluster| {
        // One replica, and both of a node.
        for killed in [&[0][..], &[1, 4]] {
            let mark = cluster.mark();
            cluster.book.hold();
            cluster.ask(HELD);
            wait_until("the bots to be asked", || cluster.book.held_count() == HELD);
            let host = cluster.replicas[killed[0]].host;
            killed.iter().for_each(|it| cluster.replicas[*it].kill());
            cluster.wait_routes(host);
            cluster.book.release();
            let account = cluster.account_of_all(mark);
            println!("{kind}: replicas {killed:?} killed: {}", account.figures());
            account.assert_whole();
            killed.iter().for_each(|it| cluster.replicas[*it].restart());
        }
    });
}

case!(all_replicas_are_upgraded_in_place: ejabberd);
fn all_replicas_are_upgraded_in_place(kind: Kind) {
    on_cluster(kind, |cluster| {
        let mark = cluster.mark();
        let load = cluster.load(RATE);
        for replica in &cluster.replicas {
            cluster.wait_served(RATE / 4);
            replica.proxy.upgrade();
        }
        cluster.wait_served(RATE);
        load.stop();
        let account = cluster.account_of_all(mark);
        println!("{kind}: {}", account.figures());
        account.assert_whole();
    });
}

// docs/cluster.md says how: the next one is restarted 2 s after this one is ready.
case!(all_replicas_are_restarted_one_after_another: ejabberd);
fn all_replicas_are_restarted_one_after_another(kind: Kind) {
    on_cluster(kind, |cluster| {
        each_in_turn(cluster, |cluster, number| cluster.replicas[number].stop());
    });
}

case!(replicas_are_killed_under_load: ejabberd);
fn replicas_are_killed_under_load(kind: Kind) {
    on_cluster(kind, |cluster| {
        each_in_turn(cluster, |cluster, number| cluster.replicas[number].kill());
    });
}

/// Ends each replica under load, and restarts it. Stanzas may be lost only until the server knows,
/// and nothing fails.
fn each_in_turn(cluster: &mut Cluster, end: impl Fn(&mut Cluster, usize)) {
    let kind = cluster.kind;
    let mark = cluster.mark();
    let load = cluster.load(RATE);
    let mut times = Vec::new();
    for number in 0..cluster.replicas.len() {
        cluster.wait_served(RATE / 2);
        let begun = Instant::now();
        end(cluster, number);
        times.push((begun, cluster.wait_routes(cluster.replicas[number].host)));
        cluster.replicas[number].restart();
        cluster.replicas[number].proxy.wait_ready();
        // This is no wait for an event: docs/cluster.md has the operator do it.
        sleep(Duration::from_secs(2));
    }
    load.stop();
    let account = cluster.account_of_rest(mark);
    println!("{kind}: {}", account.figures());
    account.assert_none_lost_outside(&times);
    assert!(account.errors.is_empty(), "{:?}", account.errors);
}

const HELD: usize = 60;
