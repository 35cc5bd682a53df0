//! What is done to a replica, as a daemon does it, or what befalls a daemon.

use std::time::Duration;

use jat_proxy::config::ComponentConfig;
use jat_proxy::link::order::Order;

use crate::fixture::Replica;

impl Replica {
    /// Takes a new configuration as a daemon does on SIGHUP.
    pub fn reload(&mut self, config: &ComponentConfig) {
        self.tasks.reconfigure(config);
        self.tasks.ask_again();
    }

    /// Closes its streams in good order within a time.
    pub fn stop(&self, within: Duration) {
        self.tasks.order(|_| Order::Stop { within });
    }

    /// Waits until its links have ended.
    pub async fn ended(self) {
        for link in self.tasks.into_links() {
            // A panic there is a panic here.
            link.task.await.expect("the link ends in good order");
        }
    }

    /// Has its tasks fail, as a bug would, and starts them again as a daemon does.
    pub async fn crash(&mut self) {
        for link in self.tasks.links() {
            link.task.abort();
            link.ended().await;
        }
        self.tasks.revive();
    }

    /// Ends it at once, as kill -9 does: nothing more is written on its streams.
    pub async fn kill(self) {
        for link in self.tasks.into_links() {
            link.task.abort();
            // Its socket is closed when the task is gone.
            let _ = link.task.await;
        }
    }
}
