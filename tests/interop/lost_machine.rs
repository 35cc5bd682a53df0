//! A machine that is lost without a word: what docs/operating.md says of how servers notice.

use std::fs;

use test_support::interop::proxy::{Proxy, Settings};
use test_support::interop::server::{Kind, Server};

// So the times are those of the kernel (docs/servers.md#lost-machine).
case!(the_server_has_keepalive_on_the_stream_of_a_component: both);
fn the_server_has_keepalive_on_the_stream_of_a_component(kind: Kind) {
    let server = Server::start(kind);
    let target = server.new_account("service");
    let _proxy = Proxy::start(&server, Settings::new(&server.new_domain(), &target));
    let mut seen = Vec::new();
    test_support::wait::wait_until("nothing but keepalive to wait for", || {
        seen = timers_of_connections_to(server.component_port);
        seen == [KEEPALIVE]
    });
    println!("{kind}: {seen:?}");
}

/// The timer that the kernel runs for each connection that somebody made to this port of
/// 127.0.0.1, on the side of the port.
fn timers_of_connections_to(port: u16) -> Vec<String> {
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let local = format!("0100007F:{port:04X}");
    let connections = table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, address, _, state, _, timer, ..] = fields[..] else { panic!("{line}") };
        (address == local && state == ESTABLISHED).then(|| timer[..2].to_owned())
    });
    connections.collect()
}

const ESTABLISHED: &str = "01";
/// Of the kernel's numbers; another one is for what is on its way.
const KEEPALIVE: &str = "02";
