//! A proxy that can't connect says why, in one line, and what to do about it.

use std::time::Duration;

use test_support::interop::proxy::{Proxy, Settings};
use test_support::interop::server::{
    HOST, Kind, Server, Software, Suite, fresh_folder, paste, prosody,
};
use test_support::port::free_ports;
use test_support::tls::authority::{Authority, Valid};

case!(a_wrong_secret_is_named: all);
fn a_wrong_secret_is_named(kind: Kind) {
    let proxy = failing(kind, |settings| settings.secret = "wrong".into());
    says_once(&proxy, "not-authorized", "secret");
    assert!(!proxy.log().join("\n").contains("wrong"), "a secret in the log");
}

// ejabberd accepts a component for any domain with the password (docs/servers.md#any-domain).
case!(an_unknown_domain_is_named: prosody);
fn an_unknown_domain_is_named(kind: Kind) {
    let proxy = failing(kind, |settings| settings.domain = "unknown.example".into());
    says_once(&proxy, "host-unknown", "configuration");
}

case!(a_server_that_is_not_there_is_named: prosody);
fn a_server_that_is_not_there_is_named(kind: Kind) {
    let [nobody] = free_ports();
    let proxy = failing(kind, |settings| settings.server_port = Some(nobody));
    says_once(&proxy, "refused", "running");
}

case!(a_port_for_clients_is_no_port_for_components: both);
fn a_port_for_clients_is_no_port_for_components(kind: Kind) {
    let clients = Server::shared(kind).client_port;
    let proxy = failing(kind, |settings| settings.server_port = Some(clients));
    says_once(&proxy, "wrong-port", "that is the server's port for clients; set [server] address");
}

case!(every_wrong_port_is_named: both);
fn every_wrong_port_is_named(kind: Kind) {
    let folder = fresh_folder("ports");
    let ca = Authority::new("CA");
    let certificate = folder.join("server.pem");
    std::fs::write(folder.join("ca.pem"), ca.pem()).unwrap();
    std::fs::write(&certificate, ca.sign(&[HOST], Valid::Now).pem()).unwrap();
    let [servers, http, encrypted] = free_ports();
    let server = Server::start_changed(kind, |text| match kind.software {
        Software::Prosody => {
            let lines = format!(
                "s2s_ports = {{ {servers} }}\nhttp_ports = {{ {http} }}\nhttps_ports = {{}}\n\
                 http_interfaces = {{ \"127.0.0.1\" }}\nc2s_direct_tls_ports = {{ {encrypted} }}\n\
                 c2s_direct_tls_ssl = {{ certificate = {certificate:?}; key = {certificate:?} }}\n"
            );
            // The tests' configuration disables the modules of these ports.
            let text =
                text.replace("modules_disabled = { \"s2s\"; \"tls\"; ", "modules_disabled = { ");
            prosody::with_module(&text, "http", &lines)
        }
        _ => {
            let listener = |port, module, more: &str| {
                format!(
                    "  -\n    port: {port}\n    ip: \"127.0.0.1\"\n    module: {module}\n{more}"
                )
            };
            let tls = format!("    tls: true\n    certfile: {certificate:?}\n");
            let listeners = listener(servers, "ejabberd_s2s_in", "")
                + &listener(http, "ejabberd_http", "    request_handlers:\n      /a: mod_bosh\n")
                + &listener(encrypted, "ejabberd_c2s", &tls);
            let text = text.replace("\nmodules:\n", "\nmodules:\n  mod_bosh: {}\n");
            paste(kind, &text, &listeners)
        }
    });
    let tls =
        format!("tls = true\nca-file = {:?}\nserver-name = \"{HOST}\"\n", folder.join("ca.pem"));
    // The old version sends no alert.
    let alert = kind.is(Software::Ejabberd) && kind.suite != Suite::Debian12;
    for (port, tls, said) in [
        (servers, "", "that is the server's port for other servers; set [server] address"),
        (http, "", "is it the server's port for components (XEP-0114)"),
        (
            encrypted,
            "",
            if alert {
                "tls-wanted"
            } else {
                "before it had sent anything; is it the server's port"
            },
        ),
        (encrypted, &tls, "that is the server's port for clients; set [server] address"),
    ] {
        let mut settings = Settings::new(&server.new_domain(), "service@host.example");
        settings.server_port = Some(port);
        settings.server = tls.to_owned();
        let proxy = Proxy::launch(&server, settings);
        let log = |it: &Proxy| it.log().join("\n");
        proxy.wait_until("a line about it", |it| log(it).contains("not connected"));
        assert!(log(&proxy).contains(said), "{said}: {}", log(&proxy));
    }
}

fn failing(kind: Kind, adapt: impl FnOnce(&mut Settings)) -> Proxy {
    let server = Server::shared(kind);
    let mut settings = Settings::new(&server.new_domain(), &server.new_account("service"));
    adapt(&mut settings);
    Proxy::launch(server, settings)
}

/// One line with the cause and its remedy, however many attempts there are.
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
