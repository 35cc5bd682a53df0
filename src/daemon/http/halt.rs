//! How all connections are halted, to be handed over to the next program or to be continued.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::timeout_at;

use super::wire::Exchange;

/// What each connection holds: it learns here that it has to halt, and leaves itself here.
#[derive(Clone, Debug)]
pub(crate) struct Halt {
    ordered: watch::Receiver<bool>,
    left: mpsc::UnboundedSender<Exchange>,
}

/// The other side of every [`Halt`].
#[derive(Debug)]
pub(super) struct Connections {
    order: watch::Sender<bool>,
    halt: Halt,
    left: mpsc::UnboundedReceiver<Exchange>,
}

impl Halt {
    /// Waits for the order.
    pub(crate) async fn ordered(&self) {
        // An error means that nobody is left to give the order.
        if self.ordered.clone().wait_for(|ordered| *ordered).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Leaves a connection as it is.
    pub(crate) fn leave(&self, exchange: Exchange) {
        // Dropped when no longer wanted.
        let _ = self.left.send(exchange);
    }
}

impl Connections {
    pub(super) fn new() -> Self {
        let (order, ordered) = watch::channel(false);
        let (sender, left) = mpsc::unbounded_channel();
        Self { order, halt: Halt { ordered, left: sender }, left }
    }

    pub(super) fn halt(&self) -> Halt {
        self.halt.clone()
    }

    /// Halts all connections, and returns those that have not ended.
    pub(super) async fn stop(self) -> Vec<Exchange> {
        let Self { order, halt, mut left } = self;
        drop(halt);
        order.send_replace(true);
        let end = tokio::time::Instant::now() + HALT_TIME;
        let mut exchanges = Vec::new();
        // Until all have dropped their side.
        while let Ok(Some(exchange)) = timeout_at(end, left.recv()).await {
            exchanges.push(exchange);
        }
        exchanges
    }
}

/// They need one turn of the event loop each.
const HALT_TIME: Duration = Duration::from_secs(1);
