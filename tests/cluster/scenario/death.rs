//! A host dies with a third of the bots.

use std::time::{Duration, Instant};

use test_support::interop::server::Kind;
use test_support::wait::wait_until;

use crate::LOADED;
use crate::cluster::{Cluster, RATE, on_cluster};

// The kernel closes its connections, so the others know at once.
case!(a_host_is_killed_with_a_third_of_the_bots: ejabberd);
fn a_host_is_killed_with_a_third_of_the_bots(kind: Kind) {
    on_cluster(kind, |cluster| {
        dies(cluster, 1, |_| ());
        comes_back(cluster, 1);
    });
}

// As for an upgrade of ejabberd. Its replicas stay, and its bots go with it.
case!(a_node_is_stopped_in_good_order: ejabberd);
fn a_node_is_stopped_in_good_order(kind: Kind) {
    on_cluster(kind, |cluster| {
        let mark = cluster.mark();
        let load = cluster.load(RATE);
        cluster.wait_served(RATE);
        cluster.bots_of(0).for_each(|it| it.dies_with_host());
        // ejabberd does not always tell the other nodes that sessions have ended.
        cluster.bots_disappeared = true;
        cluster.servers[0].stop();
        let gone = cluster.wait_departure(0);
        cluster.wait_served(3 * RATE);
        load.stop();
        missed(cluster, mark, gone);
        cluster.servers[0].resume();
        cluster.replicas.iter().filter(|it| it.host == 0).for_each(|it| it.proxy.wait_ready());
        cluster.users.iter().for_each(|it| it.go_home());
        bots_are_used(cluster, 0);
    });
}

// There is no notice. The other nodes consider it dead after net_ticktime.
case!(a_host_loses_its_power_with_a_third_of_the_bots: ejabberd);
fn a_host_loses_its_power_with_a_third_of_the_bots(kind: Kind) {
    on_cluster(kind, |cluster| {
        dies(cluster, 2, |cluster| cluster.hosts[2].cut_off(&cluster.others(2)));
        cluster.hosts[2].reconnect(&cluster.others(2));
        comes_back(cluster, 2);
    });
}

/// The host dies, under load.
fn dies(cluster: &mut Cluster, host: usize, first: impl Fn(&Cluster)) {
    let kind = cluster.kind;
    let mark = cluster.mark();
    let load = cluster.load(RATE);
    cluster.wait_served(RATE);
    let died = Instant::now();
    first(cluster);
    cluster.kill_host(host);
    let known = cluster.wait_departure(host);
    cluster.wait_served(3 * RATE);
    load.stop();
    println!("{kind}: the other nodes missed it after {:.1?}", known - died);
    missed(cluster, mark, known);
}

/// Checks that nothing is lost that was sent after the others knew, and soon nothing fails.
pub fn missed(cluster: &Cluster, mark: usize, known: Instant) {
    let kind = cluster.kind;
    let account = cluster.account_of_rest(mark);
    println!("{kind}: {}", account.figures());
    account.assert_none_lost_after(known);
    let (failed, last) = failures_after(cluster, mark, known);
    println!("{kind}: {failed} failed that were sent later, the last {last:.1?} later");
    assert!(last < DEAD_RESOURCE_FAILS * LOADED, "{last:.1?}");
}

/// How many requests that were sent after that moment failed, and when the last of them was sent.
fn failures_after(cluster: &Cluster, mark: usize, moment: Instant) -> (usize, Duration) {
    let ledger = cluster.book.ledger();
    let failed = |it: &&crate::ledger::Request| {
        it.sent > moment && it.came.as_ref().is_some_and(|it| it.error.is_some())
    };
    let sent: Vec<_> = ledger.since(mark).filter(failed).map(|it| it.sent - moment).collect();
    (sent.len(), sent.into_iter().max().unwrap_or_default())
}

/// All is as before, and its bots get requests from users everywhere.
fn comes_back(cluster: &mut Cluster, host: usize) {
    let kind = cluster.kind;
    let begun = Instant::now();
    cluster.start_host(host);
    println!("{kind}: server and replicas were back after {:.1?}", begun.elapsed());
    cluster.users.iter().for_each(|it| it.go_home());
    bots_are_used(cluster, host);
}

/// The bots of this host log in again; users of all hosts reach them, and nothing is lost.
fn bots_are_used(cluster: &Cluster, host: usize) {
    let kind = cluster.kind;
    let mark = cluster.mark();
    let load = cluster.load(RATE);
    cluster.bots_of(host).for_each(|it| it.go_home());
    let begun = Instant::now();
    for replica in &cluster.replicas {
        let addresses: Vec<_> = cluster.bots_of(host).map(|it| it.address()).collect();
        replica.proxy.wait_online(&addresses.iter().map(|it| &**it).collect::<Vec<_>>());
    }
    let known = begun.elapsed();
    wait_until("users of all hosts to reach them", || {
        let ledger = cluster.book.ledger();
        let reached = |bot: usize, host: usize| {
            let asked = |it: &crate::ledger::Request| it.asked.as_ref().map(|it| it.bot);
            ledger.since(mark).any(|it| it.host == host && asked(it) == Some(bot))
        };
        let bots = || cluster.bots_of(host).map(|it| it.number);
        (0..cluster.hosts.len()).all(|from| bots().all(|bot| reached(bot, from)))
    });
    let used = begun.elapsed();
    load.stop();
    let account = cluster.account_of_all(mark);
    println!(
        "{kind}: bots that came back were known to all replicas after {known:.1?}, and asked from \
         every node after {used:.1?}: {}",
        account.figures()
    );
    account.assert_whole();
    assert!(known < RETURN * LOADED, "{known:.1?}");
}

/// For how long after the server could know of it requests fail because of a dead resource.
const DEAD_RESOURCE_FAILS: Duration = Duration::from_secs(5);
/// How long it takes until a bot that comes back is used.
const RETURN: Duration = Duration::from_secs(2);
