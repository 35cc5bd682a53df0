//! The loss of a machine: how servers notice, as docs/failures.md says.

use std::net::{Ipv4Addr, SocketAddrV4};

use test_support::interop::proxy::{Proxy, Settings};
use test_support::interop::server::{Kind, Server};
use test_support::interop::tcp::{ESTABLISHED, KEEPALIVE, TcpConnection, connections};

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

/// The kernel's timer of each connection to this port of 127.0.0.1, on the server's side.
fn timers_of_connections_to(port: u16) -> Vec<u8> {
    let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
    let ours = |it: &TcpConnection| it.local == address && it.state == ESTABLISHED;
    connections().into_iter().filter(ours).map(|it| it.timer).collect()
}
