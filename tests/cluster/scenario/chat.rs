//! Messages and presence across nodes.

use std::time::{Duration, Instant};

use test_support::interop::server::Kind;
use test_support::wait::{comes, wait_until};

use crate::chats::Message;
use crate::client::Load;
use crate::cluster::{Cluster, HOSTS, RATE, on_cluster};

case!(messages_pass_between_all_nodes: ejabberd);
fn messages_pass_between_all_nodes(kind: Kind) {
    on_cluster(kind, |cluster| {
        let mark = cluster.book.chats().mark();
        // Users write to the helper, and each bot to each user.
        let load = chat(cluster);
        wait_until("the chats", || cluster.book.chats().mark() >= mark + 300);
        load.stop();
        for (bot, user) in
            cluster.bots.iter().flat_map(|bot| cluster.users.iter().map(move |user| (bot, user)))
        {
            cluster.book.begin(bot, user);
        }
        wait_answered(cluster, mark);
        let chats = cluster.book.chats();
        println!("{kind}: {} messages came, there and back", chats.since(mark).count());
        let far = |it: &&Message| it.read.iter().any(|(bot, _)| bot % HOSTS != it.user % HOSTS);
        let pairs = cluster.bots.len() * cluster.users.len();
        let far = chats.since(mark).filter(far).count();
        assert!(far > pairs / 2, "{far} from one node to another");
    });
}

case!(one_replica_a_node_keeps_the_order: ejabberd);
fn one_replica_a_node_keeps_the_order(kind: Kind) {
    const BURSTS: usize = 5;
    const BURST: usize = 20;
    on_cluster(kind, |cluster| {
        for replica in HOSTS..2 * HOSTS {
            cluster.replicas[replica].stop();
        }
        for host in 0..HOSTS {
            cluster.wait_routes(host);
        }
        let mark = cluster.book.chats().mark();
        let before = cluster.book.chats().overtaken;
        for _ in 0..BURSTS {
            for user in (0..BURST).flat_map(|_| &cluster.users) {
                assert!(cluster.book.write(user), "all are logged in");
            }
            wait_answered(cluster, mark);
        }
        let overtaken = cluster.book.chats().overtaken - before;
        let sent = cluster.book.chats().mark() - mark;
        println!("{kind}: {sent} messages in bursts, {overtaken} overtaken");
        assert_eq!(overtaken, 0);
        for replica in HOSTS..2 * HOSTS {
            cluster.replicas[replica].restart();
        }
    });
}

case!(subscribers_of_all_nodes_and_chats_outlive_a_node: ejabberd);
fn subscribers_of_all_nodes_and_chats_outlive_a_node(kind: Kind) {
    on_cluster(kind, |cluster| {
        let helper = cluster.book.helper();
        for user in &cluster.users {
            user.send(&format!("<presence type='subscribe' to='{helper}'/>"));
        }
        let all: Vec<usize> = (0..cluster.bots.len()).collect();
        say_and_see(cluster, "first", &all);

        let mark = cluster.book.chats().mark();
        let (chats, requests) = (chat(cluster), cluster.load(RATE));
        wait_until("some chats", || cluster.book.chats().mark() >= mark + RATE);
        cluster.kill_host(1);
        let known = cluster.wait_departure(1);
        // The error for a request shows who is offline. For a message there is none.
        cluster.wait_served(3 * RATE);
        chats.stop();
        requests.stop();
        // Stanzas that were under way when the node died may be lost.
        comes(|| {
            let chats = cluster.book.chats();
            let mut waiting = chats.since(mark).filter(|it| !it.is_over());
            let quiet = known.elapsed() > Duration::from_secs(5);
            waiting.all(|it| quiet && !is_later(it, known))
        });
        account(cluster, mark, known);
        let mark = cluster.book.chats().mark();
        for user in (0..10).flat_map(|_| &cluster.users) {
            assert!(cluster.book.write(user), "all are logged in");
        }
        wait_answered(cluster, mark);

        let there: Vec<usize> = all.iter().copied().filter(|it| it % HOSTS != 1).collect();
        say_and_see(cluster, "second", &there);
        // Its users are on other nodes by now, and got correct presence when they logged in.
        for user in cluster.users.iter().filter(|it| it.home == 1) {
            let chats = cluster.book.chats();
            assert_eq!(chats.seen_by(user.number), said("second", &there), "user {}", user.number);
        }
        let stale = cluster
            .users
            .iter()
            .filter(|it| cluster.book.chats().seen_by(it.number).len() > there.len());
        println!("{kind}: {} of the others still see those who died", stale.count());

        cluster.start_host(1);
        cluster.be_in_order();
        say_and_see(cluster, "third", &all);
    });
}

/// Every user who is online sees the presence of these bots.
fn say_and_see(cluster: &Cluster, word: &str, bots: &[usize]) {
    for bot in bots {
        let status = format!("<presence><status>{}</status></presence>", status(word, *bot));
        cluster.bots[*bot].send(&status);
    }
    let begun = Instant::now();
    let wanted = said(word, bots);
    wait_until("all to see it", || {
        let chats = cluster.book.chats();
        cluster.users.iter().all(|user| {
            let seen = chats.seen_by(user.number);
            wanted.iter().all(|it| seen.contains(&&**it))
        })
    });
    println!("{}: all users saw {word:?} after {:.1?}", cluster.kind, begun.elapsed());
}

fn said(word: &str, bots: &[usize]) -> Vec<String> {
    bots.iter().map(|it| status(word, *it)).collect()
}

fn status(word: &str, bot: usize) -> String {
    format!("{word} {bot}")
}

/// Users write to the bots from now on, one after another.
fn chat(cluster: &Cluster) -> Load {
    let (users, book) = (cluster.users.clone(), cluster.book.clone());
    Load::start(RATE, move |number| {
        book.write(&users[number % users.len()]);
    })
}

/// Waits until all that was written since then is answered, by one bot each and without an error.
fn wait_answered(cluster: &Cluster, mark: usize) {
    wait_until("all to be answered", || {
        cluster.book.chats().since(mark).all(|it| !it.answered.is_empty())
    });
    let chats = cluster.book.chats();
    assert!(chats.since(mark).all(|it| it.error.is_none()), "some answers are errors");
    assert_eq!(chats.copied(mark), 0, "some were given to all bots");
}

/// Checks that nothing is lost that was written, or answered, after the other nodes knew, by a user
/// who was logged in all the time.
fn account(cluster: &Cluster, mark: usize, known: Instant) {
    let kind = cluster.kind;
    let chats = cluster.book.chats();
    let lost: Vec<&Message> = chats.since(mark).filter(|it| !it.is_over()).collect();
    let errors: Vec<&Message> = chats.since(mark).filter(|it| it.error.is_some()).collect();
    let last = errors.iter().map(|it| it.sent).max().unwrap_or(known);
    println!(
        "{kind}: {} messages, {} lost, {} given to all bots, {} errors, the last {:.1?} after the \
         others knew",
        chats.since(mark).count(),
        lost.len(),
        chats.copied(mark),
        errors.len(),
        last.saturating_duration_since(known)
    );
    let later = lost.into_iter().filter(|it| is_later(it, known));
    let later: Vec<usize> = later.map(|it| it.user).collect();
    assert!(later.is_empty(), "lost of {later:?}");
}

/// Whether it was written, or answered, after that moment.
fn is_later(message: &Message, moment: Instant) -> bool {
    message.read.last().map_or(message.sent, |(_, at)| *at) > moment
}
