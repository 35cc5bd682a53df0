//! Where HTTP is served: a reload may move it.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::error;

use crate::base64;
use crate::config::{Host, Http};
use crate::daemon::DaemonError;
use crate::daemon::recorder::Recorder;
use crate::descriptor;

use super::Site;
use super::halt::Connections;
use super::wire::Exchange;

/// The address of HTTP, and the task that serves there.
pub(crate) struct Endpoint {
    recorder: Arc<Recorder>,
    hosts: watch::Sender<Vec<Host>>,
    address: Option<SocketAddr>,
    server: Option<JoinHandle<()>>,
    /// The listening socket, to be handed over.
    socket: Option<OwnedFd>,
    connections: Connections,
    /// Those that were halted.
    halted: Vec<Exchange>,
}

/// A connection as one program leaves it to the next.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ConnectionSnapshot {
    socket: RawFd,
    #[serde(with = "base64")]
    input: Vec<u8>,
    #[serde(with = "base64")]
    output: Vec<u8>,
}

impl Endpoint {
    /// Serves nowhere yet.
    pub(crate) fn new(recorder: Arc<Recorder>) -> Self {
        let hosts = watch::Sender::default();
        let connections = Connections::new();
        Self {
            recorder,
            hosts,
            address: None,
            server: None,
            socket: None,
            connections,
            halted: Vec::new(),
        }
    }

    /// Serves where the program before this one did, so that no client that connects meanwhile is
    /// refused.
    pub(crate) async fn resume(&mut self, socket: OwnedFd, connections: Vec<ConnectionSnapshot>) {
        // One that can't be used is opened again by `listen`. A client whose request is lost will
        // ask again.
        self.halted.extend(connections.into_iter().filter_map(|c| c.take().ok()));
        let Ok(listener) = TcpListener::from_std(socket.into()) else {
            self.halted.clear();
            return;
        };
        self.address = listener.local_addr().ok();
        self.serve(Some(listener)).await;
    }

    /// Leaves all requests as they are, until [`Self::go_on`].
    pub(crate) async fn halt(&mut self) {
        let connections = std::mem::replace(&mut self.connections, Connections::new());
        self.halted = connections.stop().await;
        self.end().await;
    }

    /// Continues after [`Self::halt`], if there is anything to continue.
    pub(crate) async fn go_on(&mut self) {
        if self.server.is_some() {
            return;
        }
        match self.socket.take() {
            Some(socket) => self.resume(socket, Vec::new()).await,
            None => self.halted.clear(),
        }
        if self.server.is_none() && self.address.take().is_some() {
            error!("HTTP is off until the next reload: its socket is lost");
        }
    }

    /// Decides whether the socket stays open for the next program; returns its number.
    pub(crate) fn keep(&self, keep: bool) -> io::Result<Option<RawFd>> {
        let Some(socket) = &self.socket else { return Ok(None) };
        descriptor::keep(socket, keep)?;
        Ok(Some(socket.as_raw_fd()))
    }

    /// The same for the connections that were halted.
    pub(crate) fn keep_connections(&self, keep: bool) -> io::Result<Vec<ConnectionSnapshot>> {
        let of = |exchange: &Exchange| {
            descriptor::keep(exchange.tcp.as_fd(), keep)?;
            let (input, output) = (exchange.input.clone(), exchange.output.clone());
            Ok(ConnectionSnapshot { socket: exchange.tcp.as_raw_fd(), input, output })
        };
        self.halted.iter().map(of).collect()
    }

    /// Serves as `config` says, and nowhere else.
    ///
    /// # Errors
    /// The address can't be listened on; what was served before still is.
    pub(crate) async fn listen(&mut self, config: Option<&Http>) -> Result<(), DaemonError> {
        let address = config.map(|http| http.listen);
        if self.address != address {
            let listener = match address {
                Some(address) => Some(self.bind(address).await?),
                None => None,
            };
            self.serve(listener).await;
            self.address = address;
        }
        self.hosts.send_replace(config.map(|http| http.hosts.clone()).unwrap_or_default());
        Ok(())
    }

    async fn bind(&mut self, address: SocketAddr) -> Result<TcpListener, DaemonError> {
        let mut bound = TcpListener::bind(address).await;
        let old = self.address.filter(|old| old.port() == address.port());
        if let (Err(_), Some(old)) = (&bound, old) {
            // Perhaps our own listener is in the way, as 127.0.0.1 is in that of 0.0.0.0.
            self.serve(None).await;
            bound = TcpListener::bind(address).await;
            if bound.is_err() {
                let back = TcpListener::bind(old).await;
                if let Err(error) = &back {
                    error!("HTTP is off: can't listen on {old} again: {error}");
                    // The next reload tries again.
                    self.address = None;
                }
                self.serve(back.ok()).await;
            }
        }
        bound.map_err(|error| DaemonError::Listen { address, error })
    }

    async fn serve(&mut self, listener: Option<TcpListener>) {
        self.end().await;
        self.socket = listener.as_ref().and_then(|l| l.as_fd().try_clone_to_owned().ok());
        let site = Site { recorder: Arc::clone(&self.recorder), hosts: self.hosts.subscribe() };
        let (halt, exchanges) = (self.connections.halt(), std::mem::take(&mut self.halted));
        let serve = |listener| tokio::spawn(super::serve(listener, site, halt, exchanges));
        self.server = listener.map(serve);
    }

    /// Takes no more connections.
    async fn end(&mut self) {
        if let Some(server) = self.server.take() {
            server.abort();
            // Its listener is closed when it has ended.
            let _ = server.await;
        }
    }
}

impl ConnectionSnapshot {
    /// Closes a connection that no program can take over.
    pub(crate) fn close(self) {
        // It is closed when it is dropped, if it is there.
        let _ = descriptor::adopt(self.socket);
    }

    fn take(self) -> io::Result<Exchange> {
        let socket = descriptor::adopt(self.socket)?;
        let tcp = Arc::new(TcpStream::from_std(socket.into())?);
        Ok(Exchange { tcp, input: self.input, output: self.output })
    }
}
