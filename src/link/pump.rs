//! Moves bytes between a socket and its session until one of them is done.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::Interest;
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::{sleep_until, timeout, timeout_at};

use crate::config;
use crate::session::ending::Ending;
use crate::session::{Session, Turn};

use super::component::{Shared, lock};
use super::heartbeat::Heartbeat;
use super::journal::Journal;
use super::stream::Parked;
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
    /// An order wants it left as it is.
    Paused,
}

/// A logged-in stream with all that works on it.
pub struct Pump<'a> {
    pub parked: Parked,
    pub component: Shared,
    pub heartbeat: Arc<Heartbeat>,
    pub journal: &'a mut Journal,
}

impl Pump<'_> {
    /// Pumps until the stream ends, or `orders` end it. Gives the number of bytes that could not be written, too.
    pub async fn run(&mut self, orders: &mut watch::Receiver<Order>) -> (Stopped, usize) {
        let stopped = self.pump(orders).await;
        self.left(stopped)
    }

    /// Closes the stream in good order `within` a time; gives what [`Self::run`] does.
    pub async fn stop(&mut self, within: Duration) -> (Stopped, usize) {
        let stopped = self.close(within).await;
        self.left(stopped)
    }

    fn left(&mut self, stopped: Result<Stopped, Stopped>) -> (Stopped, usize) {
        let stopped = stopped.unwrap_or_else(|lost| {
            // What was translated before the end still goes out, if it can.
            let _ = self.flush();
            lost
        });
        let unsent = self.parked.session.output().len();
        if matches!(stopped, Stopped::Ended(_) | Stopped::Lost(_)) {
            self.parked.session.close();
            let _ = self.flush();
        }
        (stopped, unsent)
    }

    async fn pump(&mut self, orders: &mut watch::Receiver<Order>) -> Result<Stopped, Stopped> {
        loop {
            self.work()?;
            let latest = Instant::now() + HEARTBEAT;
            tokio::select! {
                biased;
                changed = orders.changed() => {
                    let order = orders.borrow_and_update().clone();
                    let within = match &order {
                        Order::Stop { within } => *within,
                        Order::Pause(new) if self.obey(new) => return self.settle().await,
                        Order::Run(new) if changed.is_ok() && self.obey(new) => continue,
                        Order::Pause(_) | Order::Run(_) => CLOSE_TIME,
                    };
                    return self.close(within).await;
                }
                moved = self.wait(latest) => moved?,
            }
        }
    }

    /// Does all that can be done without waiting.
    fn work(&mut self) -> Result<(), Stopped> {
        // Work that was left because too much waited for the server, or that came early.
        self.turn(Session::process)?;
        // Before the clock too: the server may have read while this process was stopped.
        self.flush()?;
        if self.due() <= Instant::now() {
            self.turn(Session::tick)?;
            self.flush()?;
        }
        Ok(())
    }

    /// Reads what comes, or waits until there is something else to do, `latest` a moment.
    async fn wait(&mut self, latest: Instant) -> Result<(), Stopped> {
        let deadline = self.due().min(latest);
        tokio::select! {
            biased;
            // Before the clock, so that a process that was stopped reads what came meanwhile.
            ready = self.parked.socket.ready(self.interest()) => {
                if ready.map_err(Stopped::Lost)?.is_readable() {
                    self.read()?;
                    // A socket that always has more must not starve all other tasks.
                    yield_now().await;
                }
            }
            () = sleep_until(deadline.into()) => {}
        }
        Ok(())
    }

    /// Gets the stream into a state that can be handed over. One that skips a stanza for too
    /// long is closed.
    async fn settle(&mut self) -> Result<Stopped, Stopped> {
        let end = Instant::now() + SKIP_TIME;
        while !self.parked.session.can_hand_over() {
            if Instant::now() >= end {
                return self.close(SKIP_TIME).await;
            }
            self.wait(end).await?;
            self.work()?;
        }
        Ok(Stopped::Paused)
    }

    /// Takes a new configuration, if the stream can stay for it.
    fn obey(&mut self, new: &config::Stream) -> bool {
        let same = self.parked.config.same_login(new);
        if same {
            self.parked.session.set_bounds(new.bounds);
        }
        same
    }

    /// Translates all that can be read, says goodbye, and reads on until the server has
    /// nothing more to say, `within` a time.
    async fn close(&mut self, within: Duration) -> Result<Stopped, Stopped> {
        let end = Instant::now() + within;
        // A server that always has more must not keep us from saying goodbye.
        if let Ok(Err(stopped)) = timeout(within / 2, self.drain()).await {
            return Err(stopped);
        }
        // What was read when the time was up.
        self.turn(Session::process)?;
        self.parked.session.close();
        match timeout_at(end.into(), self.wait_for_end()).await {
            // A server need not close a stream that we have closed.
            Ok(Stopped::Ended(Ending::Closed)) | Err(_) => Ok(Stopped::Ordered),
            Ok(Stopped::Lost(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Ok(Stopped::Ordered)
            }
            Ok(stopped) => Err(stopped),
        }
    }

    /// Translates until nothing more can be read.
    async fn drain(&mut self) -> Result<(), Stopped> {
        loop {
            self.turn(Session::process)?;
            self.turn(Session::tick)?;
            self.flush()?;
            if !self.parked.session.wants_input() {
                // Not longer than the watchdog has patience.
                if let Ok(Err(error)) = timeout(HEARTBEAT, self.parked.socket.writable()).await {
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
            let latest = Instant::now() + HEARTBEAT;
            let work = self.work();
            let moved = if work.is_ok() { self.wait(latest).await } else { work };
            if let Err(stopped) = moved {
                return stopped;
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
        let result = work(&mut self.parked.session, &mut component.turn());
        if let Some(stream) = component.stream_of(&self.heartbeat) {
            stream.sharing = self.parked.session.sharing();
            stream.backlog = self.parked.session.output().len();
        }
        self.journal.observe(&component);
        result.map_err(Stopped::Ended)
    }

    /// Reads once; says whether there may be more.
    fn read(&mut self) -> Result<bool, Stopped> {
        let input = self.parked.session.input();
        input.reserve(READ_SIZE);
        match self.parked.socket.try_read_buf(input) {
            Ok(0) => Err(Stopped::Lost(io::ErrorKind::UnexpectedEof.into())),
            Ok(_) => {
                let now = lock(&self.component).now();
                self.parked.session.received(now);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(Stopped::Lost(error)),
        }
    }

    /// Writes what the socket takes.
    fn flush(&mut self) -> Result<(), Stopped> {
        while !self.parked.session.output().is_empty() {
            let now = lock(&self.component).now();
            match self.parked.socket.try_write(self.parked.session.output()) {
                Ok(count) => self.parked.session.sent(count, now),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.parked.session.blocked(now);
                    break;
                }
                Err(error) => return Err(Stopped::Lost(error)),
            }
        }
        Ok(())
    }

    fn interest(&self) -> Interest {
        match (self.parked.session.wants_input(), self.parked.session.output().is_empty()) {
            (true, true) => Interest::READABLE,
            (true, false) => Interest::READABLE | Interest::WRITABLE,
            (false, _) => Interest::WRITABLE,
        }
    }

    /// When the session has something to do by time.
    fn due(&self) -> Instant {
        let component = lock(&self.component);
        component.instant(self.parked.session.deadline(&component.translator))
    }
}

/// How long a stanza that is skipped may delay a pause.
const SKIP_TIME: Duration = Duration::from_secs(1);
const READ_SIZE: usize = 64 * 1024;
/// How long a server may take to close its side of a stream that is opened anew.
const CLOSE_TIME: Duration = Duration::from_secs(10);
