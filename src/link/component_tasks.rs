//! A component with the tasks of its streams, and how they are given orders.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jid::DomainPart;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::error;

use crate::config::{ComponentConfig, StreamConfig};
use crate::jat::services::Services;

use super::backoff::Backoff;
use super::cause::Cause;
use super::component::{Component, Shared, lock};
use super::heartbeat::Heartbeat;
use super::order::Order;
use super::snapshot::ComponentSnapshot;
use super::stream::{Parked, Role, StreamId};
use super::task::Link;

/// A component and the tasks of its streams.
#[derive(Debug)]
pub struct ComponentTasks {
    pub component: Shared,
    pub config: Arc<ComponentConfig>,
    own: LinkTask,
    presence: Option<LinkTask>,
}

/// The task of one stream.
#[derive(Debug)]
pub struct LinkTask {
    pub heartbeat: Arc<Heartbeat>,
    pub task: JoinHandle<()>,
    role: Role,
    domain: DomainPart,
    orders: watch::Sender<Order>,
    /// Whether the first attempt to connect was made. The task holds the sender and drops it when
    /// it ends, in whatever way, so a closed channel means that the task has ended.
    attempted: watch::Receiver<bool>,
    began: Instant,
    /// The waits after tasks that failed.
    backoff: Backoff,
}

impl ComponentTasks {
    pub fn start(config: &ComponentConfig) -> Self {
        let component = Arc::new(Mutex::new(new_component(config)));
        let begin = |role, stream| LinkTask::begin(&component, role, stream);
        let own = begin(Role::Component, config.own_stream());
        let presence = config.presence_stream().map(|stream| begin(Role::Presence, stream));
        Self { component, config: Arc::new(config.clone()), own, presence }
    }

    /// Continues with a component of the previous program. Streams that the configuration does not
    /// have any more are left in `from`.
    pub fn resume(config: &ComponentConfig, from: &mut ComponentSnapshot) -> Self {
        let mut component = new_component(config);
        let mut take = |role, stream: StreamConfig| {
            let id = component.begin_stream(role, &stream.domain);
            let parked = from.take_stream(&stream, id, &mut component);
            (role, id, stream, parked)
        };
        let own = take(Role::Component, config.own_stream());
        let presence = config.presence_stream().map(|stream| take(Role::Presence, stream));
        from.restore(&mut component);
        let component = Arc::new(Mutex::new(component));
        let start = |(role, id, stream, parked)| {
            LinkTask::start(&component, role, id, stream, parked, Duration::ZERO)
        };
        let (own, presence) = (start(own), presence.map(start));
        Self { component, config: Arc::new(config.clone()), own, presence }
    }

    /// Takes a new configuration; returns the task that it no longer needs.
    pub fn reconfigure(&mut self, config: &ComponentConfig) -> Option<LinkTask> {
        let before = std::mem::replace(&mut self.config, Arc::new(config.clone()));
        {
            let mut component = lock(&self.component);
            component.reconfigure(config.arrangement());
            if (&before.server, before.bounds.limits) != (&config.server, config.bounds.limits) {
                component.forget_limits();
            }
        }
        let run = |stream| Order::Run(Arc::new(stream));
        // Even if nothing changed for the stream: its services may have changed.
        self.own.order(run(config.own_stream()));
        let mut before = self.presence.take();
        self.presence = config.presence_stream().map(|stream| {
            match before.take_if(|link| link.domain == stream.domain) {
                Some(link) => {
                    link.order(run(stream));
                    link
                }
                None => LinkTask::begin(&self.component, Role::Presence, stream),
            }
        });
        before
    }

    /// Gives each task the order for its stream.
    pub fn order(&self, order: impl Fn(StreamConfig) -> Order) {
        for (link, stream) in self.links().zip(self.config.streams()) {
            link.order(order(stream));
        }
    }

    /// Restarts, after a pause, each stream whose task has failed, so that the rest of the process
    /// can carry on.
    pub fn revive(&mut self) {
        let Self { component, config, own, presence } = self;
        for (link, stream) in std::iter::once(own).chain(presence).zip(config.streams()) {
            if link.has_failed() {
                link.revive(component, stream);
            }
        }
    }

