//! One replica: a link of the daemon, with a state of its own.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::config;
use crate::jat::reason::Reason;
use crate::jat::translator::Translator;
use crate::link::component::{Component, Shared, lock};
use crate::link::{self, Order};

/// What a process of its own would be: it shares nothing with other replicas but the keys.
pub struct Replica {
    shared: Shared,
    orders: watch::Sender<Order>,
    task: JoinHandle<()>,
}

impl Replica {
    pub fn start(config: config::Component) -> Self {
        let translator = Translator::new(config.settings.clone());
        let shared = Arc::new(Mutex::new(Component::new(translator, fastrand::u64(..))));
        let (orders, receiver) = watch::channel(Order::Run(Arc::new(config)));
        let task = tokio::spawn(link::run(shared.clone(), receiver, watch::Sender::new(false)));
        Self { shared, orders, task }
    }

    /// Takes a new configuration as a daemon does on SIGHUP, and waits until it is in force.
    pub async fn reload(&self, config: config::Component) {
        let keyring = config.settings.keyring.clone();
        self.orders.send_replace(Order::Run(Arc::new(config)));
        while !Arc::ptr_eq(&lock(&self.shared).translator.settings().keyring, &keyring) {
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Gives its link an order, as the daemon does.
    pub fn order(&self, order: Order) {
        self.orders.send_replace(order);
    }

    /// What the rest of a process would see of it.
    pub fn component(&self) -> MutexGuard<'_, Component> {
        lock(&self.shared)
    }

    /// Waits until its link has ended.
    pub async fn ended(self) {
        // A panic there is a panic here.
        self.task.await.expect("the link ends in good order");
    }

    /// How many resources of the target it knows to be online.
    pub fn online(&self) -> usize {
        lock(&self.shared).translator.presence().resources.len()
    }

    /// How many stanzas it dropped, or answered, for this reason.
    pub fn count(&self, reason: Reason) -> u64 {
        lock(&self.shared).tally.total(reason)
    }

    /// Ends it where it stands, as kill -9 does: nothing is said on its stream any more.
    pub async fn kill(self) {
        self.task.abort();
        // Its socket is closed when the task is gone.
        let _ = self.task.await;
    }
}
