//! The configuration of ejabberd, on real servers.

use test_support::daemon::DOMAIN;
use test_support::interop::proxy::{Proxy, Settings};
use test_support::interop::server::{HOST, Kind, SECRET, Server};
use test_support::port::free_ports;

use crate::manifests::Objects;

case!(ejabberd_takes_its_configuration: ejabberd);
fn ejabberd_takes_its_configuration(kind: Kind) {
    let objects = Objects::of("ejabberd");
    let file = &objects.get("ConfigMap", "ejabberd")["data"]["ejabberd.yml"];
    let file = file.as_str().unwrap();
    let server = Server::start_changed(kind, |test| adapted(file, &test));
    Proxy::start(&server, Settings::new(DOMAIN, &format!("bot@{HOST}")));
}

/// Adapted to the ports of the test's own configuration, without certificates, and with the values
/// that the pod's environment would give to macros, since older versions don't read those.
fn adapted(file: &str, test: &str) -> String {
    let mut ports = test.lines().filter_map(|line| line.strip_prefix("    port: "));
    let mut text = file.to_owned();
    let [server] = free_ports();
    for (right, new) in [
        ("port: 5222", format!("port: {}", ports.next().unwrap())),
        ("port: 5269", format!("port: {server}")),
        ("port: 5347", format!("port: {}", ports.next().unwrap())),
        ("starttls_required: true", "starttls: false".into()),
        ("hosts: [\"some-domain.example\"", format!("hosts: [\"some-domain.example\", \"{HOST}\"")),
        ("define_macro:\n", format!("define_macro:\n  PROXY_SECRET: \"{SECRET}\"\n")),
    ] {
        assert_eq!(text.matches(right).count(), 1, "{right}");
        text = text.replace(right, &new);
    }
    text
}
