//! The kernel's table of TCP connections, for IPv4 and the calling thread's network namespace.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TcpConnection {
    pub local: SocketAddrV4,
    pub remote: SocketAddrV4,
    /// The kernel's number of its state.
    pub state: u8,
    /// The kernel's number of the timer that runs for it.
    pub timer: u8,
}

/// All connections, and listening sockets.
pub fn connections() -> Vec<TcpConnection> {
    let table = fs::read_to_string("/proc/thread-self/net/tcp").expect("the kernel has it");
    table.lines().skip(1).map(read).collect()
}

fn read(line: &str) -> TcpConnection {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [_, local, remote, state, _, timer, ..] = fields[..] else { panic!("{line}") };
    let number = |text: &str| u8::from_str_radix(text, 16).expect("a number");
    TcpConnection {
        local: address(local),
        remote: address(remote),
        state: number(state),
        timer: number(&timer[..2]),
    }
}

/// Reads an address, which is in the machine's own byte order.
fn address(text: &str) -> SocketAddrV4 {
    let (address, port) = text.split_once(':').expect("both");
    let address = u32::from_str_radix(address, 16).expect("hexadecimal");
    let port = u16::from_str_radix(port, 16).expect("hexadecimal");
    SocketAddrV4::new(Ipv4Addr::from(address.to_ne_bytes()), port)
}

pub const ESTABLISHED: u8 = 1;
pub const TIME_WAIT: u8 = 6;
pub const LISTEN: u8 = 10;

/// The keepalive timer; there is another one for unacknowledged data.
pub const KEEPALIVE: u8 = 2;
