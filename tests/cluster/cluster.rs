//! The stage: hosts with an ejabberd and two replicas each, and users and bots on all of them.

use std::mem::replace;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rustix::process::Signal;
use test_support::interop::host::{Host, Network};
use test_support::interop::proxy::{Proxy, Settings, key, name_key};
use test_support::interop::server::{Each, Kind, Server};

use crate::client::{Client, Door, Doors, Load};
use crate::requests::{Answers, Asks, Book};

pub struct Cluster {
    pub kind: Kind,
    /// It keeps the cables in place.
    pub network: Network,
    pub hosts: Vec<Arc<Host>>,
    pub servers: Vec<Server>,
    pub doors: Doors,
    pub replicas: Vec<Replica>,
    pub users: Vec<Arc<Client>>,
    pub bots: Vec<Arc<Client>>,
    pub book: Arc<Book>,
    /// Whether bots disappeared in this scenario in such a way that replicas may not have been told.
    pub bots_disappeared: bool,
    /// The bots' bare address.
    target: String,
}

pub struct Replica {
    pub host: usize,
    runs: bool,
    pub proxy: Proxy,
}

/// Runs a scenario on the cluster of this kind, which it restores. After a failure there is a new
/// cluster.
pub fn on_cluster(kind: Kind, scenario: impl FnOnce(&mut Cluster)) {
    static CLUSTERS: Each<Mutex<Option<Cluster>>> = Each::new(|_| Mutex::new(None));
    let mut shared = CLUSTERS.of(kind).lock().unwrap_or_else(PoisonError::into_inner);
    let mut cluster = shared.take().unwrap_or_else(|| Cluster::start(kind));
    let begun = Instant::now();
    cluster.bots_disappeared = false;
    let before = cluster.scrape();
    scenario(&mut cluster);
    cluster.be_in_order();
    cluster.assert_no_false_alarm(&before, cluster.bots_disappeared);
    cluster.book.ledger().assert_right();
    cluster.book.chats().assert_right();
    println!("{kind}: took {:.0?}", begun.elapsed());
    *shared = Some(cluster);
}

impl Cluster {
    fn start(kind: Kind) -> Cluster {
        let begun = Instant::now();
        let network = Network::new();
        let hosts: Vec<_> = (1..=HOSTS as u8).map(|number| network.host(number)).collect();
        let servers = Server::start_cluster_on(kind, &hosts);
        let (domain, target) = (servers[0].new_domain(), servers[0].new_account("service"));
        // One more for a host that joins.
        let accounts = (0..=HOSTS * EACH).map(|_| servers[0].new_account("user"));
        let book = Arc::new(Book::new(&domain, accounts.map(|it| format!("{it}/abc")).collect()));
        let doors = Arc::new(Mutex::new(servers.iter().map(Door::of).collect()));
        let (replicas, users, bots) = (Vec::new(), Vec::new(), Vec::new());
        let mut cluster = Cluster {
            kind,
            network,
            hosts,
            servers,
            doors,
            replicas,
            users,
            bots,
            book,
            bots_disappeared: false,
            target,
        };
        for host in (0..HOSTS * EACH).map(|number| number % HOSTS) {
            cluster.start_user(host);
            cluster.start_bot(host);
            cluster.start_replica(host);
        }
        cluster.wait_in_order();
        println!("{kind}: a cluster of {HOSTS} started in {:.1?}", begun.elapsed());
        cluster
    }

    /// One more user, at home on this host.
    pub fn start_user(&mut self, host: usize) {
        let (number, asks) = (self.users.len(), Arc::new(Asks(Arc::clone(&self.book))));
        let (account, resource) = self.book.users[number].split_once('/').expect("it is full");
        self.users.push(Client::start(number, account, resource, host, &self.doors, asks));
    }

    /// One more resource of the bot, at home on this host.
    pub fn start_bot(&mut self, host: usize) {
        let (number, answers) = (self.bots.len(), Arc::new(Answers(Arc::clone(&self.book))));
        let (account, resource) = (&self.target, format!("bot{number}"));
        self.bots.push(Client::start(number, account, &resource, host, &self.doors, answers));
    }

    /// One more replica on this host, configured like the others.
    pub fn start_replica(&mut self, host: usize) {
        let (number, domain) = (self.replicas.len(), &self.book.domain);
        let mut settings = Settings::new(domain, &self.target);
        settings.component = format!("presence-domain = \"replica{number}.{domain}\"\n{RELAY}");
        settings.keys = match self.replicas.first() {
            Some(first) => first.proxy.settings.keys.clone(),
            None => key(1, 'A', None) + &name_key(1, 'N'),
        };
        let proxy = Proxy::launch(&self.servers[host], settings);
        self.replicas.push(Replica { host, runs: true, proxy });
    }

