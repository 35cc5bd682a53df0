//! Moves bytes between a socket and its session until one of them is done.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::{sleep_until, timeout, timeout_at};

use crate::config;
use crate::session::ending::Ending;
use crate::session::{Session, Turn};

use super::component::{Shared, lock};
use super::heartbeat::Heartbeat;
use super::journal::Journal;
use super::{HEARTBEAT, Order};

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
    pub component: Shared,
    pub heartbeat: Arc<Heartbeat>,
    pub journal: &'a mut Journal,
}

impl Pump<'_> {
    /// Pumps until the stream ends, or `orders` ends it. `config` is what it was opened with,
    /// and follows the orders. Gives the number of bytes that could not be written, too.
    pub async fn run(
        &mut self,
        orders: &mut watch::Receiver<Order>,
        config: &mut config::Stream,
    ) -> (Stopped, usize) {
        match self.pump(orders, config).await {
            Ok(()) => (Stopped::Ordered, self.session.output().len()),
            Err(stopped) => {
                // What was translated before the end still goes out, if it can.
                let _ = self.flush();
                let unsent = self.session.output().len();
                self.session.close();
                let _ = self.flush();
                (stopped, unsent)
            }
        }
    }

    async fn pump(
        &mut self,
        orders: &mut watch::Receiver<Order>,
        config: &mut config::Stream,
    ) -> Result<(), Stopped> {
        loop {
            // Work that was left because too much waited for the server, or that came early.
            self.turn(Session::process)?;
            // Before the clock too: the server may have read while this process was stopped.
            self.flush()?;
            if self.due() <= Instant::now() {
                self.turn(Session::tick)?;
                self.flush()?;
            }
            let deadline = self.due().min(Instant::now() + HEARTBEAT);
            tokio::select! {
                biased;
                changed = orders.changed() => {
                    let order = orders.borrow_and_update().clone();
                    let within = match &order {
                        Order::Stop { within } => *within,
                        Order::Run(new) if changed.is_ok() && self.obey(new, config) => continue,
                        Order::Run(_) => CLOSE_TIME,
                    };
                    return self.close(within).await;
                }
                // Before the clock, so that a process that was stopped reads what came meanwhile.
                ready = self.socket.ready(self.interest()) => {
                    if ready.map_err(Stopped::Lost)?.is_readable() {
                        self.read()?;
                        // A socket that always has more must not starve all other tasks.
                        yield_now().await;
                    }
                }
                () = sleep_until(deadline.into()) => {}
            }
        }
    }

    /// Takes a new configuration, if the stream can stay for it.
    fn obey(&mut self, new: &config::Stream, config: &mut config::Stream) -> bool {
        if !config.same_login(new) {
            return false;
        }
        self.session.set_bounds(new.bounds);
        *config = new.clone();
        true
    }

    /// Translates all that can be read, says goodbye, and reads on until the server has
    /// nothing more to say, `within` a time.
    async fn close(&mut self, within: Duration) -> Result<(), Stopped> {
        let end = Instant::now() + within;
        // A server that always has more must not keep us from saying goodbye.
        if let Ok(Err(stopped)) = timeout(within / 2, self.drain()).await {
            return Err(stopped);
        }
        self.session.close();
        match timeout_at(end.into(), self.wait_for_end()).await {
            // A server need not close a stream that we have closed.
            Ok(Stopped::Ended(Ending::Closed)) | Err(_) => Ok(()),
            Ok(Stopped::Lost(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
            Ok(stopped) => Err(stopped),
        }
    }

    /// Translates until nothing more can be read.
    async fn drain(&mut self) -> Result<(), Stopped> {
        loop {
            self.turn(Session::process)?;
            self.turn(Session::tick)?;
            self.flush()?;
            if !self.session.wants_input() {
                // Not longer than the watchdog has patience.
                if let Ok(Err(error)) = timeout(HEARTBEAT, self.socket.writable()).await {
                    return Err(Stopped::Lost(error));
                }
            } else if self.read()? {
                yield_now().await;
            } else {
                return Ok(());
            }
        }
    }

    /// Writes what is left and reads until the stream ends.
    async fn wait_for_end(&mut self) -> Stopped {
        loop {
            let turn = self.flush().and_then(|()| self.turn(Session::process));
            if let Err(stopped) = turn.and_then(|()| self.turn(Session::tick)) {
                return stopped;
            }
            let deadline = self.due().min(Instant::now() + HEARTBEAT);
            let read = tokio::select! {
                ready = self.socket.ready(self.interest()) => match ready {
                    Ok(ready) if ready.is_readable() => self.read(),
                    Ok(_) => Ok(false),
                    Err(error) => Err(Stopped::Lost(error)),
                },
                () = sleep_until(deadline.into()) => Ok(false),
            };
            match read {
                Ok(_) => yield_now().await,
                Err(stopped) => return stopped,
            }
        }
    }

    /// One turn of the session.
    fn turn<F>(&mut self, work: F) -> Result<(), Stopped>
    where
        F: FnOnce(&mut Session, &mut Turn<'_>) -> Result<(), Ending>,
    {
        self.heartbeat.beat();
        let mut component = lock(&self.component);
        let result = work(&mut self.session, &mut component.turn());
        let stream = component.stream_of(self.session.domain());
        stream.sharing = self.session.sharing();
        stream.backlog = self.session.output().len();
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
                let now = lock(&self.component).now();
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
            let now = lock(&self.component).now();
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

    /// When the session has something to do by time.
    fn due(&self) -> Instant {
        let component = lock(&self.component);
        component.instant(self.session.deadline(&component.translator))
    }
}

const READ_SIZE: usize = 64 * 1024;
/// How long a server may take to close its side of a stream that is opened anew.
const CLOSE_TIME: Duration = Duration::from_secs(10);
