//! All components of this process.

use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use jid::DomainPart;
use tokio::time::{Instant, timeout_at};

use crate::config::{ComponentConfig, Config, StreamConfig};
use crate::link::component::{Shared, lock, until};
use crate::link::component_tasks::{ComponentTasks, LinkTask};
use crate::link::order::Order;
use crate::link::snapshot::{ComponentSnapshot, take_back};
use crate::link::stream::StreamRecord;

/// All components, each with the tasks of its streams.
#[derive(Debug)]
pub struct Components {
    started: u64,
    tasks: Mutex<Vec<ComponentTasks>>,
    /// Tasks that have been told to stop and may still be closing their streams.
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

    /// Continues with the components of the previous program. What stays in `from` are streams that
    /// `config` does not have any more, and those that could not be taken over.
    pub fn resume(&self, config: &Config, from: &mut [ComponentSnapshot]) {
        for component in from {
            let mut configs = config.components.iter();
            if let Some(config) = configs.find(|c| c.settings.domain.as_str() == component.domain) {
                self.tasks().push(ComponentTasks::resume(config, component));
            }
        }
    }

    /// Pauses all streams that are `encrypted`, or all that are not, and leaves them as they are;
    /// names one that did not pause in time. [`Self::go_on`] ends the pause.
    ///
    /// An encrypted stream is closed by this.
    pub async fn pause(&self, encrypted: bool) -> Result<(), String> {
        let mut pausing = Vec::new();
        for tasks in self.tasks().iter().filter(|t| t.config.tls.is_some() == encrypted) {
            tasks.order(|stream| Order::Pause(Arc::new(stream)));
            pausing.push(Arc::clone(&tasks.component));
        }
        let end = Instant::now() + PAUSE_TIME;
        for component in pausing {
            let paused = until(&component, |c| c.streams().all(StreamRecord::is_paused));
            if timeout_at(end, paused).await.is_err()
                && let Some(busy) = lock(&component).streams().find(|stream| !stream.is_paused())
            {
                return Err(busy.domain.to_string());
            }
        }
        Ok(())
    }

    /// Whether there are streams that can't be handed over.
    pub fn any_encrypted(&self) -> bool {
        self.tasks().iter().any(|component| component.config.tls.is_some())
    }

    /// What the next program needs of all components, while all streams are paused.
    pub fn hand_over(&self) -> io::Result<Vec<ComponentSnapshot>> {
        self.all().iter().map(|component| ComponentSnapshot::of(&lock(component))).collect()
    }

    /// Ends a pause, also after a hand-over that failed.
    pub fn go_on(&self) {
        self.all().iter().for_each(|component| take_back(&lock(component)));
        self.order(|stream| Order::Run(Arc::new(stream)));
    }

    fn order(&self, order: impl Fn(StreamConfig) -> Order) {
        self.tasks().iter().for_each(|tasks| tasks.order(&order));
    }

    /// Brings the components in line with `config`: starts, changes and stops them. Streams
    /// whose server and secret stay the same stay up.
    pub fn apply(&self, config: &Config) {
        let mut tasks = self.tasks();
        let mut leave = Vec::new();
        for component in &config.components {
            let domain = &component.settings.domain;
            match tasks.iter_mut().find(|tasks| tasks.config.settings.domain == *domain) {
                Some(running) => leave.extend(running.reconfigure(component)),
                None => tasks.push(ComponentTasks::start(component)),
            }
        }
        let wanted =
            |domain: &DomainPart| config.components.iter().any(|c| c.settings.domain == *domain);
        let (stay, gone): (Vec<_>, Vec<_>) =
            tasks.drain(..).partition(|component| wanted(&component.config.settings.domain));
        *tasks = stay;
        leave.extend(gone.into_iter().flat_map(ComponentTasks::into_links));
        let mut leaving = self.leaving();
        leaving.retain(|link| !link.has_ended());
        for link in leave {
            link.order(Order::Stop { within: config.shutdown_timeout });
            leaving.push(link);
        }
    }

    /// Asks each target for its presence again.
    pub fn ask_again(&self) {
        self.tasks().iter().for_each(ComponentTasks::ask_again);
    }

    /// Every component, in the order in which they were added.
    pub fn all(&self) -> Vec<Shared> {
        self.tasks().iter().map(|tasks| Arc::clone(&tasks.component)).collect()
    }

    /// Every component, and its configuration.
    pub fn configured(&self) -> Vec<(Shared, Arc<ComponentConfig>)> {
        let of = |component: &ComponentTasks| {
            (Arc::clone(&component.component), Arc::clone(&component.config))
        };
        self.tasks().iter().map(of).collect()
    }

    /// Whether a first attempt has been made to open each stream.
    pub fn all_attempted(&self) -> bool {
        self.tasks().iter().flat_map(ComponentTasks::links).all(LinkTask::has_attempted)
    }

    /// How long ago the task that has been silent the longest gave a sign of life; tasks that have
    /// ended do not count. Takes no lock that a task may hold.
    pub fn longest_silence(&self) -> Duration {
        let (tasks, leaving) = (self.tasks(), self.leaving());
        let links = tasks.iter().flat_map(ComponentTasks::links).chain(leaving.iter());
        let alive = links.filter(|link| !link.has_ended());
        alive.map(|link| link.heartbeat.age()).max().unwrap_or_default()
    }

    /// Closes all streams `within` a time and waits for that, streams that a reload removed
    /// included. Until then they stay visible.
    pub async fn stop(&self, within: Duration) {
        self.order(|_| Order::Stop { within });
        for ended in self.ends(|_| true) {
            ended.await;
        }
        self.all_left().await;
    }

    /// Waits until the tasks of streams that a reload removed have all ended.
    pub async fn all_left(&self) {
        let leaving: Vec<_> = self.leaving().iter().map(LinkTask::ended).collect();
        for ended in leaving {
            ended.await;
        }
    }

    /// Waits until some task has ended without being told to: [`Self::revive`]. None is ever
    /// missed, as a task stays ended.
    pub async fn failure(&self) {
        let mut running: Vec<_> =
            self.ends(|link| !link.is_to_end()).into_iter().map(Box::pin).collect();
        poll_fn(|context| {
            let ended = running.iter_mut().any(|ended| ended.as_mut().poll(context).is_ready());
            if ended { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Restarts each stream whose task has ended without being told to.
    pub fn revive(&self) {
        self.tasks().iter_mut().for_each(ComponentTasks::revive);
    }

    /// The ends of these tasks, of the streams that are configured.
    fn ends(&self, of: fn(&LinkTask) -> bool) -> Vec<impl Future<Output = ()> + use<>> {
        let tasks = self.tasks();
        let links = tasks.iter().flat_map(ComponentTasks::links).filter(|link| of(link));
        links.map(LinkTask::ended).collect()
    }

    fn leaving(&self) -> MutexGuard<'_, Vec<LinkTask>> {
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tasks(&self) -> MutexGuard<'_, Vec<ComponentTasks>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long all streams may take to pause: a stream that is skipping a stanza, or is being closed
/// for another server, takes the longest.
const PAUSE_TIME: Duration = Duration::from_secs(5);
