//! A node joins, and leaves cleanly.

use std::sync::Arc;
use std::time::Instant;

use test_support::interop::server::{Kind, Server};
use test_support::wait::wait_until;

use crate::client::Door;
use crate::cluster::{HOSTS, RATE, on_cluster};

case!(a_node_joins_and_leaves: ejabberd);
fn a_node_joins_and_leaves(kind: Kind) {
    on_cluster(kind, |cluster| {
        let begun = Instant::now();
        let host = cluster.network.host(HOSTS as u8 + 1);
        let server = Server::start_alone_on(kind, &host);
        let mark = cluster.mark();
        let load = cluster.load(RATE);
        cluster.wait_served(RATE / 2);
        server.join(&cluster.servers[0], HOSTS + 1);
        cluster.doors.lock().unwrap().push(Door::of(&server));
        cluster.hosts.push(Arc::clone(&host));
        cluster.servers.push(server);
        for _ in 0..2 {
            cluster.start_replica(HOSTS);
        }
        cluster.start_user(HOSTS);
        cluster.start_bot(HOSTS);
        let bot = Arc::clone(&cluster.bots[HOSTS * 2]);
        cluster.wait_in_order();
        println!("{kind}: it had joined, with its replicas, after {:.1?}", begun.elapsed());
        load.stop();
        let account = cluster.account_of_all(mark);
        println!("{kind}: {}", account.figures());
        account.assert_whole();

        let mark = cluster.mark();
        let load = cluster.load(RATE);
        wait_until("users of all nodes to reach the new bot, and its user others", || {
            let ledger = cluster.book.ledger();
            let asked = |from: usize, bot: Option<usize>| {
                ledger.since(mark).filter(|it| it.host == from).any(|it| {
                    let asked = it.asked.as_ref().map(|it| it.bot);
                    asked.is_some() && (bot.is_none() || asked == bot)
                })
            };
            (0..=HOSTS).all(|from| asked(from, Some(bot.number))) && asked(HOSTS, None)
        });
        load.stop();
        let account = cluster.account_of_all(mark);
        println!("{kind}: with it {}", account.figures());
        account.assert_whole();

        cluster.users.pop().expect("it came last").end();
        let mark = cluster.mark();
        let load = cluster.load(RATE);
        cluster.wait_served(RATE / 2);
        let begun = Instant::now();
        cluster.bots.pop().expect("it came last").leave();
        cluster.replicas.iter().for_each(|it| it.proxy.wait_offline(&bot.address()));
        let mut times = vec![(begun, Instant::now())];
        for _ in 0..2 {
            let mut replica = cluster.replicas.pop().expect("they came last");
            let begun = Instant::now();
            replica.stop();
            times.push((begun, cluster.wait_routes(0)));
        }
        let mut server = cluster.servers.pop().expect("it came last");
        server.evaluate("rpc:call(Node, ejabberd_cluster, leave, [Node])");
        wait_until("it to have left", || {
            let nodes = "length(rpc:call(Node, ejabberd_cluster, get_nodes, []))";
            cluster.servers.iter().all(|it| it.evaluate(nodes) == HOSTS.to_string())
        });
        server.kill();
        cluster.hosts.pop();
        cluster.doors.lock().unwrap().pop();
        cluster.wait_served(RATE);
        load.stop();
        let account = cluster.account_of_rest(mark);
        println!("{kind}: when it left {}", account.figures());
        account.assert_none_lost_outside(&times);
        bot.end();
    });
}
