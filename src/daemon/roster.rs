//! The components that run in this process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::clock::unix_now;
use crate::config::{self, Config};
use crate::jat::translator::Translator;
use crate::link::component::{Component, Shared, lock};
use crate::link::{self, Order};

/// All components, each with its link.
#[derive(Debug)]
pub struct Roster {
    started: u64,
    members: Mutex<Vec<Member>>,
}

#[derive(Debug)]
struct Member {
    domain: String,
    component: Shared,
    orders: watch::Sender<Order>,
    attempted: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

impl Roster {
    pub fn new() -> Self {
        let started = unix_now();
        Self { started, members: Mutex::default() }
    }

    /// Unix second in which the process began.
    pub fn started(&self) -> u64 {
        self.started
    }

    /// Brings the components in line with `config`: starts, changes and stops them. Streams
    /// whose server and secret stay the same stay up.
    pub fn apply(&self, config: &Config) {
        let mut members = self.members();
        for component in &config.components {
            let order = Order::Run(Arc::new(component.clone()));
            match members.iter().find(|m| m.domain == component.settings.domain.as_str()) {
                Some(member) => {
                    member.orders.send_replace(order);
                }
                None => members.push(Member::start(component, order)),
            }
        }
        members.retain(|member| {
            let stays =
                config.components.iter().any(|c| c.settings.domain.as_str() == member.domain);
            if !stays {
                member.orders.send_replace(Order::Stop);
            }
            stays
        });
    }

    /// Every component, in the order of the configuration's history.
    pub fn components(&self) -> Vec<Shared> {
        self.members().iter().map(|m| Arc::clone(&m.component)).collect()
    }

    /// Every component, and the configuration that its link was ordered to run with.
    pub fn configured(&self) -> Vec<(Shared, Arc<config::Component>)> {
        let of = |member: &Member| match &*member.orders.borrow() {
            Order::Run(config) => Some((Arc::clone(&member.component), Arc::clone(config))),
            Order::Stop => None,
        };
        self.members().iter().filter_map(of).collect()
    }

    /// Has every link made its first attempt to connect?
    pub fn all_attempted(&self) -> bool {
        self.members().iter().all(|m| *m.attempted.borrow())
    }

    /// The moment of the turn that is the longest ago.
    pub fn oldest_turn(&self) -> Option<Instant> {
        self.components().iter().map(|c| lock(c).last_turn).min()
    }

    /// Stops all links, and waits for them.
    pub async fn stop(&self) {
        let members = std::mem::take(&mut *self.members());
        for member in &members {
            member.orders.send_replace(Order::Stop);
        }
        for member in members {
            // A task that panicked has been heard of before.
            let _ = member.task.await;
        }
    }

    /// Waits for a link that ends without being told to; says which.
    pub async fn unexpected_end(&self) -> String {
        loop {
            if let Some(member) = self.members().iter().find(|m| m.task.is_finished()) {
                return member.domain.clone();
            }
            sleep(Duration::from_secs(1)).await;
        }
    }

    fn members(&self) -> MutexGuard<'_, Vec<Member>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Roster {
    fn default() -> Self {
        Self::new()
    }
}

impl Member {
    fn start(config: &config::Component, order: Order) -> Self {
        let translator = Translator::new(config.settings.clone());
        // Not for secrets: a fixed seed would only make replicas choose alike.
        let seed = getrandom::u64().unwrap_or_default();
        let component: Shared = Arc::new(Mutex::new(Component::new(translator, seed)));
        let (orders, receiver) = watch::channel(order);
        let (attempting, attempted) = watch::channel(false);
        let task = tokio::spawn(link::run(Arc::clone(&component), receiver, attempting));
        let domain = config.settings.domain.to_string();
        Self { domain, component, orders, attempted, task }
    }
}
