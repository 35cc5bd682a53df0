//! Moves bytes between a socket and its session until one of them is done.

use std::io;
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep_until, timeout};

use crate::config;
use crate::session::ending::Ending;
use crate::session::{Session, Turn};

use super::Order;
use super::component::{Shared, lock};
use super::journal::Journal;

/// Why the pump stopped.
#[derive(Debug)]
pub enum Stopped {
    /// The stream ended.
    Ended(Ending),
    /// The connection ended without a closing tag.
    Lost(io::Error),
    /// An order ended it, and the stream was closed in good order.
    Ordered,
}

/// A logged-in stream with all that works on it.
pub struct Pump<'a> {
    pub socket: TcpStream,
    pub session: Session,
    pub shared: &'a Shared,
    pub journal: &'a mut Journal,
}

impl Pump<'_> {
    /// Pumps until the stream ends, or `orders` ends it. `config` is what it was opened with,
    /// and follows the orders.
    pub async fn run(
        &mut self,
        orders: &mut watch::Receiver<Order>,
        config: &mut config::Component,
    ) -> Stopped {
        match self.pump(orders, config).await {
            Ok(()) => Stopped::Ordered,
            Err(stopped) => {
                // What was translated before the end still goes out, if it can.
                self.session.close();
                let _ = self.flush();
                stopped
            }
        }
    }

    async fn pump(
        &mut self,
        orders: &mut watch::Receiver<Order>,
        config: &mut config::Component,
    ) -> Result<(), Stopped> {
        loop {
            // Work that was left because too much waited for the server, or that came early.
            self.turn(Session::process)?;
            self.flush()?;
            let deadline = self.deadline();
            tokio::select! {
                changed = orders.changed() => {
                    if changed.is_err() || !self.obey(&orders.borrow_and_update(), config) {
                        return self.close().await;
                    }
                }
                ready = self.socket.ready(self.interest()) => {
                    if ready.map_err(Stopped::Lost)?.is_readable() {
                        self.read()?;
                    }
                }
                () = sleep_until(deadline.into()) => self.turn(Session::tick)?,
            }
        }
    }

    /// Takes an order; must the stream stay for it?
    fn obey(&mut self, order: &Order, config: &mut config::Component) -> bool {
        let Order::Run(new) = order else { return false };
        if !config.same_stream(new) {
            return false;
        }
        let mut component = lock(self.shared);
        self.session.reconfigure(new.settings.clone(), new.bounds(), &mut component.turn());
        *config = (**new).clone();
        true
    }

    /// Translates all that can be read, says goodbye, and reads on until the server has
    /// nothing more to say.
    async fn close(&mut self) -> Result<(), Stopped> {
        while self.read()? {
            self.turn(Session::process)?;
            self.flush()?;
        }
        self.turn(Session::process)?;
        self.session.close();
        match timeout(CLOSE_TIME, self.wait_for_end()).await {
            // A server need not close a stream that we have closed.
            Ok(Stopped::Ended(Ending::Closed)) | Err(_) => Ok(()),
            Ok(Stopped::Lost(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
            Ok(stopped) => Err(stopped),
        }
    }

    /// Writes what is left and reads until the stream ends.
    async fn wait_for_end(&mut self) -> Stopped {
        loop {
            if let Err(stopped) = self.flush().and_then(|()| self.turn(Session::process)) {
                return stopped;
            }
            let deadline = self.deadline();
            let read = tokio::select! {
                ready = self.socket.ready(self.interest()) => match ready {
                    Ok(ready) if ready.is_readable() => self.read(),
                    Ok(_) => Ok(false),
                    Err(error) => Err(Stopped::Lost(error)),
                },
                () = sleep_until(deadline.into()) => self.turn(Session::tick).map(|()| false),
            };
            if let Err(stopped) = read {
                return stopped;
            }
        }
    }

    /// One turn of the session.
    fn turn<F>(&mut self, work: F) -> Result<(), Stopped>
    where
        F: FnOnce(&mut Session, &mut Turn<'_>) -> Result<(), Ending>,
    {
        let mut component = lock(self.shared);
        let result = work(&mut self.session, &mut component.turn());
        component.sharing = self.session.sharing();
        component.backlog = self.session.output().len();
        self.journal.observe(&component);
        result.map_err(Stopped::Ended)
    }

    /// Reads once; says whether there may be more.
    fn read(&mut self) -> Result<bool, Stopped> {
        let input = self.session.input();
        input.reserve(READ_SIZE);
        match self.socket.try_read_buf(input) {
            Ok(0) => Err(Stopped::Lost(io::ErrorKind::UnexpectedEof.into())),
            Ok(_) => {
                let now = lock(self.shared).now();
                self.session.received(now);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(Stopped::Lost(error)),
        }
    }

    /// Writes what the socket takes.
    fn flush(&mut self) -> Result<(), Stopped> {
        while !self.session.output().is_empty() {
            let now = lock(self.shared).now();
            match self.socket.try_write(self.session.output()) {
                Ok(count) => self.session.sent(count, now),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.session.blocked(now);
                    break;
                }
                Err(error) => return Err(Stopped::Lost(error)),
            }
        }
        Ok(())
    }

    fn interest(&self) -> Interest {
        match (self.session.wants_input(), self.session.output().is_empty()) {
            (true, true) => Interest::READABLE,
            (true, false) => Interest::READABLE | Interest::WRITABLE,
            (false, _) => Interest::WRITABLE,
        }
    }

    fn deadline(&self) -> std::time::Instant {
        let component = lock(self.shared);
        let due = component.instant(self.session.deadline(&component.translator));
        due.min(component.last_turn + HEARTBEAT)
    }
}

const READ_SIZE: usize = 64 * 1024;
/// The watchdog sees a turn at least this often.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long a server may take to close its side; the daemon's own limit may be shorter.
const CLOSE_TIME: Duration = Duration::from_secs(10);
