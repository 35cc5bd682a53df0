//! The connection to a server, at one of the addresses of its name.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use fastrand::Rng;
use rustix::net::sockopt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::shortage::is_shortage;

use super::lookup::lookup;
use super::peer::Peer;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("can't find {server}: {error}")]
    Lookup { server: String, error: io::Error },
    #[error("can't find {server}: the resolver did not answer within {} s", LOOKUP_TIME.as_secs())]
    NotLookedUp { server: String },
    #[error("can't connect to {server}: {error}")]
    Failed { server: String, error: io::Error },
    #[error("nothing at {server} answered within {} s", CONNECT_TIME.as_secs())]
    NoAnswer { server: String },
}

impl ConnectError {
    /// Whether nobody listens there.
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Failed { error, .. } if error.kind() == io::ErrorKind::ConnectionRefused)
    }

    /// Whether this process, or this machine, had too little of something.
    pub fn is_shortage(&self) -> bool {
        match self {
            // There was no thread for the look-up.
            Self::Lookup { error, .. } if error.kind() == io::ErrorKind::WouldBlock => true,
            Self::Lookup { error, .. } | Self::Failed { error, .. } => is_shortage(error),
            Self::NotLookedUp { .. } | Self::NoAnswer { .. } => false,
        }
    }
}

/// In which order the addresses of a server's name are tried.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    /// Addresses where a login failed or a stream was lost since the last stream that lasted; the
    /// latest is at the end.
    failed: Vec<SocketAddr>,
    /// How many of each family there were.
    found: Families,
}

/// The number of addresses of each family.
#[derive(Clone, Copy, Debug, Default)]
struct Families {
    v4: usize,
    v6: usize,
}

impl Addresses {
    /// Random within a family, so that replicas spread; families stay in the order that the system
    /// prefers. Addresses that failed come last, the latest of them at the very end.
    fn order(&mut self, mut found: Vec<SocketAddr>, rng: &mut Rng) -> Vec<SocketAddr> {
        self.failed.retain(|address| found.contains(address));
        let v4 = found.iter().filter(|address| address.is_ipv4()).count();
        self.found = Families { v4, v6: found.len() - v4 };
        let preferred = found.first().map(SocketAddr::is_ipv4);
        rng.shuffle(&mut found);
        found.sort_by_key(|address| {
            let failed = self.failed.iter().position(|known| known == address);
            (failed, Some(address.is_ipv4()) != preferred)
        });
        found
    }

    /// This address led to no stream, or only to a short one.
    pub(super) fn fail(&mut self, address: SocketAddr) {
        self.failed.retain(|known| *known != address);
        self.failed.push(address);
    }

    /// The peer of a stream to this address.
    pub(super) fn peer(&self, address: SocketAddr) -> Peer {
        let of = if address.is_ipv4() { self.found.v4 } else { self.found.v6 };
        Peer { address, of }
    }

    /// A stream lasted: earlier failures no longer count.
    pub(super) fn forgive(&mut self) {
        self.failed.clear();
    }
}

/// Connects to `server` (`host:port`); addresses that failed are noted in `addresses`.
pub(super) async fn connect(
    server: &str,
    addresses: &mut Addresses,
    rng: &mut Rng,
) -> Result<TcpStream, ConnectError> {
    let unfound = |error| ConnectError::Lookup { server: server.to_owned(), error };
    let failed = |error| ConnectError::Failed { server: server.to_owned(), error };
    let timed_out = || ConnectError::NoAnswer { server: server.to_owned() };
    let found = timeout(LOOKUP_TIME, lookup(server))
        .await
        .map_err(|_| ConnectError::NotLookedUp { server: server.to_owned() })?
        .map_err(unfound)?;
    let mut told = unfound(io::ErrorKind::NotFound.into());
    for address in addresses.order(found, rng) {
        // An address that does not answer must not use up the time of the others.
        let error = match timeout(CONNECT_TIME, TcpStream::connect(address)).await {
            // It may have ended again already.
            Ok(Ok(socket)) => match watch_over(&socket) {
                Ok(()) => return Ok(socket),
                Err(error) => failed(error),
            },
            Ok(Err(error)) => failed(error),
            Err(_) => timed_out(),
        };
        addresses.fail(address);
        // So the host is there, and its server will be; the error of an address in a family that
        // this machine can't reach says less.
        if !told.is_refused() {
            told = error;
        }
    }
    Err(told)
}

