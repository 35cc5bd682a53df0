//! The stage: hosts with an ejabberd and two replicas each, and users and bots on all of them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use test_support::interop::host::{Host, Network};
use test_support::interop::proxy::{Proxy, Settings};
use test_support::interop::server::{Each, Kind, Server};
use test_support::wait::{PATIENCE, wait_until};

use crate::client::{Client, Door, Doors, Load};
use crate::ledger::Account;
use crate::requests::{Answers, Asks, Book};

pub struct Cluster {
    pub kind: Kind,
    pub hosts: Vec<Arc<Host>>,
    pub servers: Vec<Server>,
    pub replicas: Vec<Replica>,
    pub users: Vec<Arc<Client>>,
    pub bots: Vec<Arc<Client>>,
    pub book: Arc<Book>,
    _network: Network,
}

pub struct Replica {
    pub host: usize,
    runs: bool,
    pub proxy: Proxy,
}

/// Runs a scenario on the cluster of this kind, which leaves it as it was. After one that fails there
/// is a new one.
pub fn on_cluster(kind: Kind, scenario: impl FnOnce(&mut Cluster)) {
    static CLUSTERS: Each<Mutex<Option<Cluster>>> = Each::new(|_| Mutex::new(None));
    let mut shared = CLUSTERS.of(kind).lock().unwrap_or_else(PoisonError::into_inner);
    let mut cluster = shared.take().unwrap_or_else(|| Cluster::start(kind));
    let begun = Instant::now();
    scenario(&mut cluster);
    cluster.be_in_order();
    cluster.book.ledger().assert_right();
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
        let accounts: Vec<_> =
            (0..HOSTS * USERS_A_HOST).map(|_| servers[0].new_account("user")).collect();
        let book = Book::new(&domain, accounts.iter().map(|it| format!("{it}/abc")).collect());
        let book = Arc::new(book);
        let doors: Doors = Arc::new(Mutex::new(servers.iter().map(Door::of).collect()));

        let asks = Arc::new(Asks(Arc::clone(&book)));
        let start_user = |(number, account): (usize, &String)| {
            Client::start(number, account, "abc", number % HOSTS, &doors, asks.clone())
        };
        let users = accounts.iter().enumerate().map(start_user).collect();
        let shared = Arc::new(Mutex::new(Vec::new()));
        let answers = Arc::new(Answers { book: Arc::clone(&book), bots: Arc::clone(&shared) });
        let bots: Vec<_> = (0..HOSTS * BOTS_A_HOST)
            .map(|number| {
                let resource = format!("bot{number}");
                Client::start(number, &target, &resource, number % HOSTS, &doors, answers.clone())
            })
            .collect();
        shared.lock().unwrap().clone_from(&bots);

        let start_replica = |number: usize| {
            let host = number % HOSTS;
            let mut settings = Settings::new(&domain, &target);
            settings.component = format!("presence-domain = \"replica{number}.{domain}\"");
            Replica { host, runs: true, proxy: Proxy::launch(&servers[host], settings) }
        };
        let replicas = (0..HOSTS * REPLICAS_A_HOST).map(start_replica).collect();
        let cluster =
            Cluster { kind, hosts, servers, replicas, users, bots, book, _network: network };
        cluster.wait_in_order();
        println!("{kind}: a cluster of {HOSTS} started in {:.1?}", begun.elapsed());
        cluster
    }

    /// Everybody is where he belongs, and all replicas know all bots.
    pub fn be_in_order(&self) {
        self.users.iter().chain(&self.bots).for_each(|it| it.go_home());
        self.wait_in_order();
    }

    fn wait_in_order(&self) {
        let all = self.users.iter().chain(&self.bots);
        wait_until("all clients to be at home", || {
            all.clone().all(|it| it.host() == Some(it.home))
        });
        let bots: Vec<String> = self.bots.iter().map(|it| it.address()).collect();
        let bots: Vec<&str> = bots.iter().map(|it| &**it).collect();
        self.replicas.iter().for_each(|it| it.proxy.wait_online(&bots));
    }

    /// Users ask from now on, one after the other.
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

    pub fn mark(&self) -> usize {
        self.book.ledger().mark()
    }

    /// Waits until everything that was asked since then has an end, and none of it is lost.
    pub fn account_of_all(&self, since: usize) -> Account {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end && self.book.ledger().underway(since) > 0 {
            std::thread::sleep(POLL);
        }
        self.book.ledger().account(since)
    }

    /// The same where some may be lost: waits as long as something comes.
    pub fn account_of_rest(&self, since: usize) -> Account {
        wait_until("an end of replies", || {
            let ledger = self.book.ledger();
            ledger.underway(since) == 0 || ledger.silence() > QUIET
        });
        self.book.ledger().account(since)
    }

    /// Waits until so many more of the users on each host have been answered, one after the other,
    /// without an error between them.
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

    /// Ends all that is on a host, at once; its bots stay away.
    pub fn kill_host(&mut self, host: usize) {
        self.bots_of(host).for_each(|it| it.dies_with_host());
        self.servers[host].kill();
        self.replicas.iter_mut().filter(|it| it.host == host).for_each(Replica::kill);
    }

    /// The host starts again with all that was there, and the clients come back.
    pub fn start_host(&mut self, host: usize) {
        self.servers[host].resume();
        self.replicas.iter_mut().filter(|it| it.host == host).for_each(Replica::restart);
    }

    pub fn bots_of(&self, host: usize) -> impl Iterator<Item = &Arc<Client>> {
        self.bots.iter().filter(move |it| it.home == host)
    }

    /// Waits until no other node has a connection to this one's; gives when. ejabberd knows then.
    pub fn wait_departure(&self, host: usize) -> Instant {
        wait_until("the other nodes to miss it", || {
            let (left, others) = (&self.hosts[host], self.others(host));
            others.iter().all(|other| !other.is_connected_to(left))
        });
        Instant::now()
    }

    /// All other hosts.
    pub fn others(&self, host: usize) -> Vec<Arc<Host>> {
        let others = self.hosts.iter().enumerate().filter(|(number, _)| *number != host);
        others.map(|(_, it)| Arc::clone(it)).collect()
    }

    /// Waits until the server of this host has routes to the replicas that run, and to no others;
    /// gives when.
    pub fn wait_routes(&self, host: usize) -> Instant {
        let wanted = self.replicas.iter().filter(|it| it.runs).count().to_string();
        let domain = &self.book.domain;
        let routes = format!("length(rpc:call(Node, ets, lookup, [route, <<\"{domain}\">>]))");
        wait_until("the server to know which replicas there are", || {
            self.servers[host].evaluate(&routes) == wanted
        });
        Instant::now()
    }
}

impl Replica {
    pub fn kill(&mut self) {
        self.proxy.kill();
        self.runs = false;
    }

    /// Ends it in good order.
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
pub const REPLICAS_A_HOST: usize = 2;
pub const USERS_A_HOST: usize = 2;
pub const BOTS_A_HOST: usize = 2;
/// Requests a second of all users together.
pub const RATE: usize = 60;
/// After so long without a word, what has not come is lost.
const QUIET: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(10);
