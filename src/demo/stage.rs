//! The parties in the tour: a server, replicas, an implementing client with two resources, a user.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use zeroize::Zeroizing;

use super::client::Client;
use super::replica::Replica;
use super::router::{Direction, Passed, start_tag};
use super::server::Server;
use super::{Failure, PATIENCE};
use crate::config::{ComponentConfig, Secret};
use crate::jat::address::Address;
use crate::jat::glob::Glob;
use crate::jat::keyring::{Key, Keyring, MIN_SECRET_BYTES};
use crate::jat::name_keys::{NameKey, NameKeys};
use crate::jat::own_addresses::OwnAddresses;
use crate::jat::reason::Reason;
use crate::jat::settings::Settings;
use crate::jat::target::Target;
use crate::jat::traffic::Class;
use crate::jat::two_way::{Faces, MessagesTo, TwoWay};
use crate::stanza::head::Head;
use crate::time::unix_now;

pub(super) const DOMAIN: &str = "proxy.domain.example";
/// The bot as a contact: users write their messages to it.
pub(super) const FACE: &str = "helper@proxy.domain.example";
pub(super) const TARGET: &str = "some-user@some-domain.example";
pub(super) const USER: &str = "user@some-domain.example/abc";
pub(super) const STRANGER: &str = "mallory@some-domain.example/x";

/// All parties.
pub(super) struct Stage {
    pub(super) server: Server,
    pub(super) user: Client,
    /// The implementing client's two resources.
    pub(super) resources: [Client; 2],
    pub(super) stranger: Client,
    replicas: Vec<Cast>,
    keys: Vec<Key>,
    two_way: Option<Arc<TwoWay>>,
}

/// A replica under its name, on its connection.
struct Cast {
    name: char,
    connection: u64,
    replica: Replica,
}

impl Stage {
    /// Starts everything, and waits until both replicas see both resources.
    pub(super) async fn raise() -> Result<Self, Failure> {
        let server = Server::start(DOMAIN, SECRET).await?;
        let resources = ["a", "b"].map(|r| server.client(&format!("{TARGET}/{r}")));
        let (user, stranger) = (server.client(USER), server.client(STRANGER));
        let keys = vec![key(1, None)?];
        let replicas = vec![];
        let mut stage = Self { server, user, resources, stranger, replicas, keys, two_way: None };
        stage.start_replica('A').await?;
        stage.start_replica('B').await?;
        Ok(stage)
    }

    /// Starts a replica, and waits until it sees both resources.
    pub(super) async fn start_replica(&mut self, name: char) -> Result<(), Failure> {
        let before = self.server.connections();
        let replica = Replica::start(&self.component());
        let ready = async {
            loop {
                let new = self.server.connections().into_iter().find(|id| !before.contains(id));
                if let Some(id) = new.filter(|_| replica.online() == 2) {
                    return id;
                }
                sleep(STEP).await;
            }
        };
        let ready = timeout(PATIENCE, ready).await;
        let connection = ready.map_err(|_| Failure::NotReady)?;
        self.replicas.push(Cast { name, connection, replica });
        Ok(())
    }

    /// Kills a replica while it is at work.
    pub(super) async fn kill_replica(&mut self, name: char) -> Result<(), Failure> {
        let left = self.replicas.len() - 1;
        if let Some(at) = self.replicas.iter().position(|cast| cast.name == name) {
            self.replicas.remove(at).replica.kill().await;
        }
        self.server.connected(left).await.ok_or(Failure::NotReady)?;
        Ok(())
    }

    /// Adds a second key that is active at once, and has all replicas read the key ring again.
    pub(super) fn rotate(&mut self) -> Result<(), Failure> {
        self.keys.push(key(2, Some(unix_now()))?);
        self.reload();
        Ok(())
    }

    /// Has all replicas relay messages and the client's own requests too, at [`FACE`].
    pub(super) fn relay_messages(&mut self) -> Result<(), Failure> {
        let name_key = NameKey::new(1, &secret()?).expect("long enough");
        let node = Address::new(FACE).node().unwrap_or_default();
        self.two_way = Some(Arc::new(TwoWay {
            messages: true,
            presence: false,
            requests: true,
            faces: Faces(Arc::new([Glob::new(node).expect("a pattern")])),
            initiate: Arc::default(),
            messages_to: MessagesTo::default(),
            account_queries: Arc::default(),
            names: Arc::new(NameKeys::new(vec![name_key]).expect("one key")),
            own: Arc::new(OwnAddresses::new([DOMAIN.parse().expect("a domain")], [])),
        }));
        self.reload();
        Ok(())
    }

    fn reload(&mut self) {
        let component = self.component();
        self.replicas.iter_mut().for_each(|cast| cast.replica.reload(&component));
    }

    /// The name of the replica at the other end of a connection.
    pub(super) fn replica_at(&self, connection: u64) -> Option<char> {
        self.replicas.iter().find(|c| c.connection == connection).map(|c| c.name)
    }

    /// How often each replica dropped something for `reason`.
    pub(super) fn counts(&self, reason: Reason) -> Vec<(char, u64)> {
        self.replicas.iter().map(|c| (c.name, c.replica.count(reason))).collect()
    }

    /// The stanza of this class with the id `id` that passed in this direction.
    pub(super) fn passed(&self, direction: Direction, class: Class, id: &str) -> Option<Passed> {
        let wanted = |head: Head<'_>| Class::of(&head) == class && head.id.as_deref() == Some(id);
        self.server.passed(|p| p.direction == direction && start_tag(&p.xml).is_some_and(wanted))
    }

    fn component(&self) -> ComponentConfig {
        let keyring = Keyring::new(self.keys.clone());
        let secret = Secret::new(Zeroizing::new(SECRET.to_owned())).expect("not empty");
        let mut settings = Settings::new(
            DOMAIN.parse().expect("a domain"),
            Target::new(TARGET.parse().expect("an address")),
            Arc::new(keyring.expect("keys that are active")),
        );
        settings.two_way = self.two_way.clone();
        ComponentConfig::new(settings, self.server.address().to_string(), secret)
    }
}

fn key(id: u8, not_before: Option<u64>) -> Result<Key, Failure> {
    Ok(Key::new(id, &secret()?, not_before).expect("long enough"))
}

fn secret() -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut secret = Zeroizing::new(vec![0; MIN_SECRET_BYTES]);
    getrandom::fill(&mut secret)?;
    Ok(secret)
}

const SECRET: &str = "a secret for the demo";
/// How long to sleep between looks at something that takes milliseconds.
const STEP: Duration = Duration::from_millis(2);
