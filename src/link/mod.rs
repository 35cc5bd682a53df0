//! The shell around a session: it connects, logs in, pumps bytes, and comes back after every
//! end of a stream.

mod backoff;
pub mod cause;
pub mod component;
pub mod heartbeat;
mod journal;
mod login;
mod pump;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, interval, sleep};

use crate::config;
use crate::jat::reason::Reason;
use crate::session::Session;

use backoff::Backoff;
use cause::Cause;
use component::{Shared, Stream, lock};
use journal::Journal;
use login::LoggedIn;
use pump::{Pump, Stopped};

/// What a link is to do.
#[derive(Clone, Debug)]
pub enum Order {
    /// Keep a stream up, with this configuration.
    Run(Arc<config::Component>),
    /// Close it in good order within this time, and end.
    Stop { within: Duration },
}

/// Keeps the stream of one component up until it is ordered to stop (or nobody is left to give
/// orders). `attempted` is told when the first attempt to connect was made.
pub async fn run(
    shared: Shared,
    mut orders: watch::Receiver<Order>,
    attempted: watch::Sender<bool>,
) {
    let domain = lock(&shared).translator.settings().domain.to_string();
    let mut journal = Journal::new(&domain);
    let mut backoff = Backoff::default();
    loop {
        let Order::Run(config) = orders.borrow_and_update().clone() else { break };
        let mut config = (*config).clone();
        reconfigure_idle(&shared, &config);
        let login = login::login(&config.server, &config.settings.domain, &config.secret);
        let login = tokio::select! {
            login = alive(&shared, login) => login,
            () = stopped(&mut orders) => break,
        };
        let (cause, lived) = match login {
            Ok(logged_in) => {
                attempted.send_replace(true);
                journal.logged_in(&config.server);
                let began = Instant::now();
                let mut pump = start(logged_in, &config, &shared, &mut journal);
                let (end, unsent) = pump.run(&mut orders, &mut config).await;
                (ended(&shared, &mut journal, end, unsent), Some(began.elapsed()))
            }
            Err(error) => {
                let cause = Cause::from(&error);
                fail(&shared, cause, &error.to_string());
                journal.failed(cause, &error.to_string());
                // Only now: who waits for it wants to read what went wrong.
                attempted.send_replace(true);
                (cause, None)
            }
        };
        let wait = backoff.wait(cause, lived, lock(&shared).rng());
        tokio::select! {
            () = alive(&shared, sleep(wait)) => {}
            changed = orders.changed() => {
                // What was wrong may be right now: no need to wait.
                if changed.is_err() {
                    break;
                }
                backoff.reset();
            }
        }
    }
    lock(&shared).stream = Stream::Closed;
}

fn start<'a>(
    logged_in: LoggedIn,
    config: &config::Component,
    shared: &'a Shared,
    journal: &'a mut Journal,
) -> Pump<'a> {
    let LoggedIn { socket, early } = logged_in;
    let mut component = lock(shared);
    component.logins += 1;
    component.stream = Stream::Up { since: component.now().unix };
    let mut session = Session::new(config.bounds(), &mut component.turn());
    session.input().extend(early);
    Pump { socket, session, shared, journal }
}

/// Notes and logs the end of a working stream.
fn ended(shared: &Shared, journal: &mut Journal, end: Stopped, unsent: usize) -> Cause {
    let late = {
        let mut component = lock(shared);
        component.translator.disconnected();
        component.unsent += unsent as u64;
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
    fail(shared, cause, &message);
    cause
}

fn fail(shared: &Shared, cause: Cause, message: &str) {
    let mut component = lock(shared);
    component.failures[cause as usize] += 1;
    component.backlog = 0;
    let now = component.now().unix;
    let since = match component.stream {
        Stream::Down { since, .. } => since,
        _ => now,
    };
    component.stream = Stream::Down { since, cause, message: message.to_owned() };
}

/// Takes a configuration that came while there was no stream.
fn reconfigure_idle(shared: &Shared, config: &config::Component) {
    let mut component = lock(shared);
    let turn = component.turn();
    let _ = turn.translator.reconfigure(config.settings.clone(), false, turn.now, turn.rng);
}

/// Runs `work` and meanwhile shows the watchdog that the task is alive.
async fn alive<F: Future>(shared: &Shared, work: F) -> F::Output {
    tokio::pin!(work);
    let mut beat = interval(HEARTBEAT);
    loop {
        tokio::select! {
            output = &mut work => return output,
            _ = beat.tick() => {
                lock(shared).turn();
            }
        }
    }
}

/// Waits for an order to stop. Other orders wait for the end of the attempt.
async fn stopped(orders: &mut watch::Receiver<Order>) {
    let mut orders = orders.clone();
    // An error says that nobody gives orders any more.
    let _ = orders.wait_for(|order| matches!(order, Order::Stop { .. })).await;
}

/// The watchdog sees a sign of life at least this often.
const HEARTBEAT: Duration = Duration::from_secs(5);
