//! The shell around a session: it connects, logs in, pumps bytes, and comes back after every
//! end of a stream.

mod backoff;
pub mod cause;
pub mod component;
pub mod component_tasks;
mod connect;
mod failings;
pub mod heartbeat;
mod log;
mod login;
mod login_guard;
mod lookup;
mod observations;
pub mod order;
mod port;
mod pump;
mod refusals;
pub mod snapshot;
mod socket;
pub mod stream;
mod tls;

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use jid::DomainPart;
use tokio::sync::watch;
use tokio::time::{Instant, interval, sleep};

use crate::config;
use crate::session::Session;
use crate::session::ending::Ending;

use backoff::{Backoff, STABLE};
use cause::Cause;
use component::{Shared, lock};
use connect::Addresses;
use heartbeat::Heartbeat;
use log::StreamLog;
use login::LoggedIn;
use order::{Order, interrupted};
use pump::{Pump, Stopped};
use stream::{Parked, State, StreamRecord};

/// Keeps one stream of a component up.
pub struct Link {
    pub component: Shared,
    /// The stream's domain.
    pub domain: DomainPart,
    /// Beats at each turn.
    pub heartbeat: Arc<Heartbeat>,
    pub orders: watch::Receiver<Order>,
    /// Is told when the first attempt to connect was made.
    pub attempted: watch::Sender<bool>,
    /// A stream to begin with, from another process.
    pub parked: Option<Parked>,
}

impl Link {
    /// Runs, after a pause, until it is ordered to stop, or nobody is left to give orders.
    pub async fn run(mut self, pause: Duration) {
        let mut log = StreamLog::new(&self.domain);
        {
            let component = lock(&self.component);
            // Also if its stream could not be handed over.
            if component.find_stream(&self.domain).is_some_and(|stream| stream.logins > 0) {
                log.resume(&component);
            }
        }
        if self.parked.is_some() {
            self.attempted.send_replace(true);
        }
        let mut retry = Retry::default();
        if !pause.is_zero() && self.idle(pause, &mut retry.backoff).await.is_break() {
            return;
        }
        loop {
            let order = self.orders.borrow_and_update().clone();
            match order {
                Order::Run(config) => {
                    let wait = self.keep_up(&config, &mut log, &mut retry).await;
                    // One that ended it is obeyed at once.
                    let goes_on = matches!(*self.orders.borrow(), Order::Run(_));
                    if goes_on && self.idle(wait, &mut retry.backoff).await.is_break() {
                        break;
                    }
                }
                Order::Pause { .. } => {
                    if self.pause().await.is_break() {
                        break;
                    }
                }
                Order::Stop { within } => {
                    if let Some(parked) = self.parked.take() {
                        let mut pump = self.pump(parked, &mut log);
                        let (end, unsent) = pump.stop(within).await;
                        self.ended(pump, end, unsent, None);
                    }
                    break;
                }
            }
        }
        self.note(|stream, _| stream.state = State::Closed);
    }

    /// Changes what is known of the stream, unless another link has its domain by now; the time
    /// is in Unix seconds.
    fn note(&self, change: impl FnOnce(&mut StreamRecord, u64)) {
        let mut component = lock(&self.component);
        let now = component.now().unix;
        if let Some(stream) = component.stream_of(&self.heartbeat) {
            change(stream, now);
        }
    }

