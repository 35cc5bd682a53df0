//! A proxy that can't get through says why, in one line, and what to do about it.

use std::time::Duration;

use crate::proxy::{Proxy, Settings};
use crate::server::{Kind, Server};

case!(a_wrong_secret_is_named: all);
fn a_wrong_secret_is_named(kind: Kind) {
    let proxy = failing(kind, |settings| settings.secret = "wrong".into());
    says_once(&proxy, "not-authorized", "secret");
    assert!(!proxy.log().join("\n").contains("wrong"), "a secret in the log");
}

// ejabberd takes every domain whose component has the password (docs/servers.md#any-domain).
case!(an_unknown_domain_is_named: prosody);
fn an_unknown_domain_is_named(kind: Kind) {
    let proxy = failing(kind, |settings| settings.domain = "unknown.example".into());
    says_once(&proxy, "host-unknown", "configuration");
}

case!(a_server_that_is_not_there_is_named: prosody);
fn a_server_that_is_not_there_is_named(kind: Kind) {
    let [nobody] = crate::process::free_ports();
    let proxy = failing(kind, |settings| settings.server_port = Some(nobody));
    says_once(&proxy, "refused", "running");
}

case!(a_port_for_clients_is_no_port_for_components: all);
fn a_port_for_clients_is_no_port_for_components(kind: Kind) {
    let clients = Server::shared(kind).client_port;
    let proxy = failing(kind, |settings| settings.server_port = Some(clients));
    proxy.wait_until("a line about it", |it| it.log().join("\n").contains("no stream"));
    assert!(!proxy.is_connected());
}

fn failing(kind: Kind, adapt: impl FnOnce(&mut Settings)) -> Proxy {
    let server = Server::shared(kind);
    let mut settings = Settings::new(&server.new_domain(), &server.new_account("service"));
    adapt(&mut settings);
    Proxy::launch(server, settings)
}

/// One line with the cause and its remedy, however often it is tried again.
fn says_once(proxy: &Proxy, cause: &str, remedy: &str) {
    let lines = |proxy: &Proxy| {
        let log = proxy.log();
        log.into_iter().filter(|line| line.contains(cause)).collect::<Vec<_>>()
    };
    proxy.wait_until(&format!("the cause {cause}"), |it| !lines(it).is_empty());
    std::thread::sleep(Duration::from_secs(2));
    let said = lines(proxy);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains(remedy), "{said:?}");
    assert!(!proxy.is_connected());
}
