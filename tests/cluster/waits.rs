//! Waiting for a state of the cluster, and the results.

use std::thread::sleep;
use std::time::{Duration, Instant};

use test_support::interop::server::Server;
use test_support::wait::{PATIENCE, wait_until};

use crate::cluster::Cluster;
use crate::ledger::Account;

impl Cluster {
    /// Waits until all clients are on their home hosts, and all nodes and all replicas know it.
    pub fn wait_in_order(&self) {
        wait_until("all clients to be at home", || {
            self.users.iter().chain(&self.bots).all(|it| it.host() == Some(it.home))
        });
        let all = (self.users.len() + self.bots.len()).to_string();
        wait_until("all nodes to know all sessions", || {
            let sessions = "length(rpc:call(Node, ets, tab2list, [session]))";
            self.servers.iter().all(|it| it.evaluate(sessions) == all)
        });
        self.wait_bots_known();
    }

    /// Waits until all replicas know all bots.
    pub fn wait_bots_known(&self) {
        let bots: Vec<String> = self.bots.iter().map(|it| it.address()).collect();
        let bots: Vec<&str> = bots.iter().map(|it| &**it).collect();
        self.replicas.iter().for_each(|it| it.proxy.wait_online(&bots));
    }

    pub fn mark(&self) -> usize {
        self.book.ledger().mark()
    }

    /// Waits until all requests since then are finished, and none of them is lost.
    pub fn account_of_all(&self, since: usize) -> Account {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end && self.book.ledger().underway(since) > 0 {
            sleep(POLL);
        }
        self.book.ledger().account(since)
    }

    /// The same when some may be lost: waits as long as stanzas arrive.
    pub fn account_of_rest(&self, since: usize) -> Account {
        wait_until("an end of replies", || {
            let ledger = self.book.ledger();
            ledger.underway(since) == 0 || ledger.silence() > QUIET
        });
        self.book.ledger().account(since)
    }

    /// Waits until so many more requests of the users on each host have been answered in a row, without
    /// an error.
    pub fn wait_served(&self, in_a_row: usize) {
        let since = self.mark();
        wait_until("all to be served", || {
            let ledger = self.book.ledger();
            let ended: Vec<bool> = ledger
                .since(since)
                .filter_map(|it| Some(it.came.as_ref()?.error.is_none()))
                .collect();
            ended.len() >= in_a_row && ended[ended.len() - in_a_row..].iter().all(|it| *it)
        });
    }

    /// Waits until all other nodes have forgotten this host's; returns the time.
    pub fn wait_departure(&self, host: usize) -> Instant {
        wait_until("the other nodes to miss it", || {
            let mut others = (0..self.servers.len()).filter(|it| *it != host);
            others.all(|other| self.has_forgotten(other, host))
        });
        Instant::now()
    }

    /// Whether the node of a host has forgotten that of another one, and the sessions there. It may
    /// keep routes to components there for another minute, and use them if it has none of its own.
    ///
    /// The kernel's connections do not show it: Erlang considers one dead after `net_ticktime`, but may
    /// leave it open for a quarter of an hour if the kernel does not take all of its output.
    pub fn has_forgotten(&self, host: usize, gone: usize) -> bool {
        let gone = self.servers[gone].node_name();
        let known = self.servers[host].evaluate(&format!(
            "lists:member('{gone}', rpc:call(Node, ejabberd_cluster, get_nodes, []) \
             ++ [node(element(2, element(2, Session))) \
             || Session <- rpc:call(Node, ets, tab2list, [session])])"
        ));
        known == "false"
    }

    /// The output of `ejabberdctl connected_users_number` on each host.
    pub fn connected_users(&self) -> Vec<usize> {
        let number = "rpc:call(Node, ejabberd_sm, connected_users_number, [])";
        let ask = |it: &Server| it.evaluate(number).parse().expect("a number");
        self.servers.iter().map(ask).collect()
    }

    /// The hosts whose nodes each node knows.
    pub fn known_by_each(&self) -> Vec<Vec<usize>> {
        let hosts = 0..self.servers.len();
        let known = |host: usize| {
            let others = hosts.clone().filter(move |it| *it != host);
            others.filter(move |it| !self.has_forgotten(host, *it)).collect()
        };
        hosts.clone().map(known).collect()
    }

    /// Whether nodes that know each other know the same nodes.
    pub fn is_parted(&self) -> bool {
        let mut parts = self.known_by_each();
        for (host, part) in parts.iter_mut().enumerate() {
            part.push(host);
            part.sort_unstable();
        }
        parts.iter().all(|part| part.iter().all(|it| parts[*it] == *part))
    }

    /// Waits until the server of this host has routes to the running replicas, and to no others;
    /// returns the time.
    pub fn wait_routes(&self, host: usize) -> Instant {
        let wanted = self.replicas.iter().filter(|it| it.runs()).count().to_string();
        let domain = &self.book.domain;
        let routes = format!("length(rpc:call(Node, ets, lookup, [route, <<\"{domain}\">>]))");
        wait_until("the server to know which replicas there are", || {
            self.servers[host].evaluate(&routes) == wanted
        });
        Instant::now()
    }
}

/// After so long without a stanza, missing ones are considered lost.
const QUIET: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(10);
