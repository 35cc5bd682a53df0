//! Addresses for servers.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Mutex;

/// Ports of 127.0.0.1 that nobody listens on now, all different. They are below those that the
/// system gives to outgoing connections, of which there are many: one that is free now stays so.
pub fn free_ports<const N: usize>() -> [u16; N] {
    static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut taken = TAKEN.lock().unwrap();
    [(); N].map(|()| {
        let free =
            |port: &u16| !taken.contains(port) && TcpListener::bind(("127.0.0.1", *port)).is_ok();
        let port = std::iter::repeat_with(|| fastrand::u16(10_000..32_000)).take(10_000).find(free);
        let port = port.expect("a free port");
        taken.insert(port);
        port
    })
}

/// An address that nobody listens on.
pub fn free_address() -> SocketAddr {
    let [port] = free_ports();
    (Ipv4Addr::LOCALHOST, port).into()
}
