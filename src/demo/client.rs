//! A client of the demo's server, as a handle.

use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, timeout_at};

use super::PATIENCE;
use super::router::{Shared, lock, start_tag};
use crate::stanza::head::Kind;

/// A client that is online.
pub(super) struct Client {
    jid: String,
    inbox: UnboundedReceiver<String>,
    router: Shared,
}

impl Client {
    /// Logs in under the full JID `jid`.
    pub(super) fn log_in(jid: &str, router: &Shared) -> Self {
        let inbox = lock(router).add_client(jid);
        Self { jid: jid.to_owned(), inbox, router: router.clone() }
    }

    /// Its full JID.
    pub(super) fn jid(&self) -> &str {
        &self.jid
    }

    /// Sends one stanza; the server stamps its `from`.
    pub(super) fn send(&self, xml: &str) {
        lock(&self.router).take_from_client(&self.jid, xml);
    }

    /// The next stanza of this kind, byte for byte; `None` if there is none in time.
    pub(super) async fn recv(&mut self, kind: Kind) -> Option<String> {
        self.recv_within(kind, PATIENCE).await
    }

    pub(super) async fn recv_within(&mut self, kind: Kind, time: Duration) -> Option<String> {
        let deadline = Instant::now() + time;
        loop {
            let stanza = timeout_at(deadline, self.inbox.recv()).await.ok().flatten()?;
            if start_tag(&stanza).is_some_and(|head| head.kind == kind) {
                return Some(stanza);
            }
        }
    }
}
