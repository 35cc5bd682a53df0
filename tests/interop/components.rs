//! Several components in one process, on two servers: a fault of one does not affect the others.

use std::net::TcpListener;

use rustix::process::Signal;
use test_support::interop::client::Client;
use test_support::interop::proxy::{Proxy, Settings};
use test_support::interop::scene::{accept_subscription, round_trip};
use test_support::interop::server::{Kind, SECRET, Server, Software};

case!(one_fails_and_the_others_serve: both);
fn one_fails_and_the_others_serve(kind: Kind) {
    let other_kind = kind.with(match kind.software {
        Software::Prosody => Software::Ejabberd,
        _ => Software::Prosody,
    });
    let (mut server, other) = (Server::start(kind), Server::shared(other_kind));
    // Accepts connections, and never sends anything.
    let hung = TcpListener::bind("127.0.0.1:0").unwrap();
    let (here, there) = (Pair::new(&server), Pair::new(other));
    let other_port = other.component_port;
    let there_table = table(&there.domain, &there.target, SECRET, other_port);
    let wrong = table(&server.new_domain(), "bot@host.example", "wrong", server.component_port);
    let silent =
        table("silent.example", "bot@host.example", "x", hung.local_addr().unwrap().port());
    let mut settings = Settings::new(&here.domain, &here.target);
    settings.component = format!("{there_table}{wrong}{silent}");
    let mut proxy = Proxy::launch(&server, settings);
    let (mut here_service, mut here_user) = here.people(&server, &proxy);
    let (mut there_service, mut there_user) = there.people(other, &proxy);

    // Each of the failing ones has its own cause, and is named where the operator looks.
    proxy.wait_until("a cause", |it| failures(it, "not-authorized") > 0);
    let (code, ready) = proxy.try_get("/readyz").unwrap();
    assert_eq!(code, 503, "{ready}");
    assert!(ready.contains(&format!("{}: ready\n", here.domain)), "{ready}");
    assert!(ready.contains(&format!("{}: ready\n", there.domain)), "{ready}");
    assert!(ready.contains("silent.example: not connected yet"), "{ready}");
    for _ in 0..20 {
        round_trip(&here.domain, &mut here_user, &mut here_service);
        round_trip(&there.domain, &mut there_user, &mut there_service);
    }

    // Its server is killed and comes back: the other stream notices nothing.
    server.kill();
    proxy.wait_until("the end of a stream", |it| up(it, &here.domain) == 0);
    for _ in 0..20 {
        round_trip(&there.domain, &mut there_user, &mut there_service);
    }
    server.resume();
    let (mut here_service, mut here_user) = here.come_back(&server, &proxy);
    round_trip(&here.domain, &mut here_user, &mut here_service);
    assert_eq!(logins(&proxy, &there.domain), 1, "{:?}", proxy.log());

    // A reload removes two and adds one: the other streams are not touched.
    let before = logins(&proxy, &here.domain);
    let third = Pair::new(other);
    let third_table = table(&third.domain, &third.target, SECRET, other_port);
    proxy.settings.component = format!("{there_table}{third_table}");
    proxy.rewrite();
    proxy.signal(Signal::HUP);
    let (mut third_service, mut third_user) = third.people(other, &proxy);
    round_trip(&third.domain, &mut third_user, &mut third_service);
    round_trip(&here.domain, &mut here_user, &mut here_service);
    round_trip(&there.domain, &mut there_user, &mut there_service);
    assert_eq!((logins(&proxy, &here.domain), logins(&proxy, &there.domain)), (before, 1));
    proxy.wait_until("all to be ready", |it| it.try_get("/readyz").is_some_and(|(c, _)| c == 200));
    assert_eq!(proxy.stop_with(Signal::TERM).code(), Some(0));
}

/// One component and its target.
struct Pair {
    domain: String,
    target: String,
}

impl Pair {
    fn new(server: &Server) -> Self {
        Self { domain: server.new_domain(), target: server.new_account("service") }
    }

    /// The target, which is online and has granted the subscription, and a user.
    fn people(&self, server: &Server, proxy: &Proxy) -> (Client, Client) {
        let mut service = Client::login(server, &self.target, "a");
        service.available("");
        accept_subscription(&mut service, &self.domain);
        self.online(proxy);
        (service, Client::login(server, &server.new_account("user"), "abc"))
    }

    /// The same after their server has come back, which remembers the subscription.
    fn come_back(&self, server: &Server, proxy: &Proxy) -> (Client, Client) {
        proxy.wait_until("a stream again", |it| up(it, &self.domain) == 1);
        let mut service = Client::login(server, &self.target, "a");
        service.available("");
        self.online(proxy);
        (service, Client::login(server, &server.new_account("user"), "abc"))
    }

    fn online(&self, proxy: &Proxy) {
        let series = ["jat_proxy_resources{", &of(&self.domain)];
        proxy.wait_until("the target to be online", |it| it.count(&series) == 1);
    }
}

fn table(domain: &str, target: &str, secret: &str, port: u16) -> String {
    format!(
        "[[component]]\ndomain = \"{domain}\"\ntarget-address = \"{target}\"\n\
         secret = \"{secret}\"\nserver = \"127.0.0.1:{port}\"\n"
    )
}

fn up(proxy: &Proxy, domain: &str) -> u64 {
    proxy.count(&["jat_proxy_stream_up", &of(domain)])
}

fn logins(proxy: &Proxy, domain: &str) -> u64 {
    proxy.count(&["jat_proxy_logins_total", &of(domain)])
}

fn failures(proxy: &Proxy, cause: &str) -> u64 {
    proxy.count(&["jat_proxy_stream_failures_total", &format!("cause=\"{cause}\"")])
}

fn of(domain: &str) -> String {
    format!("component=\"{domain}\"")
}
