//! A replica on the built-in server, a service that answers, and a user.

use std::sync::Arc;
use std::time::Duration;

use jat_proxy::config::{ComponentConfig, Secret};
use jat_proxy::demo::replica::Replica;
use jat_proxy::jat::keyring::{Key, Keyring};
use jat_proxy::jat::settings::Settings;
use jat_proxy::jat::target::Target;
use jat_proxy::link::cause::Cause;
use jat_proxy::link::stream::State;
use jat_proxy::session::Bounds;
use mock_server::{Client, Connection, Options, Server, Subscription};
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

pub const DOMAIN: &str = "proxy.example";
pub const TARGET: &str = "service@some-domain.example";
pub const SECRET: &str = "a secret of the tests";
/// Little, so that it is soon full on a busy machine, too.
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
        server.set_subscription(TARGET, DOMAIN, Subscription::From);
        let service = server.client(&format!("{TARGET}/a"));
        let user = server.client("user@some-domain.example/abc");
        let replica = Replica::start(&config(&server));
        Self { server, replica, service, user, asked: 0 }
    }

    /// Waits up to a minute for the replica to be in a state.
    pub async fn until(&self, what: &str, is: impl Fn(&Replica) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !is(&self.replica) {
            assert!(Instant::now() < deadline, "not within a minute: {what}; {}", self.describe());
            sleep(Duration::from_millis(2)).await;
        }
    }

    fn describe(&self) -> String {
        let component = self.replica.component();
        let counts: Vec<_> = component.tally.iter().filter(|(.., n)| *n > 0).collect();
        format!("{:?}, {counts:?}", component.stream())
    }

    pub fn state(&self) -> State {
        self.replica.component().stream().state.clone()
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

    /// A request and its reply, all the way.
    pub async fn serves(&mut self) {
        self.asked += 1;
        let id = format!("ask-{}", self.asked);
        self.user.send(&format!("<iq type='get' id='{id}' to='{DOMAIN}'><ask/></iq>")).unwrap();
        let request = self.service.recv_iq().await.expect("the request");
        self.service.send(&reply_to(&request)).unwrap();
        let reply = self.user.recv_iq().await.expect("the reply");
        assert!(reply.contains(&format!("id='{id}'")), "{reply}");
        assert!(reply.contains("<answer/>"), "{reply}");
    }
}

/// The service's answer to a forwarded request.
pub fn reply_to(request: &str) -> String {
    let value = |name: &str| {
        let rest = request.split_once(&format!(" {name}='")).expect("the attribute").1;
        rest.split_once('\'').expect("its end").0
    };
    format!("<iq type='result' id='{}' to='{}'><answer/></iq>", value("id"), value("from"))
}

pub fn component(server: &Server) -> ComponentConfig {
    let key = Key::new(1, &Zeroizing::new(vec![7; 32]), None).unwrap();
    let settings = Settings::new(
        DOMAIN.parse().unwrap(),
        Target::new(TARGET.parse().unwrap()),
        Arc::new(Keyring::new(vec![key]).unwrap()),
    );
    let server = server.address().to_string();
    let bounds = Bounds { max_backlog: MAX_BACKLOG, ..Bounds::default() };
    ComponentConfig { bounds, ..ComponentConfig::new(settings, server, secret(SECRET)) }
}

pub fn secret(text: &str) -> Secret {
    Secret::new(Zeroizing::new(text.to_owned())).unwrap()
}
