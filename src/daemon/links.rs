//! All links of this process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jid::DomainPart;
use tokio::task::JoinHandle;
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
    leaving: Mutex<Vec<JoinHandle<()>>>,
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
        leaving.retain(|task| !task.is_finished());
        for link in leave {
            link.orders.send_replace(Order::Stop { within: config.shutdown_timeout });
            leaving.push(link.task);
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
        self.members().iter().flat_map(|m| &m.links).all(|link| *link.attempted.borrow())
    }

    /// How long ago the last sign of life of some link is. Takes no lock that a link may hold.
    pub fn longest_silence(&self) -> Duration {
        let members = self.members();
        members.iter().flat_map(|m| &m.links).map(|l| l.heartbeat.age()).max().unwrap_or_default()
    }

    /// Stops all links `within` a time, and waits for them, also for those that a reload took
    /// away.
    pub async fn stop(&self, within: Duration) {
        let mut tasks = std::mem::take(&mut *self.leaving());
        let members = std::mem::take(&mut *self.members());
        let links: Vec<Running> = members.into_iter().flat_map(|member| member.links).collect();
        for link in &links {
            link.orders.send_replace(Order::Stop { within });
        }
        tasks.extend(links.into_iter().map(|link| link.task));
        for task in tasks {
            // A task that panicked has been heard of before.
            let _ = task.await;
        }
    }

    /// Waits for a link that ends without being told to; says which.
    pub async fn unexpected_end(&self) -> String {
        loop {
            let members = self.members();
            let ended = members.iter().flat_map(|m| &m.links).find(|l| l.task.is_finished());
            if let Some(link) = ended {
                return link.domain.to_string();
            }
            drop(members);
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
