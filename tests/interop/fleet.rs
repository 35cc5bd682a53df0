//! Three replicas on one domain of ejabberd, which gives each stanza to one of them at random.

use crate::client::Client;
use crate::proxy::{Proxy, Settings};
use crate::server::{Kind, Server};

pub const SIZE: usize = 3;

pub struct Fleet {
    pub server: &'static Server,
    pub replicas: Vec<Proxy>,
    pub domain: String,
    /// The implementing client's full JID, a fixed destination.
    pub target: String,
}

impl Fleet {
    /// Replicas with a fixed destination and one key ring; `adapt` makes them differ.
    pub fn start(adapt: impl Fn(usize, &mut Settings)) -> Fleet {
        let server = Server::shared(Kind::Ejabberd);
        let (domain, account) = (server.new_domain(), server.new_account("service"));
        let target = format!("{account}/a");
        let replica = |number| {
            let mut settings = Settings::new(&domain, &target);
            adapt(number, &mut settings);
            Proxy::start(server, settings)
        };
        let replicas = (0..SIZE).map(replica).collect();
        Fleet { server, replicas, domain, target }
    }

    /// The implementing client.
    pub fn service(&self) -> Client {
        let (account, resource) = self.target.split_once('/').unwrap();
        Client::login(self.server, account, resource)
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
}
