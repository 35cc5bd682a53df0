//! A partition that ends as soon as the cluster is split.

use std::thread::sleep;
use std::time::{Duration, Instant};

use test_support::wait::{PATIENCE, wait_until, wait_within};

use super::partition::{MENDED, SILENCED, restart_minority};
use crate::LOADED;
use crate::cluster::{Cluster, HOSTS, RATE};

/// Cuts the first host off until the nodes have given each other up, and no longer. ejabberd may
/// delete live sessions then; returns whether some node did not know all sessions after the restart
/// of the minority. Prints what that costs, and repairs it as docs/cluster.md says.
pub fn heals_too_soon(cluster: &mut Cluster) -> bool {
    let kind = cluster.kind;
    cluster.bots_disappeared = true;
    let others = cluster.others(0);
    cluster.wait_asked_twice();
    let well = cluster.scrape();
    let mark = cluster.mark();
    let load = cluster.load(RATE);
    cluster.wait_served(RATE);
    cluster.hosts[0].cut_off(&others);
    wait_within(PATIENCE, "the nodes to give each other up", || {
        [1, 2].iter().all(|it| cluster.has_forgotten(*it, 0) && cluster.has_forgotten(0, *it))
    });
    cluster.hosts[0].reconnect(&others);
    sleep(SILENCED);
    load.stop();
    println!("{kind}: meanwhile {}", cluster.account_of_rest(mark).figures());
    println!("{kind}: connected users: {:?}", cluster.connected_users());
    print_cost(cluster, "on the healed way");

    let mut restarted = restart_minority(cluster);
    wait_until("the nodes to be together again", || cluster.minority().is_empty());
    cluster.users.iter().chain(&cluster.bots).for_each(|it| it.go_home());
    let whole = cluster.users.len() + cluster.bots.len();
    let harmed = stays_less(cluster, whole);
    if harmed {
        print_cost(cluster, "with the minority restarted");
        cluster.assert_alerts(&well, &["JatProxyReplicasDisagree", "JatProxyResourcesVanished"]);
        // Sessions that others do not know are on the one that knows the most, unless it was
        // restarted: then its users have logged in again.
        let begun = Instant::now();
        while stays_less(cluster, whole) {
            let known = cluster.connected_users();
            let others = (0..known.len()).filter(|it| !restarted.contains(it));
            let host = others.max_by_key(|it| known[*it]).expect("one of them can be restarted");
            println!("{kind}: connected users: {known:?}: host {host} is restarted");
            cluster.restart_server(host);
            restarted.push(host);
            wait_until("the nodes to be together again", || cluster.minority().is_empty());
            cluster.users.iter().chain(&cluster.bots).for_each(|it| it.go_home());
        }
        println!("{kind}: that took {:.1?}", begun.elapsed());
    }
    let begun = Instant::now();
    cluster.be_in_order();
    let right = begun.elapsed();
    println!("{kind}: all was right after another {right:.1?}");
    assert!(right < MENDED * LOADED, "{right:.1?}");
    let mark = cluster.mark();
    cluster.ask(60);
    cluster.account_of_all(mark).assert_whole();
    harmed
}

/// Whether one of the nodes knows fewer sessions than there are, and goes on doing so.
fn stays_less(cluster: &Cluster, whole: usize) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < SILENCED {
        if cluster.connected_users().iter().all(|it| *it == whole) {
            return false;
        }
        sleep(POLL);
    }
    true
}

fn print_cost(cluster: &Cluster, when: &str) {
    let mark = cluster.mark();
    let load = cluster.load(RATE);
    sleep(Duration::from_secs(8));
    load.stop();
    let account = cluster.account_of_rest(mark);
    let sent: Vec<usize> = of_hosts(cluster.book.ledger().since(mark).map(|it| it.host));
    let lost: Vec<usize> = of_hosts(account.lost.iter().map(|it| it.host));
    println!(
        "{}: {when} {}; of users on each host {lost:?} of {sent:?} were lost",
        cluster.kind,
        account.figures()
    );
}

fn of_hosts(hosts: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut counts = vec![0; HOSTS];
    hosts.for_each(|host| counts[host] += 1);
    counts
}

const POLL: Duration = Duration::from_millis(100);
