//! The real XMPP servers, each on free loopback ports in a folder of its own.
//!
//! One server of each [`Kind`] serves all tests of a run, since starting one is slow; tests stay
//! separate by accounts and component domains of their own. A test that restarts its server starts
//! its own.

mod each;
mod ejabberd;
mod jabberd2;
mod kind;
mod operator;
pub mod prosody;

use std::io;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::interop::connection::Connection;
use crate::interop::host::{Host, command_on, on};
use crate::port::free_ports;
use crate::process::Process;
use crate::scratch;
use crate::wait::{PATIENCE, wait_within};

use operator::Operator;

pub use each::Each;
pub use kind::{Kind, Software, Suite};

/// The domain of all accounts.
pub const HOST: &str = "host.example";

/// The domain of the rooms of a server [for people](Server::for_people).
pub const ROOMS: &str = "rooms.host.example";

/// Two component domains of ejabberd's routing listener.
pub const ROUTED: [&str; 2] = ["routed1.example", "routed2.example"];

/// The secret of every component, on all servers.
pub const SECRET: &str = "component-secret";

/// The password of every account.
pub const PASSWORD: &str = "password";

pub struct Server {
    pub kind: Kind,
    /// The domain of its accounts, [`HOST`] unless the test has given it another one.
    pub host: String,
    pub client_port: u16,
    pub component_port: u16,
    /// ejabberd's other listener, which routes both [`ROUTED`] domains to each connection.
    pub routing_port: u16,
    folder: PathBuf,
    /// How many component domains, and how many of those for fleets, are in use.
    domains: AtomicUsize,
    fleets: AtomicUsize,
    /// The node that it is in a cluster of ejabberds.
    node: Option<ejabberd::Node>,
    /// The host that it runs on, if not that of the test.
    place: Option<Arc<Host>>,
    operator: Mutex<Option<Operator>>,
    /// One process; for jabberd2 several.
    processes: Vec<Process>,
}

