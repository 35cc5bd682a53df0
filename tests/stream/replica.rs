//! What a daemon does with a replica, and what can happen to a daemon.

use std::time::Duration;

use jat_proxy::config::ComponentConfig;
use jat_proxy::link::order::Order;

use crate::fixture::Replica;

impl Replica {
    /// Applies a new configuration as a daemon does on SIGHUP.
    pub fn reload(&mut self, config: &ComponentConfig) {
        self.tasks.reconfigure(config);
        self.tasks.ask_again();
    }

    /// Closes its streams cleanly within a time.
    pub fn stop(&self, within: Duration) {
        self.tasks.order(|_| Order::Stop { within });
    }

    /// Waits until its tasks have ended.
    pub async fn ended(self) {
        for link in self.tasks.into_links() {
            // A panic in a task is a panic here.
            link.task.await.expect("the link ends in good order");
        }
    }

    /// Makes its tasks fail, as a bug would, and restarts them as a daemon does.
    pub async fn crash(&mut self) {
        for link in self.tasks.links() {
            link.task.abort();
            link.ended().await;
        }
        self.tasks.revive();
    }

    /// Kills it, as kill -9 does: nothing more is written on its streams.
    pub async fn kill(self) {
        for link in self.tasks.into_links() {
            link.task.abort();
            // Its socket is closed when the task has ended.
            let _ = link.task.await;
        }
    }
}
