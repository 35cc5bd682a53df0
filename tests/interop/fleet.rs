//! Three replicas on one domain of ejabberd, or of Prosody with `mod_component_fleet`: each stanza
//! goes to one of them at random.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;
use test_support::interop::client::{Client, SILENCE};
use test_support::interop::proxy::{Proxy, Settings};
use test_support::interop::scene::accept_subscriptions;
use test_support::interop::server::{Kind, Server, Software};
use test_support::interop::stanza::Stanza;
use test_support::wait::wait_until;

use crate::load::{Answerer, Asker};

pub const SIZE: usize = 3;

/// Requests a second that a server carries on two cores while other tests run.
pub fn rate(kind: Kind) -> usize {
    if kind.is(Software::Prosody) { 300 } else { 1_200 }
}

pub struct Fleet {
    pub server: &'static Server,
    pub replicas: Vec<Proxy>,
    pub domain: String,
    /// The implementing client's bare JID.
    pub account: String,
}

impl Fleet {
    /// Replicas that each have a presence domain, configured in all possible ways.
    pub fn new(kind: Kind) -> Fleet {
        Fleet::with(kind, |number, settings| {
            let name = ["a", "{env:REPLICA}", "{hostname}"][number];
            settings.component = format!("presence-domain = \"{name}.{}\"", settings.domain);
            settings.environment = vec![("REPLICA", "b".into())];
        })
    }

    /// Replicas whose fixed destination is the resource `a` of the account, with differences by
    /// `adapt`.
    pub fn fixed(kind: Kind, adapt: impl Fn(usize, &mut Settings)) -> Fleet {
        Fleet::with(kind, |number, settings| {
            settings.target += "/a";
            adapt(number, settings);
        })
    }

    fn with(kind: Kind, adapt: impl Fn(usize, &mut Settings)) -> Fleet {
        let server = Server::shared(kind);
        let (domain, account) = (server.new_fleet_domain(), server.new_account("service"));
        let replica = |number| {
            let mut settings = Settings::new(&domain, &account);
            adapt(number, &mut settings);
            Proxy::start(server, settings)
        };
        let replicas = (0..SIZE).map(replica).collect();
        Fleet { server, replicas, domain, account }
    }

    /// The implementing client, not available yet.
    pub fn service(&self, resource: &str) -> Client {
        Client::login(self.server, &self.account, resource)
    }

    pub fn user(&self) -> Client {
        Client::login(self.server, &self.server.new_account("user"), "abc")
    }

    /// The sum over all replicas of what [`Proxy::count`] gives.
    pub fn count(&self, fragments: &[&str]) -> u64 {
        self.replicas.iter().map(|replica| replica.count(fragments)).sum()
    }

    /// The same over all but one.
    pub fn count_without(&self, without: usize, fragments: &[&str]) -> u64 {
        let all = self.replicas.iter().enumerate().filter(|(number, _)| *number != without);
        all.map(|(_, replica)| replica.count(fragments)).sum()
    }

    /// Waits until each replica knows exactly these full JIDs.
    fn wait_resources(&self, jids: &[&str]) {
        let wanted: BTreeSet<_> = jids.iter().map(|jid| jid.to_string()).collect();
        for replica in &self.replicas {
            replica.wait_until(&format!("{wanted:?} alone"), |it| resources(it) == wanted);
        }
    }
}

