//! One replica: a component with its links as in a daemon, with a state of its own.

use std::sync::MutexGuard;
use std::time::Duration;

use crate::config;
use crate::jat::reason::Reason;
use crate::link::component::{Component, lock};
use crate::link::component_tasks::ComponentTasks;
use crate::link::order::Order;

/// What a process of its own would be: it shares nothing with other replicas but the keys.
pub struct Replica {
    tasks: ComponentTasks,
}

impl Replica {
    pub fn start(config: &config::ComponentConfig) -> Self {
        Self { tasks: ComponentTasks::start(config) }
    }

    /// Takes a new configuration as a daemon does on SIGHUP.
    pub fn reload(&mut self, config: &config::ComponentConfig) {
        self.tasks.reconfigure(config);
        self.tasks.ask_again();
    }

    /// Closes its streams in good order within a time.
    pub fn stop(&self, within: Duration) {
        self.tasks.order(|_| Order::Stop { within });
    }

    /// What the rest of a process would see of it.
    pub fn component(&self) -> MutexGuard<'_, Component> {
        lock(&self.tasks.component)
    }

    /// Waits until its links have ended.
    pub async fn ended(self) {
        for link in self.tasks.into_links() {
            // A panic there is a panic here.
            link.task.await.expect("the link ends in good order");
        }
    }

    /// How many resources of the target it knows to be online.
    pub fn online(&self) -> usize {
        self.component().translator.presence().resources.len()
    }

    /// How many stanzas it dropped, or answered, for this reason.
    pub fn count(&self, reason: Reason) -> u64 {
        self.component().tally.total(reason)
    }

    /// Has its tasks fail, as a bug would, and begins anew as a daemon does.
    pub async fn crash(&mut self) {
        for link in self.tasks.links() {
            link.task.abort();
            link.ended().await;
        }
        self.tasks.revive();
    }

    /// Ends it where it stands, as kill -9 does: nothing is said on its streams any more.
    pub async fn kill(self) {
        for link in self.tasks.into_links() {
            link.task.abort();
            // Its socket is closed when the task is gone.
            let _ = link.task.await;
        }
    }
}
