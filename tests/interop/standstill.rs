//! A server that processes nothing is recognised, and distinguished from one that is slow.

use std::time::Duration;

use rustix::process::Signal;
use test_support::interop::client::Client;
use test_support::interop::proxy::{Proxy, Settings};
use test_support::interop::scene::{accept_subscriptions, first_login, round_trip};
use test_support::interop::server::{Kind, Server};
use test_support::wait::wait_within;

use crate::knife::Knife;

case!(a_server_that_stands_still_is_noticed_and_forgiven: both);
fn a_server_that_stands_still_is_noticed_and_forgiven(kind: Kind) {
    let server = Server::start(kind);
    let (domain, target) = (server.new_domain(), server.new_account("service"));
    let account = server.new_account("user");
    let proxy = Proxy::start(&server, Settings::new(&domain, &target));
    let mut service = first_login(&server, &proxy, "a");
    let mut user = Client::login(&server, &account, "abc");
    round_trip(&domain, &mut user, &mut service);
    assert_eq!(proxy.try_get("/readyz").unwrap().0, 200);

    server.signal(Signal::STOP);
    // Echoes are sent, and none comes back.
    wait_within(LIMIT, "the standstill to be noticed", || stands_still(&proxy));
    let component = &proxy.status()["components"][0];
    assert_eq!(component["stream"]["state"], "up", "{component}");
    assert!(component["stream"]["standstill_seconds"].as_u64() >= Some(10), "{component}");
    let (code, missing) = proxy.try_get("/readyz").unwrap();
    assert!(code == 503 && missing.contains("processed nothing"), "{code} {missing}");
    server.signal(Signal::CONT);
    wait_within(LIMIT, "it to be forgiven", || !stands_still(&proxy));
    round_trip(&domain, &mut user, &mut service);
    assert_eq!(proxy.try_get("/readyz").unwrap().0, 200);
    proxy.wait_log(0, "the server is processing stanzas again");
    let said = proxy.log();
    let lines = |text: &str| said.iter().filter(|line| line.contains(text)).count();
    assert_eq!(
        (lines("processed nothing"), lines("the server is processing stanzas again")),
        (1, 1),
        "{said:#?}"
    );
    assert_eq!(proxy.count(&["jat_proxy_stream_standstills_total", OWN]), 1);
    assert_eq!(proxy.logins(), 1, "the stream was kept");
}

case!(a_stream_that_is_read_but_not_processed_is_reopened: both);
fn a_stream_that_is_read_but_not_processed_is_reopened(kind: Kind) {
    let server = Server::shared(kind);
    let (domain, target) = (server.new_domain(), server.new_account("service"));
    let knife = Knife::start(server.component_port);
    let mut settings = Settings::new(&domain, &target);
    settings.server_port = Some(knife.port);
    let proxy = Proxy::start(server, settings);
    let mut service = first_login(server, &proxy, "a");
    let mut user = Client::login(server, &server.new_account("user"), "abc");
    round_trip(&domain, &mut user, &mut service);

    knife.hold(true);
    // Bytes arrive all the time, but they prove nothing.
    wait_within(3 * LIMIT, "the stream to be given up", || {
        user.ask(&domain, "unheard");
        std::thread::sleep(Duration::from_millis(500));
        let held = stands_still(&proxy);
        if !proxy.is_connected() {
            assert!(!held, "a stream that is down does not stand still");
        }
        proxy.count(&["jat_proxy_stream_failures_total", "cause=\"unresponsive\"", OWN]) == 1
    });
    knife.hold(false);
    wait_within(3 * LIMIT, "a new stream", || proxy.logins() == 2 && proxy.is_connected());
    proxy.wait_online(&[&service.jid]);
    // The new stream gets what was held back.
    let gone = service.jid.clone();
    drop(service);
    proxy.wait_offline(&gone);
    let mut user = Client::login(server, &server.new_account("user"), "abc");
    let mut fresh = Client::login(server, &target, "b");
    fresh.available("");
    proxy.wait_online(&[&fresh.jid]);
    round_trip(&domain, &mut user, &mut fresh);
}

// The presence domain gets the echoes of a stream that others share.
case!(one_of_several_replicas_notices_it_too: both);
fn one_of_several_replicas_notices_it_too(kind: Kind) {
    let server = Server::shared(kind);
    let (domain, target) = (server.new_fleet_domain(), server.new_account("service"));
    let knife = Knife::start(server.component_port);
    let replica = |name: &str, port| {
        let mut settings = Settings::new(&domain, &target);
        settings.component = format!("presence-domain = \"{name}.{domain}\"");
        settings.server_port = port;
        Proxy::start(server, settings)
    };
    let replicas = [replica("a", None), replica("b", Some(knife.port))];
    let mut service = Client::login(server, &target, "a");
    service.available("");
    accept_subscriptions(
        &mut service,
        [format!("a.{domain}"), format!("b.{domain}")].iter().map(String::as_str),
    );
    for replica in &replicas {
        replica.wait_online(&[&service.jid]);
        replica.wait_until("it to know that the domain is shared", |it| {
            it.count(&["jat_proxy_domain_shared{", OWN]) == 1
        });
    }
    let mut user = Client::login(server, &server.new_account("user"), "abc");
    knife.hold(true);
    wait_within(2 * LIMIT, "the standstill to be noticed", || {
        user.ask(&domain, "perhaps-held");
        stands_still(&replicas[1])
    });
    assert!(!stands_still(&replicas[0]), "nothing holds that one");
    knife.hold(false);
    wait_within(LIMIT, "it to be forgiven", || !stands_still(&replicas[1]));
    assert_eq!(replicas.map(|replica| replica.logins()), [1, 1]);
}

fn stands_still(proxy: &Proxy) -> bool {
    proxy.count(&["jat_proxy_stream_standstill_seconds", OWN]) > 0
}

const OWN: &str = "stream=\"component\"";
/// It should be noticed within 15 s; a busy machine gets four times as long.
const LIMIT: Duration = Duration::from_secs(60);