impl Server {
    /// The server of this kind that all tests share.
    pub fn shared(kind: Kind) -> &'static Server {
        static ALL: Each<Server> = Each::new(Server::start);
        ALL.of(kind)
    }

    /// Another one that tests share, with the modules that people use: offline messages, archives,
    /// carbons, rooms, block lists, vCards and personal eventing; jabberd2 with those that it has. The
    /// archives make it slow under load.
    pub fn for_people(kind: Kind) -> &'static Server {
        static ALL: Each<Server> = Each::new(|kind| {
            Server::start_changed(kind, |text| with_modules_for_people(kind, text))
        });
        ALL.of(kind)
    }

    /// A server of the caller's own.
    pub fn start(kind: Kind) -> Server {
        Server::start_with(kind, "")
    }

    /// One whose operator pasted `snippet` where a component belongs in its configuration.
    pub fn start_with(kind: Kind, snippet: &str) -> Server {
        Server::start_changed(kind, |text| paste(kind, &text, snippet))
    }

    /// One whose operator changed its configuration before the first start.
    pub fn start_changed(kind: Kind, change: impl FnOnce(String) -> String) -> Server {
        Server::start_node(kind, None, None, change)
    }

    /// A cluster of two ejabberds with the same accounts.
    pub fn start_cluster(kind: Kind) -> [Server; 2] {
        let [port] = free_ports();
        let nodes = [1, 2].map(|number| ejabberd::Node::on_loopback(number, port));
        let cluster = nodes.map(|node| Server::start_node(kind, Some(node), None, |text| text));
        cluster[1].join(&cluster[0], 2);
        cluster
    }

    /// A cluster of ejabberds, one on each of these hosts.
    pub fn start_cluster_on(kind: Kind, hosts: &[Arc<Host>]) -> Vec<Server> {
        let cluster: Vec<Server> = thread::scope(|scope| {
            let start = |host| scope.spawn(move || Server::start_alone_on(kind, host));
            let starting: Vec<_> = hosts.iter().map(start).collect();
            starting.into_iter().map(|it| it.join().expect("it starts")).collect()
        });
        for (joined, server) in cluster.iter().enumerate().skip(1) {
            server.join(&cluster[0], joined + 1);
        }
        cluster
    }

    /// An ejabberd on this host that can join a cluster.
    pub fn start_alone_on(kind: Kind, host: &Arc<Host>) -> Server {
        let node = ejabberd::Node { address: host.address, port: CLUSTER_PORT };
        Server::start_node(kind, Some(node), Some(Arc::clone(host)), |text| text)
    }

    /// Has it join another one's cluster, which then has so many nodes.
    pub fn join(&self, other: &Server, nodes: usize) {
        let other = other.node.expect("it is a node").name();
        let said = self.evaluate(&format!(
            "ok = rpc:call(Node, ejabberd_cluster, join, ['{other}']), \
             length(rpc:call(Node, ejabberd_cluster, get_nodes, []))"
        ));
        assert_eq!(said, nodes.to_string());
        self.wait_ready();
    }

    /// The host that it runs on, if not that of the test.
    pub fn place(&self) -> Option<&Arc<Host>> {
        self.place.as_ref()
    }

    /// The name of its node in a cluster.
    pub fn node_name(&self) -> String {
        self.node.expect("it is a node").name()
    }

    /// Has an operator evaluate these Erlang expressions, in which `Node` is this one; returns the
    /// value.
    pub fn evaluate(&self, expressions: &str) -> String {
        let mut operator = self.operator.lock().unwrap();
        let operator = operator.get_or_insert_with(|| {
            let command = self.node.expect("it is a node").operator(self.kind.suite);
            Operator::start(command_on(self.place(), command), &self.folder.join("operator"))
        });
        operator.evaluate(expressions)
    }

    fn start_node(
        kind: Kind,
        node: Option<ejabberd::Node>,
        place: Option<Arc<Host>>,
        change: impl FnOnce(String) -> String,
    ) -> Server {
        let folder = fresh_folder(&kind.to_string());
        let [client_port, component_port, routing_port] = free_ports();
        match kind.software {
            Software::Prosody => prosody::configure(&folder, client_port, component_port),
            Software::Ejabberd => {
                ejabberd::configure(&folder, client_port, component_port, routing_port);
            }
            Software::Jabberd2 => {
                jabberd2::configure(kind.suite, &folder, client_port, component_port);
            }
        }
        let mut server = Server {
            kind,
            host: HOST.into(),
            client_port,
            component_port,
            routing_port,
            folder,
            domains: AtomicUsize::new(0),
            fleets: AtomicUsize::new(0),
            node,
            place,
            operator: Mutex::default(),
            processes: Vec::new(),
        };
        server.reconfigure(change);
        if node.is_some() {
            server.reconfigure(|text| ejabberd::for_cluster(&text));
        }
        server.resume();
        server
    }

    /// Stops the server as its operator would, and waits until it has ended.
    pub fn stop(&mut self) {
        for process in self.processes.iter_mut().rev() {
            process.signal(Signal::TERM);
            let deaf = self.kind.is(Software::Prosody) && self.kind.suite == Suite::Debian12;
            let limit = if deaf { Duration::from_secs(20) } else { PATIENCE };
            let ended = process.wait(limit).is_some();
            if !ended && deaf {
                // docs/servers.md#deaf-to-signals: systemd kills it then.
                process.kill();
            } else {
                assert!(ended, "{} did not stop", self.kind);
            }
        }
    }

    /// Sends a signal to all of its processes.
    pub fn signal(&self, signal: Signal) {
        self.processes.iter().for_each(|process| process.signal(signal));
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        self.processes.iter_mut().for_each(Process::kill);
    }

    /// Starts it again, with the same ports and accounts.
    pub fn resume(&mut self) {
        let commands = command_lines(self.kind, &self.folder, self.node);
        let output = self.folder.join("output");
        let start = |it| Process::start(command_on(self.place(), it), &output);
        self.processes = commands.into_iter().map(start).collect();
        self.wait_ready();
    }

    /// Has it read its configuration again, and the files that it names.
    pub fn reload(&self) {
        assert!(self.kind.is(Software::Prosody), "ejabberd has a command for it");
        self.processes.iter().for_each(|it| it.signal(Signal::HUP));
    }

    /// Changes its configuration, for the next start or reload.
    pub fn reconfigure(&self, change: impl FnOnce(String) -> String) {
        let file = self.configuration();
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(file, change(text)).unwrap();
    }

    pub fn configuration(&self) -> PathBuf {
        self.folder.join(match self.kind.software {
            Software::Prosody => "prosody.cfg.lua",
            Software::Ejabberd => "ejabberd.yml",
            Software::Jabberd2 => "router.xml",
        })
    }

    /// A new account, as a bare JID; `name` helps readers of a log.
    pub fn new_account(&self, name: &str) -> String {
        static COUNT: AtomicUsize = AtomicUsize::new(1);
        let node = format!("{name}-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.register(&node);
        format!("{node}@{}", self.host)
    }

    pub fn register(&self, node: &str) {
        let mut connection = self.connect("").unwrap();
        let request = format!(
            "<iq type='set' id='register' to='{}'><query xmlns='jabber:iq:register'>\
             <username>{node}</username><password>{PASSWORD}</password></query></iq>",
            self.host
        );
        // In jabberd2 a stanza can wait between its own programs until another one arrives.
        let asks = if self.kind.is(Software::Jabberd2) { 6 } else { 1 };
        let answer = (0..asks).find_map(|_| {
            connection.send(&request);
            connection.try_receive(PATIENCE / asks)
        });
        let answer = answer.expect("an answer to the registration");
        assert_eq!(answer.attr("type"), Some("result"), "{answer:?}");
    }

    /// A component domain that no other test on any server uses.
    pub fn new_domain(&self) -> String {
        let number = 1 + self.domains.fetch_add(1, Ordering::Relaxed);
        assert!(number <= COMPONENTS, "more component domains than Prosody is configured for");
        component_domain(self.kind.software, number)
    }

    /// The same for several connections at a time, with presence domains below it: `a`, `b`, and
    /// the name of this machine. Prosody has a module of ours for that.
    pub fn new_fleet_domain(&self) -> String {
        let number = 1 + self.fleets.fetch_add(1, Ordering::Relaxed);
        assert!(number <= FLEETS, "more fleets than Prosody is configured for");
        fleet_domain(self.kind.software, number)
    }

    /// Runs a command in Prosody's shell; returns the output.
    pub fn shell(&self, said: &str) -> String {
        assert!(self.kind.is(Software::Prosody));
        prosody::shell(self.kind.suite, &self.folder, said)
    }

    /// A stream for a client, with these additional attributes in its header.
    pub fn connect(&self, declarations: &str) -> io::Result<Connection> {
        let (host, port, defers) = (&self.host, self.client_port, self.kind.defers());
        on(self.place(), || Connection::open(host, port, defers, declarations))
    }

    /// Waits until the host with the accounts answers, and components can log in.
    fn wait_ready(&self) {
        let what = format!("{} to listen, see {}", self.kind, self.folder.display());
        // A start takes seconds of processor time, and can take more than a minute on a busy machine.
        wait_within(3 * PATIENCE, &what, || {
            on(self.place(), || TcpStream::connect(("127.0.0.1", self.component_port)).is_ok())
                && self.connect("").is_ok()
        });
    }
}

