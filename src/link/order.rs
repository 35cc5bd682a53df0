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
    Pause(Arc<StreamConfig>),
    /// Close it properly within this time, and end.
    Stop { within: Duration },
}

impl Order {
    /// The stream that is to be up.
    pub fn stream(&self) -> Option<&StreamConfig> {
        match self {
            Self::Run(stream) | Self::Pause(stream) => Some(stream),
            Self::Stop { .. } => None,
        }
    }
}

/// Waits for an order that ends an attempt to log in. Other orders wait for the end of the attempt.
pub async fn interrupted(orders: &watch::Receiver<Order>) {
    let mut orders = orders.clone();
    // An error means that nobody gives orders any more.
    let order = orders.wait_for(|order| !matches!(order, Order::Run(_))).await;
    let pause = order.is_ok_and(|order| matches!(*order, Order::Pause(_)));
    if pause {
        // To the server we may be logged in already, with stanzas on their way.
        sleep(PAUSE_PATIENCE).await;
    }
}

/// How long a login in progress may delay a pause.
const PAUSE_PATIENCE: Duration = Duration::from_secs(1);
