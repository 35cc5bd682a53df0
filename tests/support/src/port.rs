//! Addresses for servers.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as LocalAddr, UnixDatagram};
use std::sync::Mutex;

/// Ports of 127.0.0.1 that nobody listens on now, and that no other test, of any program, gets while
/// this one runs. They are below those of outgoing connections, of which there are many, so that a
/// free port stays free.
pub fn free_ports<const N: usize>() -> [u16; N] {
    static CLAIMS: Mutex<Vec<UnixDatagram>> = Mutex::new(Vec::new());
    [(); N].map(|()| {
        let some = std::iter::repeat_with(|| fastrand::u16(10_000..32_000)).take(10_000);
        let mut claimed = some.filter_map(|port| Some((port, claim(port)?)));
        let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
        let (port, claim) = claimed.find(|(port, _)| is_free(port)).expect("a free port");
        CLAIMS.lock().unwrap().push(claim);
        port
    })
}

/// Reserves a port until this is dropped. An abstract socket's name is released with the process, and
/// belongs to the same network namespace as the port.
fn claim(port: u16) -> Option<UnixDatagram> {
    let name = LocalAddr::from_abstract_name(format!("jat-proxy test port {port}")).ok()?;
    UnixDatagram::bind_addr(&name).ok()
}

/// An address that nobody listens on.
pub fn free_address() -> SocketAddr {
    let [port] = free_ports();
    (Ipv4Addr::LOCALHOST, port).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In a network namespace a name can be bound once, by any process.
    #[test]
    fn a_port_is_given_once() {
        let [port] = free_ports();
        assert!(claim(port).is_none());
    }
}