/// An empty folder below target/; it remains after the run, for its logs.
pub fn fresh_folder(name: &str) -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(1);
    let run = scratch().join("interop");
    static CLEAN: LazyLock<()> = LazyLock::new(|| {
        let _ = std::fs::remove_dir_all(scratch().join("interop"));
    });
    LazyLock::force(&CLEAN);
    let folder = run.join(format!("{:03}-{name}", COUNT.fetch_add(1, Ordering::Relaxed)));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The configuration with `snippet` where a component, or a listener, belongs.
pub fn paste(kind: Kind, text: &str, snippet: &str) -> String {
    match kind.software {
        Software::Prosody => format!("{text}{snippet}"),
        // The list of listeners ends there.
        Software::Ejabberd => text.replacen("\nmodules:\n", &format!("\n{snippet}modules:\n"), 1),
        // Its components need no configuration.
        Software::Jabberd2 => {
            assert_eq!(snippet, "");
            text.to_owned()
        }
    }
}

/// The configuration of [`Server::for_people`].
pub fn with_modules_for_people(kind: Kind, text: String) -> String {
    match kind.software {
        Software::Prosody => prosody::for_people(&text),
        Software::Ejabberd => ejabberd::for_people(&text),
        // By default it stores offline messages, and has vCards.
        Software::Jabberd2 => text,
    }
}

fn command_lines(kind: Kind, folder: &Path, node: Option<ejabberd::Node>) -> Vec<Command> {
    match kind.software {
        Software::Prosody => vec![prosody::command_line(kind.suite, folder)],
        Software::Ejabberd => vec![ejabberd::command_line(kind.suite, folder, node)],
        Software::Jabberd2 => jabberd2::command_lines(kind.suite, folder),
    }
}

/// Prosody needs every component in its configuration, so domains are numbered.
fn component_domain(software: Software, number: usize) -> String {
    format!("proxy{number}.{software}.example")
}

fn fleet_domain(software: Software, number: usize) -> String {
    format!("fleet{number}.{software}.example")
}

/// The more there are, the longer the start takes.
const COMPONENTS: usize = 150;
const FLEETS: usize = 32;
/// The port on which the nodes of a cluster on several hosts find each other.
const CLUSTER_PORT: u16 = 4370;
