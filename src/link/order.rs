//! What the task of a stream is to do.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use crate::config::StreamConfig;

/// What the task of a stream is to do.
#[derive(Clone, Debug)]
pub enum Order {
    /// Keep this stream up.
    Run(Arc<StreamConfig>),
    /// Leave this stream as it is, where others find it:
    /// [`StreamRecord::hold`](super::stream::StreamRecord::hold).
    Pause { stream: Arc<StreamConfig>, successor: SuccessorAge },
    /// Close it in good order within this time, and end.
    Stop { within: Duration },
}

/// How old the program is that is to go on with a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuccessorAge {
    /// As old as this one, or newer.
    Current,
    /// It may be so old that it can't go on within a stanza that is skipped.
    Older,
}

impl Order {
    /// The stream that there is to be.
    pub fn stream(&self) -> Option<&StreamConfig> {
        match self {
            Self::Run(stream) | Self::Pause { stream, .. } => Some(stream),
            Self::Stop { .. } => None,
        }
    }
}

/// Waits for an order that ends an attempt to log in. Others wait for its end.
pub async fn interrupted(orders: &watch::Receiver<Order>) {
    let mut orders = orders.clone();
    // An error means that nobody gives orders any more.
    let order = orders.wait_for(|order| !matches!(order, Order::Run(_))).await;
    let pause = order.is_ok_and(|order| matches!(*order, Order::Pause { .. }));
    if pause {
        // The server may take us for logged in already, and stanzas are on their way.
        sleep(PAUSE_PATIENCE).await;
    }
}

/// How long a login in progress may delay a pause.
const PAUSE_PATIENCE: Duration = Duration::from_secs(1);
