//! A component with all its links, and the means to give them orders.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jid::DomainPart;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::error;

use crate::config;
use crate::jat::translator::Translator;

use super::Link;
use super::backoff::Backoff;
use super::cause::Cause;
use super::component::{Component, Shared, lock};
use super::heartbeat::Heartbeat;
use super::order::Order;
use super::snapshot::ComponentSnapshot;
use super::stream::Parked;

/// A component and its links.
#[derive(Debug)]
pub struct ComponentTasks {
    pub component: Shared,
    pub config: Arc<config::ComponentConfig>,
    pub links: Vec<LinkTask>,
}

/// One link that runs.
#[derive(Debug)]
pub struct LinkTask {
    pub domain: DomainPart,
    pub heartbeat: Arc<Heartbeat>,
    pub orders: watch::Sender<Order>,
    pub attempted: watch::Receiver<bool>,
    pub task: JoinHandle<()>,
    began: Instant,
    /// Of tasks that failed.
    backoff: Backoff,
}

impl ComponentTasks {
    pub fn start(config: &config::ComponentConfig) -> Self {
        let component = Arc::new(Mutex::new(new_component(config)));
        let start = |stream| LinkTask::begin(&component, stream);
        let links = config.streams().map(start).collect();
        Self { component, config: Arc::new(config.clone()), links }
    }

    /// Goes on with a component of the program before this one. Streams that the configuration
    /// does not have any more are left in `from`.
    pub fn resume(config: &config::ComponentConfig, from: &mut ComponentSnapshot) -> Self {
        let mut component = new_component(config);
        let mut streams = Vec::new();
        for stream in config.streams() {
            let heartbeat = Arc::default();
            component.begin_stream(&stream.domain, &heartbeat);
            let parked = from.take_stream(&stream, &heartbeat, &mut component);
            streams.push((stream, heartbeat, parked));
        }
        from.restore(&mut component);
        let component = Arc::new(Mutex::new(component));
        let start = |(stream, heartbeat, parked)| {
            LinkTask::start(&component, stream, heartbeat, parked, Duration::ZERO)
        };
        let links = streams.into_iter().map(start).collect();
        Self { component, config: Arc::new(config.clone()), links }
    }

    /// Takes a new configuration; gives the links that it has no use for.
    pub fn reconfigure(&mut self, config: &config::ComponentConfig) -> Vec<LinkTask> {
        let before = std::mem::replace(&mut self.config, Arc::new(config.clone()));
        {
            let mut component = lock(&self.component);
            component.reconfigure(config.settings.clone());
            if (&before.server, before.bounds.limits) != (&config.server, config.bounds.limits) {
                component.forget_limits();
            }
        }
        let mut before = std::mem::take(&mut self.links);
        for stream in config.streams() {
            self.links.push(match before.iter().position(|l| l.domain == stream.domain) {
                Some(at) => {
                    let link = before.swap_remove(at);
                    // Also if nothing changed for this one: its translator may have.
                    link.orders.send_replace(Order::Run(Arc::new(stream)));
                    link
                }
                None => LinkTask::begin(&self.component, stream),
            });
        }
        before
    }

    /// Begins anew, after a pause, with each link whose task has failed: nothing else of the
    /// process has to end for that.
    pub fn revive(&mut self) {
        for link in self.links.iter_mut().filter(|link| link.task.is_finished()) {
            let stream = self.config.streams().find(|stream| stream.domain == link.domain);
            let stopped = matches!(*link.orders.borrow(), Order::Stop { .. });
            if let Some(stream) = stream.filter(|_| !stopped) {
                link.revive(&self.component, stream);
            }
        }
    }

    /// An operator may have changed something: asks the target for its presence again, at once if
    /// there is a stream, and takes the server for able to take what is configured.
    pub fn ask_again(&self) {
        {
            let mut component = lock(&self.component);
            component.translator.ask_again();
            component.forget_limits();
        }
        // The order stays; it is what links wake up for.
        self.links.iter().for_each(|link| link.orders.send_modify(|_| ()));
    }
}

fn new_component(config: &config::ComponentConfig) -> Component {
    let translator = Translator::new(config.settings.clone());
    // Not for secrets: a fixed seed would only make replicas choose alike.
    let seed = getrandom::u64().unwrap_or_default();
    Component::new(translator, seed)
}

impl LinkTask {
    /// One without a stream so far.
    fn begin(component: &Shared, stream: config::StreamConfig) -> Self {
        let heartbeat = Arc::default();
        lock(component).begin_stream(&stream.domain, &heartbeat);
        Self::start(component, stream, heartbeat, None, Duration::ZERO)
    }

    fn revive(&mut self, component: &Shared, stream: config::StreamConfig) {
        let heartbeat = Arc::default();
        let pause = {
            let mut component = lock(component);
            component.translator.disconnected(&stream.domain);
            let now = component.now().unix;
            let message = "the task of this stream failed";
            component.begin_stream(&stream.domain, &heartbeat).fail(Cause::Crashed, message, now);
            self.backoff.wait(Cause::Crashed, Some(self.began.elapsed()), component.rng())
        };
        error!(
            component = stream.domain.as_str(),
            cause = Cause::Crashed.name(),
            "the task of this stream failed, and begins anew in {:.1} s: {}",
            pause.as_secs_f64(),
            Cause::Crashed.remedy()
        );
        let backoff = self.backoff;
        *self = Self { backoff, ..Self::start(component, stream, heartbeat, None, pause) };
    }

    /// Its stream is begun: [`Component::begin_stream`].
    fn start(
        component: &Shared,
        stream: config::StreamConfig,
        heartbeat: Arc<Heartbeat>,
        parked: Option<Parked>,
        pause: Duration,
    ) -> Self {
        let domain = stream.domain.clone();
        let (orders, receiver) = watch::channel(Order::Run(Arc::new(stream)));
        let (attempting, attempted) = watch::channel(false);
        let link = Link {
            component: Arc::clone(component),
            domain: domain.clone(),
            heartbeat: Arc::clone(&heartbeat),
            orders: receiver,
            attempted: attempting,
            parked,
        };
        let task = tokio::spawn(link.run(pause));
        let (began, backoff) = (Instant::now(), Backoff::default());
        Self { domain, heartbeat, orders, attempted, task, began, backoff }
    }
}
