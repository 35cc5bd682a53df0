//! The links of this process, one for each component.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::clock::unix_now;
use crate::config::{self, Config};
use crate::jat::translator::Translator;
use crate::link::component::{Component, Shared};
use crate::link::heartbeat::Heartbeat;
use crate::link::{self, Order};

/// All components, each with its link and the orders that it has.
#[derive(Debug)]
pub struct Links {
    started: u64,
    members: Mutex<Vec<Member>>,
    /// Links that were told to stop, and may still be closing their streams.
    leaving: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Member {
    domain: String,
    component: Shared,
    heartbeat: Arc<Heartbeat>,
    orders: watch::Sender<Order>,
    attempted: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

impl Links {
    pub fn new() -> Self {
        let started = unix_now();
        Self { started, members: Mutex::default(), leaving: Mutex::default() }
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
        let wanted =
            |domain: &str| config.components.iter().any(|c| c.settings.domain.as_str() == domain);
        let (stay, leave): (Vec<_>, Vec<_>) =
            members.drain(..).partition(|member| wanted(&member.domain));
        *members = stay;
        let mut leaving = self.leaving();
        leaving.retain(|task| !task.is_finished());
        for member in leave {
            member.orders.send_replace(Order::Stop { within: config.shutdown_timeout });
            leaving.push(member.task);
        }
    }

    /// Every component, in the order of the configuration's history.
    pub fn components(&self) -> Vec<Shared> {
        self.members().iter().map(|m| Arc::clone(&m.component)).collect()
    }

    /// Every component, and the configuration that its link was ordered to run with.
    pub fn configured(&self) -> Vec<(Shared, Arc<config::Component>)> {
        let of = |member: &Member| match &*member.orders.borrow() {
            Order::Run(config) => Some((Arc::clone(&member.component), Arc::clone(config))),
            Order::Stop { .. } => None,
        };
        self.members().iter().filter_map(of).collect()
    }

    /// Has every link made its first attempt to connect?
    pub fn all_attempted(&self) -> bool {
        self.members().iter().all(|m| *m.attempted.borrow())
    }

    /// How long ago the last sign of life of some link is. Takes no lock that a link may hold.
    pub fn longest_silence(&self) -> Duration {
        self.members().iter().map(|m| m.heartbeat.age()).max().unwrap_or_default()
    }

    /// Stops all links `within` a time, and waits for them, also for those that a reload took
    /// away.
    pub async fn stop(&self, within: Duration) {
        let mut tasks = std::mem::take(&mut *self.leaving());
        let members = std::mem::take(&mut *self.members());
        for member in &members {
            member.orders.send_replace(Order::Stop { within });
        }
        tasks.extend(members.into_iter().map(|member| member.task));
        for task in tasks {
            // A task that panicked has been heard of before.
            let _ = task.await;
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

    fn leaving(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn members(&self) -> MutexGuard<'_, Vec<Member>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Links {
    fn default() -> Self {
        Self::new()
    }
}

impl Member {
    fn start(config: &config::Component, order: Order) -> Self {
        let translator = Translator::new(config.settings.clone());
        // Not for secrets: a fixed seed would only make replicas choose alike.
        let seed = getrandom::u64().unwrap_or_default();
        let component = Component::new(translator, seed);
        let heartbeat = component.heartbeat();
        let component: Shared = Arc::new(Mutex::new(component));
        let (orders, receiver) = watch::channel(order);
        let (attempting, attempted) = watch::channel(false);
        let task = tokio::spawn(link::run(Arc::clone(&component), receiver, attempting));
        let domain = config.settings.domain.to_string();
        Self { domain, component, heartbeat, orders, attempted, task }
    }
}
