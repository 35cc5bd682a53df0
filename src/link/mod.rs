//! The shell around a session: it connects, logs in, pumps bytes, and comes back after every
//! end of a stream.

mod backoff;
pub mod cause;
pub mod component;
pub mod heartbeat;
mod journal;
mod login;
pub mod member;
mod pump;
pub mod stream;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use jid::DomainPart;
use tokio::sync::watch;
use tokio::time::{Instant, interval, sleep};

use crate::config;
use crate::jat::reason::Reason;
use crate::session::Session;

use backoff::Backoff;
use cause::Cause;
use component::{Shared, lock};
use heartbeat::Heartbeat;
use journal::Journal;
use login::LoggedIn;
use pump::{Pump, Stopped};
use stream::State;

/// What a link is to do.
#[derive(Clone, Debug)]
pub enum Order {
    /// Keep this stream up.
    Run(Arc<config::Stream>),
    /// Close it in good order within this time, and end.
    Stop { within: Duration },
}

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
}

impl Link {
    /// Runs until it is ordered to stop, or nobody is left to give orders.
    pub async fn run(mut self) {
        let mut journal = Journal::new(&self.domain);
        let mut backoff = Backoff::default();
        loop {
            let Order::Run(config) = self.orders.borrow_and_update().clone() else { break };
            let mut config = (*config).clone();
            let login = login::login(&config.server, &config.domain, &config.secret);
            let login = tokio::select! {
                login = self.alive(login) => login,
                () = stopped(&self.orders) => break,
            };
            let (cause, lived) = match login {
                Ok(logged_in) => {
                    self.attempted.send_replace(true);
                    journal.logged_in(&config.server);
                    let began = Instant::now();
                    let mut pump = self.start(logged_in, &config, &mut journal);
                    let (end, unsent) = pump.run(&mut self.orders, &mut config).await;
                    (self.ended(&mut journal, end, unsent), Some(began.elapsed()))
                }
                Err(error) => {
                    let cause = Cause::from(&error);
                    self.fail(cause, &error.to_string());
                    journal.failed(cause, &error.to_string());
                    // Only now: who waits for it wants to read what went wrong.
                    self.attempted.send_replace(true);
                    (cause, None)
                }
            };
            let wait = backoff.wait(cause, lived, lock(&self.component).rng());
            let mut orders = self.orders.clone();
            tokio::select! {
                () = self.alive(sleep(wait)) => {}
                changed = orders.changed() => {
                    // What was wrong may be right now: no need to wait.
                    if changed.is_err() {
                        break;
                    }
                    backoff.reset();
                }
            }
        }
        lock(&self.component).stream_of(&self.domain).state = State::Closed;
    }

    fn start<'a>(
        &self,
        logged_in: LoggedIn,
        config: &config::Stream,
        journal: &'a mut Journal,
    ) -> Pump<'a> {
        let LoggedIn { socket, early } = logged_in;
        let mut component = lock(&self.component);
        let since = component.now().unix;
        let stream = component.stream_of(&self.domain);
        stream.logins += 1;
        stream.state = State::Up { since };
        let domain = self.domain.clone();
        let mut session = Session::new(domain, config.bounds, &mut component.turn());
        session.input().extend(early);
        let (shared, heartbeat) = (Arc::clone(&self.component), Arc::clone(&self.heartbeat));
        Pump { socket, session, component: shared, heartbeat, journal }
    }

    /// Notes and logs the end of a working stream.
    fn ended(&self, journal: &mut Journal, end: Stopped, unsent: usize) -> Cause {
        let late = {
            let mut component = lock(&self.component);
            component.translator.disconnected(&self.domain);
            component.stream_of(&self.domain).unsent += unsent as u64;
            component.tally.total(Reason::ArrivedAfterClose)
        };
        let (cause, message) = match end {
            Stopped::Ordered => {
                journal.closed(late, unsent);
                (Cause::Reconfigured, "closed for a new configuration".to_owned())
            }
            Stopped::Ended(ending) => (Cause::from(&ending), ending.to_string()),
            Stopped::Lost(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                (Cause::Disconnected, "the server closed the connection without a word".to_owned())
            }
            Stopped::Lost(error) => (Cause::Disconnected, error.to_string()),
        };
        if cause != Cause::Reconfigured {
            journal.lost(cause, &message, unsent);
        }
        self.fail(cause, &message);
        cause
    }

    fn fail(&self, cause: Cause, message: &str) {
        let mut component = lock(&self.component);
        let now = component.now().unix;
        component.stream_of(&self.domain).fail(cause, message, now);
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

/// Waits for an order to stop. Other orders wait for the end of the attempt.
async fn stopped(orders: &watch::Receiver<Order>) {
    let mut orders = orders.clone();
    // An error says that nobody gives orders any more.
    let _ = orders.wait_for(|order| matches!(order, Order::Stop { .. })).await;
}

/// The watchdog sees a sign of life at least this often.
const HEARTBEAT: Duration = Duration::from_secs(5);
