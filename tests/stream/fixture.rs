//! A replica on the built-in server, a service that answers, and a user.

use std::sync::{Arc, MutexGuard};

use core_tests::session::settings;
use jat_proxy::config::{ComponentConfig, Secret};
use jat_proxy::jat::reason::Reason;
use jat_proxy::link::cause::Cause;
use jat_proxy::link::component::{Component, lock};
use jat_proxy::link::component_tasks::ComponentTasks;
use jat_proxy::link::stream::State;
use jat_proxy::session::Bounds;
use mock_server::{Client, Connection, Options, RosterState, Server};
use test_support::daemon::{DOMAIN, TARGET};
use test_support::stage::round_trip;
use test_support::wait::comes_meanwhile;
use zeroize::Zeroizing;

pub const SECRET: &str = "a secret of the tests";
/// Small, so that it is soon full even on a busy machine.
pub const MAX_BACKLOG: usize = 1 << 18;

pub struct Fixture {
    pub server: Server,
    pub replica: Replica,
    pub service: Client,
    pub user: Client,
    asked: u32,
}

impl Fixture {
    /// Logged in, with the service's one resource known to be online.
    pub async fn start() -> Self {
        let fixture = Self::with(Options::prosody(DOMAIN, SECRET), component).await;
        fixture.until("the service is online", |r| r.online() == 1).await;
        fixture
    }

    pub async fn with(options: Options, config: impl FnOnce(&Server) -> ComponentConfig) -> Self {
        let server = Server::start(options).await.unwrap();
        server.set_subscription(TARGET, DOMAIN, RosterState::From);
        let service = server.client(&format!("{TARGET}/a"));
        let user = server.client("user@some-domain.example/abc");
        let replica = Replica::start(&config(&server));
        Self { server, replica, service, user, asked: 0 }
    }

    /// Waits for the replica to be in a state.
    pub async fn until(&self, what: &str, is: impl Fn(&Replica) -> bool) {
        assert!(comes_meanwhile(|| is(&self.replica)).await, "{what}: {}", self.describe());
    }

    fn describe(&self) -> String {
        let component = self.replica.component();
        let counts: Vec<_> = component.tally.iter().filter(|(.., n)| *n > 0).collect();
        format!("{:?}, {counts:?}", component.stream())
    }

    /// Waits until the replica was down for `cause`, now or before.
    pub async fn until_failed(&self, cause: Cause) {
        let failed = |r: &Replica| r.component().stream().failures[cause as usize] > 0;
        self.until(cause.name(), failed).await;
    }

    /// Waits until it has logged in `count` times.
    pub async fn until_logged_in(&self, count: u64) {
        let up = |r: &Replica| {
            let component = r.component();
            let stream = component.stream();
            stream.logins == count && matches!(stream.state, State::Up { .. })
        };
        self.until("logged in", up).await;
    }

    pub async fn connection(&self) -> Arc<Connection> {
        self.server.connected(DOMAIN, 1).await.expect("one connection")[0].clone()
    }

    /// Checks a request and its reply.
    pub async fn serves(&mut self) {
        self.asked += 1;
        round_trip(DOMAIN, self.asked, &mut self.user, &mut self.service).await;
    }
}

/// One component with its tasks, as in a daemon.
pub struct Replica {
    pub tasks: ComponentTasks,
}

impl Replica {
    pub fn start(config: &ComponentConfig) -> Self {
        Self { tasks: ComponentTasks::start(config) }
    }

    /// What the rest of a process sees of it.
    pub fn component(&self) -> MutexGuard<'_, Component> {
        lock(&self.tasks.component)
    }

    /// How many resources of the target it knows to be online.
    pub fn online(&self) -> usize {
        self.component().services.translators()[0].presence().resources.len()
    }

    /// How many stanzas it dropped, or answered, for this reason.
    pub fn count(&self, reason: Reason) -> u64 {
        self.component().tally.total(reason)
    }
}

pub fn component(server: &Server) -> ComponentConfig {
    let settings = settings(DOMAIN, TARGET);
    let server = server.address().to_string();
    let bounds = Bounds { max_backlog: MAX_BACKLOG, ..Bounds::default() };
    ComponentConfig { bounds, ..ComponentConfig::new(settings, server, secret(SECRET)) }
}

pub fn secret(text: &str) -> Secret {
    Secret::new(Zeroizing::new(text.to_owned())).unwrap()
}