/// Lets the system notice a peer that has gone without closing the connection.
pub(super) fn watch_over(socket: &TcpStream) -> io::Result<()> {
    let limit = patience(socket.peer_addr()?.ip());
    socket.set_nodelay(true)?;
    sockopt::set_socket_keepalive(socket, true)?;
    // Two probes without an answer end the connection.
    sockopt::set_tcp_keepidle(socket, Duration::from_secs((limit / 2).into()))?;
    sockopt::set_tcp_keepintvl(socket, Duration::from_secs((limit / 4).into()))?;
    sockopt::set_tcp_keepcnt(socket, 2)?;
    sockopt::set_tcp_user_timeout(socket, limit * 1000)?;
    Ok(())
}

/// How many seconds a peer may leave TCP without an answer. One on the same machine can't vanish
/// unnoticed, but may well be stopped for longer.
fn patience(peer: IpAddr) -> u32 {
    if peer.to_canonical().is_loopback() { 60 } else { 16 }
}

/// For each address of the server.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// For the resolver to answer.
const LOOKUP_TIME: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    fn found(addresses: &[&str]) -> Vec<SocketAddr> {
        addresses.iter().map(|a| format!("{a}:1").parse().unwrap()).collect()
    }

    #[test]
    fn replicas_spread_over_the_addresses_of_the_first_family() {
        let all = found(&["[::1]", "[::2]", "[::3]", "10.0.0.1", "10.0.0.2"]);
        let mut rng = Rng::with_seed(1);
        let mut firsts = [0; 3];
        for _ in 0..300 {
            let order = Addresses::default().order(all.clone(), &mut rng);
            assert!(order[..3].iter().all(SocketAddr::is_ipv6), "{order:?}");
            assert_eq!(order.len(), 5);
            firsts[all.iter().position(|a| *a == order[0]).unwrap()] += 1;
        }
        assert!(firsts.iter().all(|count| *count > 60), "{firsts:?}");
    }

    /// With the slack of the kernel's timers, the loss of the first peer is noticed within 20 s.
    #[tokio::test]
    async fn a_peer_on_a_network_has_to_answer_sooner() {
        for (peer, seconds) in [
            ("127.0.0.2", 60),
            ("::1", 60),
            ("::ffff:127.0.0.1", 60),
            ("10.0.0.1", 16),
            ("fe80::1", 16),
        ] {
            assert_eq!(patience(peer.parse().unwrap()), seconds, "{peer}");
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        watch_over(&socket).unwrap();
        assert!(sockopt::socket_keepalive(&socket).unwrap());
        assert_eq!(sockopt::tcp_user_timeout(&socket).unwrap(), 60_000);
        assert_eq!(sockopt::tcp_keepidle(&socket).unwrap(), Duration::from_secs(30));
    }

    #[test]
    fn what_failed_comes_last_and_is_not_forgotten_until_a_stream_lasts() {
        let all = found(&["[::1]", "10.0.0.1", "10.0.0.2"]);
        let (mut it, mut rng) = (Addresses::default(), Rng::with_seed(1));
        it.fail(all[0]);
        it.fail(all[2]);
        assert_eq!(it.order(all.clone(), &mut rng), [all[1], all[0], all[2]]);
        it.fail(all[1]);
        it.fail(all[0]);
        assert_eq!(it.order(all.clone(), &mut rng), [all[2], all[1], all[0]]);
        // An address that the name no longer has does not matter.
        assert_eq!(it.order(all[..2].to_vec(), &mut rng), [all[1], all[0]]);
        it.forgive();
        assert_eq!(it.order(all.clone(), &mut rng)[0], all[0]);
    }
}