    /// Waits until all clients are on their home hosts, and all replicas know all bots.
    pub fn be_in_order(&self) {
        self.users.iter().chain(&self.bots).for_each(|it| it.go_home());
        self.wait_in_order();
    }

    /// Users send requests from now on, one after another.
    pub fn load(&self, rate: usize) -> Load {
        let (users, book) = (self.users.clone(), Arc::clone(&self.book));
        Load::start(rate, move |number| {
            let from = number % users.len();
            let (before, after) = users.split_at(from);
            after.iter().chain(before).any(|user| book.ask(user));
        })
    }

    /// So many requests, at once.
    pub fn ask(&self, count: usize) {
        (0..count).for_each(|number| {
            assert!(self.book.ask(&self.users[number % self.users.len()]), "all are logged in");
        });
    }

    /// Kills everything on a host at once; its bots stay away.
    pub fn kill_host(&mut self, host: usize) {
        self.bots_disappeared = true;
        self.bots_of(host).for_each(|it| it.dies_with_host());
        self.servers[host].kill();
        self.replicas.iter_mut().filter(|it| it.host == host).for_each(Replica::kill);
    }

    /// Restarts everything on the host, and the clients come back.
    pub fn start_host(&mut self, host: usize) {
        self.servers[host].resume();
        self.replicas.iter_mut().filter(|it| it.host == host).for_each(Replica::restart);
    }

    /// Stops the server of this host in good order, and starts it again.
    pub fn restart_server(&mut self, host: usize) {
        self.servers[host].stop();
        self.servers[host].resume();
    }

    pub fn bots_of(&self, host: usize) -> impl Iterator<Item = &Arc<Client>> {
        self.bots.iter().filter(move |it| it.home == host)
    }

    /// Restarts a replica with these lines in its `[[component]]`; returns those that it had.
    pub fn set_lines(&mut self, replica: usize, lines: String) -> String {
        let replica = &mut self.replicas[replica];
        replica.stop();
        let before = replace(&mut replica.proxy.settings.component, lines);
        replica.proxy.rewrite();
        replica.restart();
        before
    }

    /// All other hosts.
    pub fn others(&self, host: usize) -> Vec<Arc<Host>> {
        let others = self.hosts.iter().enumerate().filter(|(number, _)| *number != host);
        others.map(|(_, it)| Arc::clone(it)).collect()
    }

    /// The nodes consider each other dead after so many seconds of silence, a quarter more or less.
    pub fn set_ticktime(&self, seconds: u32) {
        // All at once: a node that sends something less often than the others expect is considered dead.
        for expressions in
            ["ready", &format!("rpc:call(Node, net_kernel, set_net_ticktime, [{seconds}, 0])")]
        {
            self.servers.iter().for_each(|it| drop(it.evaluate(expressions)));
        }
    }

    /// The hosts whose nodes are not in the largest part of the cluster.
    pub fn minority(&self) -> Vec<usize> {
        let nodes = "rpc:call(Node, ejabberd_cluster, get_nodes, [])";
        let views: Vec<String> = self.servers.iter().map(|it| it.evaluate(nodes)).collect();
        let largest = views.iter().max_by_key(|it| it.len()).expect("there are some");
        let outside = |host: &usize| !largest.contains(&self.servers[*host].node_name());
        (0..self.servers.len()).filter(outside).collect()
    }
}

impl Replica {
    pub fn runs(&self) -> bool {
        self.runs
    }

    pub fn kill(&mut self) {
        self.proxy.kill();
        self.runs = false;
    }

    /// Stops it cleanly.
    pub fn stop(&mut self) {
        let status = self.proxy.stop_with(Signal::TERM);
        assert!(status.success(), "{status:?}");
        self.runs = false;
    }

    pub fn restart(&mut self) {
        self.proxy.restart();
        self.runs = true;
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.users.iter().chain(&self.bots).for_each(|it| it.end());
    }
}

pub const HOSTS: usize = 3;
/// Replicas, users and bots on each host.
const EACH: usize = 2;
/// Requests a second of all users together.
pub const RATE: usize = 60;

/// By default all requests of a user would go to one bot where more than requests are relayed.
pub const RELAY: &str = r#"
relay = ["iq", "messages", "presence"]
dispatch = "random"
faces = ["helper"]
allow-from = ["*"]
initiate = ["*"]
"#;