    /// An operator may have changed something: asks the target for its presence again, at once if
    /// there is a stream, and assumes again that the server accepts stanzas as large as
    /// configured.
    pub fn ask_again(&self) {
        {
            let mut component = lock(&self.component);
            component.services.ask_again();
            component.forget_limits();
        }
        // The order stays the same; sending it wakes the tasks.
        self.links().for_each(|link| link.orders.send_modify(|_| ()));
    }

    pub fn links(&self) -> impl Iterator<Item = &LinkTask> {
        std::iter::once(&self.own).chain(&self.presence)
    }

    pub fn into_links(self) -> impl Iterator<Item = LinkTask> {
        std::iter::once(self.own).chain(self.presence)
    }
}

fn new_component(config: &ComponentConfig) -> Component {
    let services = Services::new(config.arrangement());
    // Not for secrets: with a fixed seed, replicas would merely make the same choices.
    let seed = getrandom::u64().unwrap_or_default();
    Component::new(services, seed)
}

impl LinkTask {
    /// A task without a stream so far.
    fn begin(component: &Shared, role: Role, stream: StreamConfig) -> Self {
        let id = lock(component).begin_stream(role, &stream.domain);
        Self::start(component, role, id, stream, None, Duration::ZERO)
    }

    fn revive(&mut self, component: &Shared, stream: StreamConfig) {
        let (id, pause) = {
            let mut component = lock(component);
            component.services.disconnected(&stream.domain);
            let id = component.begin_stream(self.role, &stream.domain);
            component.update(id, |stream, now| {
                stream.fail(Cause::Crashed, "the task of this stream failed", now);
            });
            let lived = Some(self.began.elapsed());
            (id, self.backoff.wait(Cause::Crashed, lived, component.rng()))
        };
        error!(
            component = stream.domain.as_str(),
            cause = Cause::Crashed.name(),
            "the task of this stream failed, and restarts in {:.1} s: {}",
            pause.as_secs_f64(),
            Cause::Crashed.remedy()
        );
        let backoff = self.backoff;
        *self = Self { backoff, ..Self::start(component, self.role, id, stream, None, pause) };
    }

    /// Starts the task of a stream that was begun with [`Component::begin_stream`].
    fn start(
        component: &Shared,
        role: Role,
        id: StreamId,
        stream: StreamConfig,
        parked: Option<Box<Parked>>,
        pause: Duration,
    ) -> Self {
        let (domain, heartbeat) = (stream.domain.clone(), Arc::default());
        let (orders, receiver) = watch::channel(Order::Run(Arc::new(stream)));
        let (attempting, attempted) = watch::channel(false);
        let link = Link {
            component: Arc::clone(component),
            stream: id,
            role,
            domain: domain.clone(),
            heartbeat: Arc::clone(&heartbeat),
            orders: receiver,
            attempted: attempting,
            parked,
        };
        let task = tokio::spawn(link.run(pause));
        let (began, backoff) = (Instant::now(), Backoff::default());
        Self { heartbeat, task, role, domain, orders, attempted, began, backoff }
    }

    pub fn order(&self, order: Order) {
        self.orders.send_replace(order);
    }

    /// Whether the first attempt to connect was made.
    pub fn has_attempted(&self) -> bool {
        *self.attempted.borrow()
    }

    /// Whether the task has ended, whether it was told to or not.
    pub fn has_ended(&self) -> bool {
        self.attempted.has_changed().is_err()
    }

    fn has_failed(&self) -> bool {
        self.has_ended() && !self.is_to_end()
    }

    /// Waits until the task has ended.
    pub fn ended(&self) -> impl Future<Output = ()> + use<> {
        let mut attempted = self.attempted.clone();
        async move { while attempted.changed().await.is_ok() {} }
    }

    /// Whether it has been told to end.
    pub fn is_to_end(&self) -> bool {
        matches!(*self.orders.borrow(), Order::Stop { .. })
    }
}
