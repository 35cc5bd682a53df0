//! Where HTTP is served: a reload may move it.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::error;

use crate::config::{Host, Http};
use crate::daemon::DaemonError;
use crate::daemon::recorder::Recorder;
use crate::descriptor;

use super::Site;

/// The address of HTTP, and the task that serves there.
pub struct Endpoint {
    recorder: Arc<Recorder>,
    hosts: watch::Sender<Vec<Host>>,
    address: Option<SocketAddr>,
    server: Option<JoinHandle<()>>,
    /// What is listened on, to be handed over.
    socket: Option<OwnedFd>,
}

impl Endpoint {
    /// Nowhere, so far.
    pub fn new(recorder: Arc<Recorder>) -> Self {
        let hosts = watch::Sender::default();
        Self { recorder, hosts, address: None, server: None, socket: None }
    }

    /// Serves where the program before this one did, so that nobody who connects meanwhile is
    /// turned away.
    pub async fn resume(&mut self, socket: OwnedFd) {
        // One that can't be used is opened anew by `listen`.
        let Ok(listener) = TcpListener::from_std(socket.into()) else { return };
        self.address = listener.local_addr().ok();
        self.serve(Some(listener)).await;
    }

    /// Decides whether the socket stays open for the next program; gives its number.
    pub fn keep(&self, keep: bool) -> io::Result<Option<RawFd>> {
        let Some(socket) = &self.socket else { return Ok(None) };
        descriptor::keep(socket, keep)?;
        Ok(Some(socket.as_raw_fd()))
    }

    /// Serves as `config` says, and nowhere else.
    ///
    /// # Errors
    /// It can't be listened on; what was served before is served still.
    pub async fn listen(&mut self, config: Option<&Http>) -> Result<(), DaemonError> {
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
                    // The next reload tries anew.
                    self.address = None;
                }
                self.serve(back.ok()).await;
            }
        }
        bound.map_err(|error| DaemonError::Listen { address, error })
    }

    async fn serve(&mut self, listener: Option<TcpListener>) {
        if let Some(server) = self.server.take() {
            server.abort();
            // Its listener is closed when it has ended.
            let _ = server.await;
        }
        self.socket = listener.as_ref().and_then(|l| l.as_fd().try_clone_to_owned().ok());
        let site = Site { recorder: Arc::clone(&self.recorder), hosts: self.hosts.subscribe() };
        let serve = |listener| tokio::spawn(super::serve(listener, site));
        self.server = listener.map(serve);
    }
}
