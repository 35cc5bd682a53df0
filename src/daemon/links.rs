//! All links of this process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jid::DomainPart;
use tokio::time::sleep;

use crate::clock::unix_now;
use crate::config::{self, Config};
use crate::link::Order;
use crate::link::component::Shared;
use crate::link::member::{Member, Running};

/// All components, each with its links.
#[derive(Debug)]
pub struct Links {
    started: u64,
    members: Mutex<Vec<Member>>,
    /// Links that were told to stop, and may still be closing their streams.
    leaving: Mutex<Vec<Running>>,
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
        let mut leave = Vec::new();
        for component in &config.components {
            let domain = &component.settings.domain;
            match members.iter_mut().find(|m| m.config.settings.domain == *domain) {
                Some(member) => leave.extend(member.reconfigure(component)),
                None => members.push(Member::start(component)),
            }
        }
        let wanted =
            |domain: &DomainPart| config.components.iter().any(|c| c.settings.domain == *domain);
        let (stay, gone): (Vec<_>, Vec<_>) =
            members.drain(..).partition(|member| wanted(&member.config.settings.domain));
        *members = stay;
        leave.extend(gone.into_iter().flat_map(|member| member.links));
        let mut leaving = self.leaving();
        leaving.retain(|link| !link.task.is_finished());
        for link in leave {
            link.orders.send_replace(Order::Stop { within: config.shutdown_timeout });
            leaving.push(link);
        }
    }

    /// Every component, in the order of the configuration's history.
    pub fn components(&self) -> Vec<Shared> {
        self.members().iter().map(|m| Arc::clone(&m.component)).collect()
    }

    /// Every component, and its configuration.
    pub fn configured(&self) -> Vec<(Shared, Arc<config::Component>)> {
        let of = |member: &Member| (Arc::clone(&member.component), Arc::clone(&member.config));
        self.members().iter().map(of).collect()
    }

    /// Has every link made its first attempt to connect?
    pub fn all_attempted(&self) -> bool {
        self.running(|links| links.iter().all(|link| *link.attempted.borrow()))
    }

    /// How long ago the last sign of life of some link is. Takes no lock that a link may hold.
    pub fn longest_silence(&self) -> Duration {
        let (members, leaving) = (self.members(), self.leaving());
        let leaving = leaving.iter().filter(|link| !link.task.is_finished());
        let links = members.iter().flat_map(|member| &member.links).chain(leaving);
        links.map(|link| link.heartbeat.age()).max().unwrap_or_default()
    }

    /// Stops all links `within` a time, and waits for them, also for those that a reload took
    /// away. The watchdog goes on to look after them.
    pub async fn stop(&self, within: Duration) {
        for member in std::mem::take(&mut *self.members()) {
            for link in member.links {
                link.orders.send_replace(Order::Stop { within });
                self.leaving().push(link);
            }
        }
        self.all_left().await;
    }

    /// Waits until all links have ended that were told to stop.
    pub async fn all_left(&self) {
        // A task that panicked has been heard of before.
        while self.leaving().iter().any(|link| !link.task.is_finished()) {
            sleep(STEP).await;
        }
    }

    /// Waits for a link that ends without being told to; says which.
    pub async fn unexpected_end(&self) -> String {
        loop {
            let ended = self.running(|links| {
                let ended = links.iter().find(|link| link.task.is_finished());
                ended.map(|link| link.domain.to_string())
            });
            if let Some(domain) = ended {
                return domain;
            }
            sleep(Duration::from_secs(1)).await;
        }
    }

    /// What `look` finds among the links that are to run.
    fn running<T>(&self, look: impl FnOnce(&[&Running]) -> T) -> T {
        let members = self.members();
        look(&members.iter().flat_map(|member| &member.links).collect::<Vec<_>>())
    }

    fn leaving(&self) -> MutexGuard<'_, Vec<Running>> {
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

/// How often is looked whether something has come about.
const STEP: Duration = Duration::from_millis(2);