    /// One stream's life, or an attempt that failed; how long to wait then.
    async fn keep_up(
        &mut self,
        config: &Arc<config::StreamConfig>,
        log: &mut StreamLog,
        Retry { backoff, addresses }: &mut Retry,
    ) -> Duration {
        let parked = match self.parked.take() {
            Some(parked) => {
                // It may be for another configuration than this.
                self.orders.mark_changed();
                parked
            }
            None => {
                let mut rng = lock(&self.component).rng().fork();
                let login = async {
                    self.hear_of_resources().await;
                    login::login(config, addresses, &mut rng).await
                };
                let login = tokio::select! {
                    login = self.alive(login) => login,
                    () = interrupted(&self.orders) => return Duration::ZERO,
                };
                match login {
                    Ok(logged_in) => {
                        self.attempted.send_replace(true);
                        log.logged_in(&config.server);
                        self.start(logged_in, config)
                    }
                    Err(error) => {
                        let cause = Cause::from(&error);
                        self.fail(cause, &error.to_string());
                        log.failed(cause, &error.to_string());
                        // Only now: who waits for it wants to read what went wrong.
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
        if matches!(end, Stopped::Paused) {
            pump.log.settle(&lock(&self.component));
            self.parked = Some(pump.parked);
            return Duration::ZERO;
        }
        let cause = self.ended(pump, end, unsent, Some(config));
        let lived = began.elapsed();
        if lived >= STABLE {
            addresses.forgive();
        }
        if let (Ok(address), true) = (address, cause.is_failure()) {
            addresses.fail(address);
        }
        backoff.wait(cause, Some(lived), lock(&self.component).rng())
    }

    /// With a presence domain, waits for what is told there before users can write to us: other
    /// replicas know already who is online. Not for long, since there may be nobody.
    async fn hear_of_resources(&self) {
        let end = Instant::now() + PRESENCE_TIME;
        while Instant::now() < end {
            let told = {
                let component = lock(&self.component);
                let settings = component.translator.settings();
                let answered = match component.presence_stream().map(|stream| &stream.state) {
                    Some(State::Starting) => false,
                    Some(State::Up { since }) => component.now().unix > since + ANSWER_TIME,
                    // Nothing will be told soon, or there is nothing to wait for.
                    Some(State::Down { .. } | State::Closed) | None => true,
                };
                answered || settings.domain != self.domain || component.translator.has_resources()
            };
            if told {
                return;
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Waits, but not for longer than there is nothing to obey.
    async fn idle(&self, wait: Duration, backoff: &mut Backoff) -> ControlFlow<()> {
        let mut orders = self.orders.clone();
        tokio::select! {
            () = self.alive(sleep(wait)) => ControlFlow::Continue(()),
            changed = orders.changed() => {
                // What was wrong may be right now: no need to wait.
                backoff.reset();
                if changed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            }
        }
    }

    /// Leaves the stream, if there is one, where others find it, until the next order.
    async fn pause(&mut self) -> ControlFlow<()> {
        let parked = self.parked.take();
        self.note(|stream, _| stream.paused = Some(parked));
        let mut orders = self.orders.clone();
        let changed = self.alive(orders.changed()).await;
        let mut parked = None;
        self.note(|stream, _| parked = stream.paused.take().flatten());
        self.parked = parked;
        if changed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn start(&mut self, logged_in: LoggedIn, config: &Arc<config::StreamConfig>) -> Parked {
        let LoggedIn { socket, early } = logged_in;
        let mut bounds = config.bounds;
        let mut component = lock(&self.component);
        let since = component.now().unix;
        if let Some(stream) = component.stream_of(&self.heartbeat) {
            stream.logins += 1;
            stream.state = State::Up { since };
            bounds = stream.bounds(bounds);
        }
        let domain = self.domain.clone();
        let mut session = Session::new(domain, bounds, &mut component.turn());
        session.input().extend(early);
        Parked { socket, session, config: config::StreamConfig::clone(config) }
    }

    fn pump<'a>(&self, parked: Parked, log: &'a mut StreamLog) -> Pump<'a> {
        let (component, heartbeat) = (Arc::clone(&self.component), Arc::clone(&self.heartbeat));
        Pump::new(parked, component, heartbeat, log)
    }

    /// Notes and logs the end of a working stream, which was opened for `config`.
    fn ended(
        &mut self,
        pump: Pump<'_>,
        end: Stopped,
        unsent: usize,
        config: Option<&Arc<config::StreamConfig>>,
    ) -> Cause {
        let late = pump.parked.session.arrived_after_close();
        let log = pump.log;
        {
            let mut component = lock(&self.component);
            if let Some(stream) = component.stream_of(&self.heartbeat) {
                stream.unsent += unsent as u64;
                component.translator.disconnected(&self.domain);
            }
            log.settle(&component);
        }
        let (cause, message) = match end {
            Stopped::Ordered | Stopped::Paused => {
                log.closed(late, unsent);
                (Cause::Reconfigured, "closed in good order".to_owned())
            }
            Stopped::NotHandedOver => {
                log.closed(late, unsent);
                log.not_handed_over();
                (Cause::Upgrade, "closed for an upgrade: TLS can't be handed over".to_owned())
            }
            Stopped::Ended(ending) => (Cause::from(&ending), self.explain_end(&ending, config)),
            Stopped::Lost(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                (Cause::Disconnected, "the server closed the connection without a word".to_owned())
            }
            Stopped::Lost(error) if error.kind() == io::ErrorKind::TimedOut => {
                (Cause::Unresponsive, "nothing comes from the server's host any more".to_owned())
            }
            Stopped::Lost(error) => (Cause::Disconnected, tls::explain(&error)),
        };
        if cause.is_failure() {
            log.lost(cause, &message, unsent);
            lock(&self.component).doubt_others(&self.heartbeat);
        }
        self.fail(cause, &message);
        cause
    }

    /// In words. If a stanza was too large for the server, the next stream is for smaller ones: else
    /// any user could end it again and again.
    fn explain_end(&self, ending: &Ending, config: Option<&Arc<config::StreamConfig>>) -> String {
        let (Ending::TooLarge { bytes, .. }, Some(config)) = (ending, config) else {
            return ending.to_string();
        };
        let limit = bytes / 2;
        // It may be another server by now.
        let stays = self.orders.borrow().stream().is_some_and(|now| now.server == config.server);
        if stays {
            self.note(|stream, _| stream.lowered = Some(limit));
        }
        format!("{ending}; from now on none has more than {limit} bytes, until a reload")
    }

    fn fail(&self, cause: Cause, message: &str) {
        self.note(|stream, now| stream.fail(cause, message, now));
    }

    /// Runs `work` and meanwhile shows the watchdog that the task is alive.
    async fn alive<F: Future>(&self, work: F) -> F::Output {
        tokio::pin!(work);
        let mut beat = interval(HEARTBEAT);
        loop {
            tokio::select! {
                output = &mut work => return output,
                _ = beat.tick() => self.heartbeat.beat(),
            }
        }
    }
}

/// What is known of the attempts so far.
#[derive(Debug, Default)]
struct Retry {
    backoff: Backoff,
    addresses: Addresses,
}

/// How long the component's stream waits for that of its presence domain at most, and how many
/// seconds for the first presence on that.
const PRESENCE_TIME: Duration = Duration::from_secs(5);
const ANSWER_TIME: u64 = 2;
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// The watchdog sees a sign of life at least this often.
const HEARTBEAT: Duration = Duration::from_secs(5);
