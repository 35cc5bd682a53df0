//! The task that keeps one stream of a component up.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use jid::DomainPart;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::config::StreamConfig;
use crate::session::Session;
use crate::session::ending::Ending;

use super::backoff::{Backoff, STABLE};
use super::cause::Cause;
use super::component::{Component, Shared, lock, until};
use super::connect::Addresses;
use super::end::{Lost, Stop};
use super::heartbeat::Heartbeat;
use super::log::StreamLog;
use super::login::{LoggedIn, login};
use super::order::{Order, interrupted};
use super::peer::Peer;
use super::pump::Pump;
use super::stream::{Hold, Parked, Role, State, StreamId, StreamRecord};

/// Keeps one stream of a component up.
pub(super) struct Link {
    pub component: Shared,
    pub stream: StreamId,
    pub role: Role,
    pub domain: DomainPart,
    /// Beats at each turn.
    pub heartbeat: Arc<Heartbeat>,
    pub orders: watch::Receiver<Order>,
    /// Set once the first attempt to connect has been made. Closed when the task has ended.
    pub attempted: watch::Sender<bool>,
    /// A stream to begin with, from another process.
    pub parked: Option<Box<Parked>>,
}

impl Link {
    /// Runs, after a pause, until it is ordered to stop or nobody gives orders any more.
    pub(super) async fn run(mut self, pause: Duration) {
        let Some(mut log) = self.begin_log() else { return };
        if self.parked.is_some() {
            self.attempted.send_replace(true);
        }
        let mut retry = Retry::default();
        if !pause.is_zero() && self.idle(pause, &mut retry.backoff).await.is_break() {
            return;
        }
        loop {
            if self.orders.has_changed().is_ok_and(|changed| changed) {
                log.ordered();
            }
            let order = self.orders.borrow_and_update().clone();
            match order {
                Order::Run(config) => {
                    let wait = self.keep_up(&config, &mut log, &mut retry).await;
                    // An order that ended the attempt is obeyed at once.
                    let goes_on = matches!(*self.orders.borrow(), Order::Run(_));
                    if goes_on && self.idle(wait, &mut retry.backoff).await.is_break() {
                        break;
                    }
                }
                Order::Pause(_) => {
                    if self.pause().await.is_break() {
                        break;
                    }
                }
                Order::Stop { within } => {
                    if let Some(parked) = self.parked.take() {
                        let mut pump = self.pump(parked, &mut log);
                        let (end, unsent) = pump.stop(within).await;
                        self.ended(pump, end, unsent);
                    }
                    break;
                }
            }
        }
        self.note(|stream, _| stream.state = State::Closed);
    }

    /// `None` if the component no longer has the stream.
    fn begin_log(&self) -> Option<StreamLog> {
        let component = lock(&self.component);
        let stream = component.record(self.stream)?;
        let mut log = StreamLog::new(stream);
        // Even if its stream could not be handed over.
        if stream.logins > 0 {
            log.resume(&component);
        }
        Some(log)
    }

    /// Changes what is known of the stream, unless another task has taken over by now; the time is
    /// in Unix seconds.
    fn note(&self, change: impl FnOnce(&mut StreamRecord, u64)) {
        lock(&self.component).update(self.stream, change);
    }

    /// Keeps one stream until its end, or makes one attempt that fails; returns how long to wait
    /// then.
    async fn keep_up(
        &mut self,
        config: &Arc<StreamConfig>,
        log: &mut StreamLog,
        Retry { backoff, addresses }: &mut Retry,
    ) -> Duration {
        let parked = match self.parked.take() {
            Some(parked) => {
                // The latest order may have another configuration than this one.
                self.orders.mark_changed();
                parked
            }
            None => {
                let mut rng = lock(&self.component).rng().fork();
                // Apart, since it takes much more memory than the stream does later.
                let login = Box::pin(async {
                    self.hear_of_resources().await;
                    login(config, addresses, &mut rng).await
                });
                let login = tokio::select! {
                    login = self.heartbeat.during(login) => login,
                    () = interrupted(&self.orders) => return Duration::ZERO,
                };
                match login {
                    Ok(logged_in) => {
                        self.attempted.send_replace(true);
                        log.logged_in(&config.server);
                        let peer = logged_in.socket.address().map(|it| addresses.peer(it));
                        self.start(logged_in, peer.ok(), config)
                    }
                    Err(error) => {
                        let cause = Cause::from(&error);
                        let message = match cause {
                            Cause::NotAuthorized => {
                                format!("{error}; our secret is from {}", config.secret.origin())
                            }
                            _ => error.to_string(),
                        };
                        self.fail(cause, &message);
                        log.failed(cause, &message);
                        // Only now, since those who wait for it want to read what went wrong.
                        self.attempted.send_replace(true);
                        return backoff.wait(cause, None, lock(&self.component).rng());
                    }
                }
            }
        };
        let began = Instant::now();
        let address = parked.socket.address();
        let mut pump = self.pump(parked, log);
        let (end, unsent) = pump.run(&mut self.orders).await;
        if matches!(end, Ok(Stop::Paused)) {
            pump.log.settle(&lock(&self.component));
            self.parked = Some(pump.parked);
            return Duration::ZERO;
        }
        let cause = self.ended(pump, end, unsent);
        let lived = began.elapsed();
        if lived >= STABLE {
            addresses.forgive();
        }
        if let (Ok(address), true) = (address, cause.is_failure()) {
            addresses.fail(address);
        }
        backoff.wait(cause, Some(lived), lock(&self.component).rng())
    }