case!(every_replica_sees_every_resource: both);
fn every_replica_sees_every_resource(kind: Kind) {
    let mut fleet = Fleet::new(kind);
    let mut a = fleet.service("a");
    a.available("");
    let domains: Vec<_> = fleet.replicas.iter().map(presence_domain).collect();
    accept_subscriptions(&mut a, domains.iter().map(String::as_str));
    fleet.wait_resources(&[&a.jid]);
    let asked = a.try_receive_where(SILENCE, |it| it.attr("type") == Some("subscribe"));
    assert!(asked.is_none(), "one request from each presence domain is enough: {asked:?}");

    let (mut b, mut c) = (fleet.service("b"), fleet.service("c"));
    b.available("");
    c.available("");
    fleet.wait_resources(&[&a.jid, &b.jid, &c.jid]);
    b.send("<presence type='unavailable'/>");
    fleet.wait_resources(&[&a.jid, &c.jid]);
    b.available("");
    fleet.wait_resources(&[&a.jid, &b.jid, &c.jid]);

    // One that comes back needs no new consent, and sees them all.
    let mut user = fleet.user();
    for (replica, domain) in fleet.replicas.iter_mut().zip(&domains) {
        replica.kill();
        // Until the server notices, it may send stanzas to the old connection.
        wait_until("the server to notice", || {
            user.send(format!("<iq type='get' id='{domain}' to='{domain}'>{PING}</iq>"));
            let of_server = |it: &Stanza| it.attr("id") == Some(domain);
            user.try_receive_where(A_WHILE, of_server).is_some()
        });
        replica.restart();
    }
    fleet.wait_resources(&[&a.jid, &b.jid, &c.jid]);
    let asked = a.try_receive_where(SILENCE, |it| it.attr("type") == Some("subscribe"));
    assert!(asked.is_none(), "the subscription stands: {asked:?}");

    const REQUESTS: usize = 300;
    let clients = [a, b, c].map(|it| Answerer::start(it, Duration::ZERO));
    let user = Asker::start(fleet.user(), &fleet.domain, REQUESTS);
    sleep(Duration::from_secs(1));
    let account = user.finish();
    let by_resource = clients.map(|it| it.finish().1.len());
    let by_replica: Vec<_> = fleet.replicas.iter().map(|it| it.count(FORWARDED)).collect();
    println!("{}; by replica {by_replica:?}, by resource {by_resource:?}", account.figures());
    assert_eq!(account.answered.len(), account.sent());
    assert!(by_resource.iter().all(|it| *it > account.sent() / 10), "{by_resource:?}");
    assert!(by_replica.iter().all(|it| *it > account.sent() as u64 / 10), "{by_replica:?}");
    for replica in &fleet.replicas {
        // It may take a second round of the self-test.
        replica.wait_until("a presence domain that nobody shares", |it| {
            it.status()["components"][0]["presence"]["sharing"] == "alone"
        });
        let status = &replica.status()["components"][0];
        assert_eq!(status["warnings"], serde_json::json!([]), "{status}");
        let log = replica.log().join("\n");
        assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
    }
}

// One that joins has streams of its own before it knows the resources.
case!(a_replica_that_joins_refuses_nobody: both);
fn a_replica_that_joins_refuses_nobody(kind: Kind) {
    const JOINS: usize = 9;
    let mut fleet = Fleet::new(kind);
    let mut service = fleet.service("a");
    service.available("");
    let domains: Vec<_> = fleet.replicas.iter().map(presence_domain).collect();
    accept_subscriptions(&mut service, domains.iter().map(String::as_str));
    fleet.wait_resources(&[&service.jid]);
    let client = Answerer::start(service, Duration::ZERO);
    let user = Asker::start(fleet.user(), &fleet.domain, 600);
    for join in 0..JOINS {
        sleep(Duration::from_millis(200));
        let replica = &mut fleet.replicas[join % SIZE];
        assert_eq!(replica.stop_with(Signal::TERM).code(), Some(0));
        replica.restart();
    }
    sleep(Duration::from_millis(300));
    let account = user.finish();
    client.finish();
    println!("{JOINS} joins: {}", account.figures());
    assert_eq!(account.refused.len(), 0, "its siblings could have relayed them");
}

fn presence_domain(replica: &Proxy) -> String {
    let status = replica.status();
    let domain = &status["components"][0]["presence"]["domain"];
    domain.as_str().unwrap_or_else(|| panic!("no presence domain: {status}")).to_string()
}

/// The full JIDs that a replica knows to be online.
fn resources(replica: &Proxy) -> BTreeSet<String> {
    let status = replica.status();
    let all = status["components"][0]["resources"].as_array().unwrap();
    all.iter().map(|it| it["address"].as_str().unwrap().to_string()).collect()
}

/// What [`Proxy::count`] is asked for: requests, and replies, that were relayed.
pub const FORWARDED: &[&str] = &["stanza=\"request\"", "outcome=\"relayed\""];
pub const REVERTED: &[&str] = &["stanza=\"reply\"", "outcome=\"relayed\""];

/// A server answers within this time, unless it sent the request to a connection that is gone.
const A_WHILE: Duration = Duration::from_secs(1);
const PING: &str = "<ping xmlns='urn:xmpp:ping'/>";
