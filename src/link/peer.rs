//! Where a stream leads to.

use std::net::SocketAddr;

/// The server's end of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    pub address: SocketAddr,
    /// How many addresses of its family the server's name had at the login.
    pub of: usize,
}