    /// With a presence domain, waits for the first presence there before users can write to us,
    /// since other replicas already know who is online. Not for long, since nobody may be.
    async fn hear_of_resources(&self) {
        if self.role != Role::Component {
            return;
        }
        let told = async {
            until(&self.component, |c| c.services.has_resources() || !is_starting(c)).await;
            let left = time_to_hear(&lock(&self.component));
            let told =
                until(&self.component, |c| c.services.has_resources() || time_to_hear(c).is_zero());
            timeout(left, told).await
        };
        // What does not come by then comes later.
        let _ = timeout(PRESENCE_TIME, told).await;
    }

    /// Waits, until an order comes at the latest.
    async fn idle(&self, wait: Duration, backoff: &mut Backoff) -> ControlFlow<()> {
        let mut orders = self.orders.clone();
        tokio::select! {
            () = self.heartbeat.during(sleep(wait)) => ControlFlow::Continue(()),
            changed = orders.changed() => {
                // What was wrong may be fixed by now: no need to wait.
                backoff.reset();
                if changed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            }
        }
    }

    /// Leaves the stream, if there is one, where others find it, until the next order.
    async fn pause(&mut self) -> ControlFlow<()> {
        let parked = self.parked.take();
        self.note(|stream, _| stream.hold = Hold::Paused(parked));
        let mut orders = self.orders.clone();
        let changed = self.heartbeat.during(orders.changed()).await;
        let mut hold = Hold::Task;
        self.note(|stream, _| std::mem::swap(&mut stream.hold, &mut hold));
        if let Hold::Paused(parked) = hold {
            self.parked = parked;
        }
        if changed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn start(
        &mut self,
        logged_in: LoggedIn,
        peer: Option<Peer>,
        config: &Arc<StreamConfig>,
    ) -> Box<Parked> {
        let LoggedIn { socket, early } = logged_in;
        let mut bounds = config.bounds;
        let mut component = lock(&self.component);
        component.update(self.stream, |stream, since| {
            stream.logins += 1;
            stream.state = State::Up { since };
            stream.peer = peer;
            bounds = stream.bounds(bounds);
        });
        let now = component.now();
        let mut session = Session::new(self.domain.clone(), bounds, &mut component.turn(now));
        session.input().extend(early);
        Box::new(Parked { socket, session, config: Arc::clone(config) })
    }

    fn pump<'a>(&self, parked: Box<Parked>, log: &'a mut StreamLog) -> Pump<'a> {
        let (component, heartbeat) = (Arc::clone(&self.component), Arc::clone(&self.heartbeat));
        Pump::new(parked, self.stream, component, heartbeat, log)
    }

    /// Notes and logs the end of a working stream.
    fn ended(&self, pump: Pump<'_>, end: Result<Stop, Lost>, unsent: usize) -> Cause {
        let Pump { parked, log, .. } = pump;
        {
            let mut component = lock(&self.component);
            if let Some(stream) = component.record_mut(self.stream) {
                stream.unsent += unsent as u64;
                component.services.disconnected(&self.domain);
            }
            log.settle(&component);
        }
        let (cause, message) = match &end {
            Ok(stop) => {
                log.closed(*stop, parked.session.arrived_after_close(), unsent);
                match stop {
                    Stop::NotHandedOver => {
                        log.not_handed_over();
                        (Cause::Upgrade, "closed for an upgrade: TLS can't be handed over".into())
                    }
                    Stop::Closed | Stop::Unanswered | Stop::Paused => {
                        (Cause::Reconfigured, "closed in good order".to_owned())
                    }
                }
            }
            Err(lost) => {
                let (cause, message) = (lost.cause(), self.explain(lost, &parked.config));
                log.lost(cause, &message, unsent);
                lock(&self.component).doubt_others(self.stream);
                (cause, message)
            }
        };
        self.fail(cause, &message);
        cause
    }

    /// Explains the loss. If a stanza was too large for the server, the next stream gets a lower
    /// limit, or else any user could end it again and again.
    fn explain(&self, lost: &Lost, config: &StreamConfig) -> String {
        let message = lost.explain();
        let Lost::Ended(Ending::TooLarge { bytes, .. }) = lost else { return message };
        // It may be another server by now, or none.
        let stays = self.orders.borrow().stream().is_some_and(|now| now.server == config.server);
        if !stays {
            return message;
        }
        let limit = bytes / 2;
        self.note(|stream, _| stream.lowered = Some(limit));
        format!("{message}; until a reload, none has more than {limit} bytes")
    }

    fn fail(&self, cause: Cause, message: &str) {
        self.note(|stream, now| stream.fail(cause, message, now));
    }
}

/// What is remembered of the attempts so far.
#[derive(Debug, Default)]
struct Retry {
    backoff: Backoff,
    addresses: Addresses,
}

/// Whether the stream of the presence domain may come up soon.
fn is_starting(component: &Component) -> bool {
    component.presence_stream().is_some_and(|stream| stream.state == State::Starting)
}

/// How long it is still worth waiting for the first presence on the stream of the presence domain.
fn time_to_hear(component: &Component) -> Duration {
    match component.presence_stream().map(|stream| &stream.state) {
        Some(State::Up { since }) => {
            let until = Duration::from_secs(*since) + ANSWER_TIME;
            until.saturating_sub(Duration::from_secs(component.now().unix))
        }
        // Nothing will come soon, or there is nothing to wait for.
        _ => Duration::ZERO,
    }
}

/// How long the component's stream waits at most for that of its presence domain, and how long for
/// the first presence there, to within a second.
const PRESENCE_TIME: Duration = Duration::from_secs(5);
const ANSWER_TIME: Duration = Duration::from_secs(3);
