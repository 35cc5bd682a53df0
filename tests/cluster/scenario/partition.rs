//! The network between hosts is cut: packets are lost, clients stay where they are.

use std::thread::sleep;
use std::time::{Duration, Instant};

use test_support::interop::server::Kind;
use test_support::wait::{PATIENCE, wait_until, wait_within};

use super::death::missed;
use crate::LOADED;
use crate::cluster::{Cluster, RATE, on_cluster};
use crate::seen::assert_split_is_seen;

// Shorter than net_ticktime, so no node is considered dead, and stanzas are only late.
case!(a_partition_of_10_seconds_loses_nothing: ejabberd);
fn a_partition_of_10_seconds_loses_nothing(kind: Kind) {
    on_cluster(kind, |cluster| {
        cluster.set_ticktime(60);
        let mark = cluster.mark();
        let load = cluster.load(RATE);
        cluster.wait_served(RATE);
        // A replica that probes meanwhile gets no answer of the bots on the other side.
        cluster.bots_disappeared = true;
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

// Until both sides consider each other dead, and Erlang no longer tries to send to the other.
case!(a_split_cluster_is_mended_by_a_restart_of_the_minority: ejabberd);
fn a_split_cluster_is_mended_by_a_restart_of_the_minority(kind: Kind) {
    on_cluster(kind, |cluster| splits(cluster, &[1, 2], Duration::ZERO));
}

/// Cuts the first host off from these, at least until it is given up, and for so long.
pub fn splits(cluster: &mut Cluster, from: &[usize], length: Duration) {
    let kind = cluster.kind;
    cluster.bots_disappeared = true;
    let others: Vec<_> = from.iter().map(|it| cluster.hosts[*it].clone()).collect();
    cluster.wait_asked_twice();
    let well = cluster.scrape();
    let mark = cluster.mark();
    let load = cluster.load(RATE);
    cluster.wait_served(RATE);
    let cut = Instant::now();
    cluster.hosts[0].cut_off(&others);
    wait_within(length + PATIENCE, "the nodes to give each other up", || {
        from.iter().all(|it| cluster.has_forgotten(*it, 0) && cluster.has_forgotten(0, *it))
            && cluster.is_parted()
    });
    let split = Instant::now();
    println!("{kind}: given up after {:.1?}: {:?}", split - cut, cluster.known_by_each());
    cluster.wait_served(3 * RATE);
    sleep(length.saturating_sub(cut.elapsed()).max(SILENCED));
    load.stop();
    missed(cluster, mark, split);
    assert_split_is_seen(cluster, &well);

    // Nodes that can connect again disagree until an operator chooses a side.
    cluster.hosts[0].reconnect(&others);
    let mark = cluster.mark();
    let load = cluster.load(RATE);
    cluster.wait_served(RATE);
    load.stop();
    println!("{kind}: on the healed way {}", cluster.account_of_rest(mark).figures());

    // The value that nodes start with.
    cluster.set_ticktime(10);
    let begun = Instant::now();
    restart_minority(cluster);
    println!("{kind}: ejabberd was restarted there in {:.1?}", begun.elapsed());
    let restarted = Instant::now();
    wait_until("the nodes to be together again", || cluster.minority().is_empty());
    cluster.wait_bots_known();
    let right = restarted.elapsed();
    println!("{kind}: all replicas knew all bots after another {right:.1?}");
    cluster.be_in_order();
    let mark = cluster.mark();
    cluster.ask(60);
    let account = cluster.account_of_all(mark);
    account.assert_whole();
    assert!(right < MENDED * LOADED, "{right:.1?}");
}

/// Restarts the nodes that are not in the largest part; returns their hosts.
pub fn restart_minority(cluster: &mut Cluster) -> Vec<usize> {
    let hosts = cluster.minority();
    for host in &hosts {
        println!("{}: host {host} is not in the larger part", cluster.kind);
        cluster.restart_server(*host);
    }
    hosts
}

/// How long after nodes consider each other dead they stop sending to each other; Erlang tries for
/// 7 s. If the network is back before that, what a node tells a third one about the sessions of a
/// second one makes ejabberd delete these sessions on the other side, where they are alive.
pub const SILENCED: Duration = Duration::from_secs(10);

/// How long after the restart of the minority everything is right.
pub const MENDED: Duration = Duration::from_secs(10);
