//! A server with a service and a user, and a daemon that relays between them.

use std::path::Path;

use core_tests::xml::Stanza;
use mock_server::{Client, Options, RosterState, Server};
use rustix::process::Signal;

use crate::daemon::{DOMAIN, Daemon, KEY, TARGET, component};
use crate::launch::Launch;
use crate::port::free_address;
use crate::program;

pub struct Stage {
    pub server: Server,
    pub daemon: Daemon,
    pub service: Client,
    pub user: Client,
    asked: u32,
}

impl Stage {
    pub async fn new() -> Self {
        Self::of(&program()).await
    }

    /// With this program.
    pub async fn of(program: &Path) -> Self {
        let server = Server::start(Options::ejabberd("s")).await.expect("a free port");
        for domain in [DOMAIN, "two.example", "a.proxy.example"] {
            server.set_subscription(TARGET, domain, RosterState::From);
        }
        let service = server.client(&format!("{TARGET}/a"));
        let user = server.client("user@some-domain.example/abc");
        let daemon = Launch::of(program, &configuration(&server)).start();
        daemon.until("it is ready", |d| d.is_ready(1)).await;
        Self { server, daemon, service, user, asked: 0 }
    }

    /// Checks a request and its reply.
    pub async fn serves(&mut self) {
        self.serves_at(DOMAIN).await;
    }

    pub async fn serves_at(&mut self, domain: &str) {
        self.asked += 1;
        round_trip(domain, self.asked, &mut self.user, &mut self.service).await;
    }

    /// The service answers one request.
    pub async fn answers(&mut self) {
        answers(&mut self.service).await;
    }

    /// SIGUSR2; waits until the new program works. If a busy machine makes the new program too slow to
    /// say in time whether it can take over, the daemon keeps running, and gets the signal again.
    pub async fn upgrade(&self) {
        let upgraded = |d: &Daemon| d.logged("upgraded in place");
        let late = |d: &Daemon| d.logged("did not say within 5 s whether it can take over");
        let before = upgraded(&self.daemon);
        for _ in 0..ATTEMPTS {
            let late_before = late(&self.daemon);
            self.daemon.signal(Signal::USR2);
            let decided = |d: &Daemon| upgraded(d) > before || late(d) > late_before;
            self.daemon.until("an upgrade", decided).await;
            if upgraded(&self.daemon) > before {
                return;
            }
        }
        panic!("no upgrade: {}", self.daemon.log());
    }
}

/// A request of the user and the service's reply, through the proxy.
pub async fn round_trip(domain: &str, number: u32, user: &mut Client, service: &mut Client) {
    let id = format!("ask-{number}");
    user.send(&format!("<iq type='get' id='{id}' to='{domain}'><ask/></iq>")).expect("a stanza");
    answers(service).await;
    let reply = user.recv_iq().await.expect("the reply");
    assert!(Stanza::read(&reply).id == id && reply.contains("<answer/>"), "{reply}");
}

/// The service answers one request.
pub async fn answers(service: &mut Client) {
    let request = service.recv_iq().await.expect("the request");
    service.send(&reply_to(&request)).expect("a stanza");
}

/// The service's answer to a forwarded request.
pub fn reply_to(request: &str) -> String {
    let Stanza { id, from, .. } = Stanza::read(request);
    format!("<iq type='result' id='{id}' to='{from}'><answer/></iq>")
}

/// The daemon's configuration, with HTTP and a limit on stanzas.
pub fn configuration(server: &Server) -> String {
    format!(
        "[server]\naddress = \"{}\"\n[http]\nlisten = \"{}\"\n\
         [limits]\nmax-stanza-bytes = 20000\n{}{KEY}",
        server.address(),
        free_address(),
        component(DOMAIN),
    )
}

/// So many take about a minute.
const ATTEMPTS: usize = 12;
