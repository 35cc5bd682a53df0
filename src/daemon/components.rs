//! All components of this process.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jid::DomainPart;
use tokio::time::{Instant, sleep};

use crate::config::{self, Config};
use crate::link::component::{Shared, lock};
use crate::link::component_tasks::{ComponentTasks, LinkTask};
use crate::link::order::{Order, Successor};
use crate::link::snapshot::{ComponentSnapshot, take_back};

/// All components, each with its links.
#[derive(Debug)]
pub struct Components {
    started: u64,
    tasks: Mutex<Vec<ComponentTasks>>,
    /// Links that were told to stop, and may still be closing their streams.
    leaving: Mutex<Vec<LinkTask>>,
}

impl Components {
    /// `started` is the Unix second in which the process began.
    pub fn new(started: u64) -> Self {
        Self { started, tasks: Mutex::default(), leaving: Mutex::default() }
    }

    /// Unix second in which the process began.
    pub fn started(&self) -> u64 {
        self.started
    }

    /// Goes on with the components of the program before this one. What stays in `from` are
    /// streams that `config` does not have any more, and those that could not be taken over.
    pub fn resume(&self, config: &Config, from: &mut [ComponentSnapshot]) {
        for component in from {
            let mut configs = config.components.iter();
            if let Some(config) = configs.find(|c| c.settings.domain.as_str() == component.domain) {
                self.tasks().push(ComponentTasks::resume(config, component));
            }
        }
    }

    /// Has all links leave their streams as they are, those that are `encrypted` or those that are
    /// not; says which one did not in time. They go on with [`Self::go_on`].
    ///
    /// An encrypted one is closed by that.
    pub async fn pause(&self, for_whom: Successor, encrypted: bool) -> Result<(), String> {
        let meant = |stream: &config::StreamConfig| stream.tls.is_some() == encrypted;
        let pause = |stream| Order::Pause { stream: Arc::new(stream), for_whom };
        self.order(|stream| meant(&stream).then(|| pause(stream)));
        let end = Instant::now() + PAUSE_TIME;
        loop {
            let busy = self.tasks().iter().find_map(|tasks| {
                let component = lock(&tasks.component);
                let pauses = |domain: &DomainPart| {
                    component.find_stream(domain).is_none_or(|stream| stream.paused.is_some())
                };
                let mut streams = tasks.config.streams().filter(meant);
                streams.find(|stream| !pauses(&stream.domain)).map(|s| s.domain.to_string())
            });
            match busy {
                None => return Ok(()),
                Some(domain) if Instant::now() >= end => return Err(domain),
                Some(_) => sleep(STEP).await,
            }
        }
    }

    /// Whether there are streams that can't be handed over.
    pub fn any_encrypted(&self) -> bool {
        self.tasks().iter().any(|component| component.config.tls.is_some())
    }

    /// What the next program needs of all components, while all links pause.
    pub fn hand_over(&self) -> io::Result<Vec<ComponentSnapshot>> {
        self.tasks().iter().map(|m| ComponentSnapshot::of(&lock(&m.component))).collect()
    }

    /// Ends a pause, after a hand-over that came to nothing too.
    pub fn go_on(&self) {
        self.all().iter().for_each(|component| take_back(&lock(component)));
        self.order(|stream| Some(Order::Run(Arc::new(stream))));
    }

    fn order(&self, order: impl Fn(config::StreamConfig) -> Option<Order>) {
        for component in &*self.tasks() {
            for stream in component.config.streams() {
                let links = component.links.iter().filter(|link| link.domain == stream.domain);
                for (link, order) in links.filter_map(|l| Some((l, order(stream.clone())?))) {
                    link.orders.send_replace(order);
                }
            }
        }
    }

    /// Brings the components in line with `config`: starts, changes and stops them. Streams
    /// whose server and secret stay the same stay up.
    pub fn apply(&self, config: &Config) {
        let mut tasks = self.tasks();
        let mut leave = Vec::new();
        for component in &config.components {
            let domain = &component.settings.domain;
            match tasks.iter_mut().find(|m| m.config.settings.domain == *domain) {
                Some(running) => leave.extend(running.reconfigure(component)),
                None => tasks.push(ComponentTasks::start(component)),
            }
        }
        let wanted =
            |domain: &DomainPart| config.components.iter().any(|c| c.settings.domain == *domain);
        let (stay, gone): (Vec<_>, Vec<_>) =
            tasks.drain(..).partition(|component| wanted(&component.config.settings.domain));
        *tasks = stay;
        leave.extend(gone.into_iter().flat_map(|component| component.links));
        let mut leaving = self.leaving();
        leaving.retain(|link| !link.task.is_finished());
        for link in leave {
            link.orders.send_replace(Order::Stop { within: config.shutdown_timeout });
            leaving.push(link);
        }
    }

    /// Asks each target for its presence again.
    pub fn ask_again(&self) {
        self.tasks().iter().for_each(ComponentTasks::ask_again);
    }

    /// Every component, in the order of the configuration's history.
    pub fn all(&self) -> Vec<Shared> {
        self.tasks().iter().map(|m| Arc::clone(&m.component)).collect()
    }

    /// Every component, and its configuration.
    pub fn configured(&self) -> Vec<(Shared, Arc<config::ComponentConfig>)> {
        let of = |component: &ComponentTasks| {
            (Arc::clone(&component.component), Arc::clone(&component.config))
        };
        self.tasks().iter().map(of).collect()
    }

    /// Whether every link has made its first attempt to connect.
    pub fn all_attempted(&self) -> bool {
        self.running(|links| links.iter().all(|link| *link.attempted.borrow()))
    }

    /// How long ago the last sign of life of some link is that has not ended. Takes no lock that
    /// a link may hold.
    pub fn longest_silence(&self) -> Duration {
        let (tasks, leaving) = (self.tasks(), self.leaving());
        let links = tasks.iter().flat_map(|component| &component.links).chain(leaving.iter());
        links
            .filter(|link| !link.task.is_finished())
            .map(|link| link.heartbeat.age())
            .max()
            .unwrap_or_default()
    }

    /// Stops all links `within` a time, and waits for them, also for those that a reload took
    /// away. Until then they are seen as ever.
    pub async fn stop(&self, within: Duration) {
        self.order(|_| Some(Order::Stop { within }));
        while !self.running(|links| links.iter().all(|link| link.task.is_finished())) {
            sleep(STEP).await;
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

    /// Begins anew with each link that has ended without being told to.
    pub fn revive(&self) {
        self.tasks().iter_mut().for_each(ComponentTasks::revive);
    }

    /// What `look` finds among the links that are to run.
    fn running<T>(&self, look: impl FnOnce(&[&LinkTask]) -> T) -> T {
        let tasks = self.tasks();
        look(&tasks.iter().flat_map(|component| &component.links).collect::<Vec<_>>())
    }

    fn leaving(&self) -> MutexGuard<'_, Vec<LinkTask>> {
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tasks(&self) -> MutexGuard<'_, Vec<ComponentTasks>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long all links may take to pause: one that skips a stanza, or is just being closed for
/// another server, takes the longest.
const PAUSE_TIME: Duration = Duration::from_secs(5);
/// How often is looked whether something has come about.
const STEP: Duration = Duration::from_millis(2);
