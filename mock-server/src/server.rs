//! The server as its user sees it: components over real TCP, clients as handles.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::PATIENCE;
use crate::client::Client;
use crate::connection::Connection;
use crate::login::Login;
use crate::options::Options;
use crate::roster::RosterState;
use crate::router::Passed;
use crate::shared::Shared;
use crate::wire;

/// A running server; everything ends when it is dropped.
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    listener: Mutex<Option<JoinHandle<()>>>,
}

impl Server {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// Those of binding it.
    pub async fn start(options: Options) -> io::Result<Self> {
        Self::start_at(0, options).await
    }

    /// Listens on this port of 127.0.0.1.
    ///
    /// # Errors
    /// Those of binding it.
    pub async fn start_at(port: u16, options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(options));
        let task = tokio::spawn(accept(listener, shared.clone()));
        Ok(Self { shared, address, listener: Mutex::new(Some(task)) })
    }

    /// Where components connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Logs a client in under the full JID `jid`, with initial presence. A client that has this
    /// JID already is replaced.
    pub fn client(&self, jid: &str) -> Client {
        Client::log_in(jid, self.shared.clone())
    }

    /// Sets what `account` (bare JID) lets the address `contact` see; tests and benches use it to
    /// begin with an existing subscription.
    pub fn set_subscription(&self, account: &str, contact: &str, subscription: RosterState) {
        self.shared.router().roster.set_subscription(account, contact, subscription);
    }

    #[cfg(test)]
    pub(crate) fn subscription(&self, account: &str, contact: &str) -> RosterState {
        self.shared.router().roster.subscription(account, contact)
    }

    /// The connections that are logged in for `domain`, oldest first.
    pub fn connections(&self, domain: &str) -> Vec<Arc<Connection>> {
        self.shared.router().connections(domain)
    }

    /// Waits until `count` connections are logged in for `domain`; `None` after 30 s.
    pub async fn connected(&self, domain: &str, count: usize) -> Option<Vec<Arc<Connection>>> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let connections = self.connections(domain);
            if connections.len() == count {
                return Some(connections);
            }
            sleep(Duration::from_millis(2)).await;
        }
        None
    }

    /// TCP connections accepted so far.
    pub fn accepted(&self) -> usize {
        self.shared.accepted()
    }

    /// Every stanza that passed between the server and a component since the last call, in order. They
    /// are discarded here, like the bytes that connections have received, so that a server can record
    /// for any length of time.
    pub fn take_passed(&self) -> Vec<Passed> {
        self.shared.router().take_passed()
    }

    /// How connections that are accepted from now on are logged in.
    pub fn set_login(&self, login: Login) {
        self.shared.set_login(login);
    }

    /// Refuses new connections. Existing ones, and the clients, stay.
    pub async fn stop_listening(&self) {
        let task = self.listener().take();
        if let Some(task) = task {
            task.abort();
            // The port is free when the task has dropped its listener.
            let _ = task.await;
        }
    }

    /// Listens again, on the same port.
    ///
    /// # Errors
    /// Those of binding it.
    pub async fn listen_again(&self) -> io::Result<()> {
        self.stop_listening().await;
        let listener = TcpListener::bind(self.address).await?;
        *self.listener() = Some(tokio::spawn(accept(listener, self.shared.clone())));
        Ok(())
    }

    fn listener(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(task) = self.listener().take() {
            task.abort();
        }
        for connection in self.shared.router().all_connections() {
            connection.cut();
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                shared.count_accepted();
                tokio::spawn(wire::serve(stream, shared.clone()));
            }
            // Probably too few descriptors; some will be free again.
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Direction;
    use crate::mock_component::{DOMAIN, MockComponent, ejabberd, prosody};

    const USER: &str = "user@some-domain.example/abc";

    #[tokio::test]
    async fn stanzas_pass_in_both_directions() {
        let server = ejabberd().await;
        let mut component = MockComponent::log_in(&server, DOMAIN, "secret").await;
        let mut user = server.client(USER);
        user.send("<iq xml:lang='en' type='get' id='1' to='proxy.example'><q>&gt;</q></iq>")
            .unwrap();
        let request = "<iq from='user@some-domain.example/abc' xml:lang='en' type='get' id='1' \
            to='proxy.example'><q>&gt;</q></iq>";
        assert_eq!(component.recv().await, request);
        let reply =
            "<iq type='result'  id='1' from='proxy.example' to='user@some-domain.example/abc'/>";
        component.send(reply).await;
        assert_eq!(user.recv().await.unwrap(), reply);
        let directions = [Direction::ToComponent, Direction::FromComponent];
        let received = server.connections(DOMAIN)[0].received();
        let passed = server.take_passed();
        assert_eq!(passed.iter().map(|p| p.direction).collect::<Vec<_>>(), directions);
        assert_eq!(passed[1].xml, reply);
        assert_eq!(received, reply.as_bytes());
        assert!(server.take_passed().is_empty());
        assert!(server.connections(DOMAIN)[0].received().is_empty());
    }

    #[tokio::test]
    async fn nobody_logs_in_by_mistake() {
        let server = prosody().await;
        let (_, answer) = MockComponent::try_log_in(&server, DOMAIN, "other").await;
        assert!(answer.contains("<not-authorized"), "{answer}");
        let (_, answer) = MockComponent::try_log_in(&server, "other.example", "secret").await;
        assert!(answer.contains("<host-unknown"), "{answer}");
        assert_eq!((server.connections(DOMAIN).len(), server.accepted()), (0, 2));
    }

    #[tokio::test]
    async fn it_listens_again_on_the_same_port() {
        let server = ejabberd().await;
        let mut component = MockComponent::log_in(&server, DOMAIN, "secret").await;
        server.stop_listening().await;
        assert!(tokio::net::TcpStream::connect(server.address()).await.is_err());
        for connection in server.connections(DOMAIN) {
            connection.fail("system-shutdown", "");
        }
        component.recv_with("<system-shutdown").await;
        server.connected(DOMAIN, 0).await.unwrap();
        server.listen_again().await.unwrap();
        MockComponent::log_in(&server, DOMAIN, "secret").await;
    }
}
