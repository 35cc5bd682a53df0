//! The way between hosts is cut: packets vanish, clients stay where they are.

use std::thread::sleep;
use std::time::{Duration, Instant};

use test_support::interop::server::Kind;
use test_support::wait::{PATIENCE, wait_until, wait_within};

use super::death::missed;
use crate::LOADED;
use crate::cluster::{Cluster, RATE, on_cluster};

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

// As long as both sides need to give each other up, and Erlang to let go of what it had to say.
case!(a_split_cluster_is_mended_by_a_restart_of_the_minority: ejabberd);
fn a_split_cluster_is_mended_by_a_restart_of_the_minority(kind: Kind) {
    on_cluster(kind, |cluster| splits(cluster, &[1, 2], Duration::ZERO));
}

/// Cuts the first host off from these, at least until it is given up, and for so long.
pub fn splits(cluster: &mut Cluster, from: &[usize], length: Duration) {
    let kind = cluster.kind;
    let others: Vec<_> = from.iter().map(|it| cluster.hosts[*it].clone()).collect();
    let mark = cluster.mark();
    let load = cluster.load(RATE);
    cluster.wait_served(RATE);
    let cut = Instant::now();
    cluster.hosts[0].cut_off(&others);
    wait_within(length + PATIENCE, "the nodes to give each other up", || {
        from.iter().all(|it| cluster.has_forgotten(*it, 0) && cluster.has_forgotten(0, *it))
    });
    let split = Instant::now();
    println!("{kind}: given up after {:.1?}", split - cut);
    cluster.wait_served(3 * RATE);
    sleep(length.saturating_sub(cut.elapsed()).max(SILENCED));
    load.stop();
    missed(cluster, mark, split);

    // Nodes that see each other again have two truths until an operator chooses one.
    cluster.hosts[0].reconnect(&others);
    let mark = cluster.mark();
    let load = cluster.load(RATE);
    cluster.wait_served(RATE);
    load.stop();
    println!("{kind}: on the healed way {}", cluster.account_of_rest(mark).figures());

    // As those have it that start.
    cluster.set_ticktime(10);
    let begun = Instant::now();
    for host in cluster.minority() {
        println!("{kind}: host {host} is not in the larger part");
        cluster.servers[host].stop();
        cluster.servers[host].resume();
    }
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

/// So long after nodes have given each other up they have stopped trying to say something. With what
/// one says of a second that it misses to a third that it misses too, but a moment later, ejabberd
/// deletes sessions on the other side, where they are alive, if the way is back by then. Erlang tries
/// for 7 s.
const SILENCED: Duration = Duration::from_secs(10);

/// So long after the restart of the minority everything is right.
const MENDED: Duration = Duration::from_secs(10);
