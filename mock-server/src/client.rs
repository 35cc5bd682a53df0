//! A client of the server, as a handle inside the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jat_core::stanza::head::Kind;
use jat_core::stanza::xml_error::XmlError;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, timeout, timeout_at};

use crate::PATIENCE;
use crate::router::Session;
use crate::shared::Shared;
use crate::stanza::Stanza;

/// A client that is logged in, available until it sends otherwise. Dropping it logs it out.
pub struct Client {
    jid: String,
    number: u64,
    inbox: UnboundedReceiver<Stanza>,
    shared: Arc<Shared>,
}

impl Client {
    pub(crate) fn log_in(jid: &str, shared: Arc<Shared>) -> Self {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let (sender, inbox) = unbounded_channel();
        let mut router = shared.router();
        router.log_in(Session::new(number, jid, sender));
        router.own_presence(jid, &Stanza::presence(None, jid, ""));
        drop(router);
        Self { jid: jid.to_owned(), number, inbox, shared }
    }

    /// Sends one stanza; the server sets its `from`.
    ///
    /// # Errors
    /// `xml` is not exactly one element. (A server would end the client's stream for it.)
    pub fn send(&self, xml: &str) -> Result<(), XmlError> {
        let stanza = Stanza::parse(xml)?;
        self.shared.router().take_from_client(&self.jid, &stanza);
        Ok(())
    }

    /// The next stanza, byte for byte; `None` after 30 s without one.
    pub async fn recv(&mut self) -> Option<String> {
        self.recv_within(PATIENCE).await
    }

    pub async fn recv_within(&mut self, time: Duration) -> Option<String> {
        let stanza = timeout(time, self.inbox.recv()).await.ok().flatten();
        stanza.map(Stanza::into_string)
    }

    /// The next IQ, past presence and messages; `None` after 30 s without one.
    pub async fn recv_iq(&mut self) -> Option<String> {
        self.recv_iq_within(PATIENCE).await
    }

    pub async fn recv_iq_within(&mut self, time: Duration) -> Option<String> {
        let deadline = Instant::now() + time;
        loop {
            let stanza = timeout_at(deadline, self.inbox.recv()).await.ok().flatten()?;
            if stanza.head().kind == Kind::Iq {
                return Some(stanza.into_string());
            }
        }
    }

    /// Logs out; contacts get presence as if the client had sent it.
    pub fn log_out(self) {}
}

impl Drop for Client {
    fn drop(&mut self) {
        self.shared.router().log_out(&self.jid, Some(self.number));
    }
}

#[cfg(test)]
mod tests {
    use crate::mock_component::ejabberd;

    const A: &str = "bot@some-domain.example/a";
    const B: &str = "bot@some-domain.example/b";

    #[tokio::test]
    async fn clients_reach_each_other_until_they_go() {
        let server = ejabberd().await;
        let (mut a, mut b) = (server.client(A), server.client(B));
        a.send("<message to='bot@some-domain.example/b'><body>hi</body></message>").unwrap();
        let message = b.recv().await.unwrap();
        assert!(message.contains("<body>hi</body>") && message.contains(A), "{message}");
        let request = "<iq type='get' id='1' to='bot@some-domain.example/b'><q/></iq>";
        a.send(request).unwrap();
        assert!(b.recv_iq().await.is_some());
        b.log_out();
        a.send(request).unwrap();
        assert!(a.recv_iq().await.unwrap().contains("service-unavailable"));
    }

    #[tokio::test]
    async fn a_newer_client_of_the_same_address_stays_when_the_older_goes() {
        let server = ejabberd().await;
        let older = server.client(A);
        let mut newer = server.client(A);
        drop(older);
        server.client(B).send("<message to='bot@some-domain.example/a'/>").unwrap();
        assert!(newer.recv().await.is_some());
    }
}
