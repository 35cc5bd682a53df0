//! Moves bytes between a socket and its session until one of them is done.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::{Sleep, sleep, timeout, timeout_at};

use crate::config;
use crate::session::ending::Ending;
use crate::session::{Session, Turn};

use super::HEARTBEAT;
use super::component::{Clock, Shared, lock};
use super::heartbeat::Heartbeat;
use super::log::StreamLog;
use super::order::{Order, Successor};
use super::socket::Ready;
use super::stream::Parked;

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
    /// An order wanted it left as it is, but nobody else could have gone on with it: it was
    /// closed in good order.
    NotHandedOver,
}

/// A logged-in stream with all that works on it.
pub struct Pump<'a> {
    pub parked: Parked,
    component: Shared,
    clock: Clock,
    heartbeat: Arc<Heartbeat>,
    pub log: &'a mut StreamLog,
    /// Set to when there is something to do by time, or earlier.
    alarm: Pin<Box<Sleep>>,
}

impl<'a> Pump<'a> {
    pub fn new(
        parked: Parked,
        component: Shared,
        heartbeat: Arc<Heartbeat>,
        log: &'a mut StreamLog,
    ) -> Self {
        let clock = lock(&component).clock();
        let alarm = Box::pin(sleep(HEARTBEAT));
        Self { parked, component, clock, heartbeat, log, alarm }
    }

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
        if !matches!(stopped, Stopped::Paused) {
            self.parked.socket.close();
        }
        (stopped, unsent)
    }

    async fn pump(&mut self, orders: &mut watch::Receiver<Order>) -> Result<Stopped, Stopped> {
        let mut changes = lock(&self.component).changes();
        loop {
            self.look_if_doubted();
            let told = async {
                tokio::select! {
                    biased;
                    changed = orders.changed() => Some(changed),
                    _ = changes.changed() => None,
                }
            };
            let Some(changed) = self.pump_until(told).await? else { continue };
            let order = orders.borrow_and_update().clone();
            let within = match &order {
                Order::Stop { within } => *within,
                Order::Pause { stream: new, for_whom } if self.obey(new) => {
                    return self.halt(*for_whom).await;
                }
                Order::Run(new) if changed.is_ok() && self.obey(new) => continue,
                Order::Pause { .. } | Order::Run(_) => CLOSE_TIME,
            };
            return self.close(within).await;
        }
    }

    /// Finds out whether the server is alive, if another stream to it died.
    fn look_if_doubted(&mut self) {
        let mut component = lock(&self.component);
        if let Some(stream) = component.stream_of(&self.heartbeat)
            && std::mem::take(&mut stream.doubted)
        {
            self.parked.session.doubt();
        }
    }

    /// Pumps until `told` is done.
    async fn pump_until<F: Future>(&mut self, told: F) -> Result<F::Output, Stopped> {
        let mut told = pin!(told);
        loop {
            self.work()?;
            tokio::select! {
                biased;
                output = &mut told => return Ok(output),
                moved = self.wait() => moved?,
            }
        }
    }

    /// Does all that can be done without waiting.
    fn work(&mut self) -> Result<(), Stopped> {
        // Before the clock too: the server may have read while this process was stopped.
        self.translate()?;
        if self.due() <= Instant::now() {
            self.turn(Session::tick)?;
            self.flush()?;
        }
        Ok(())
    }

    /// Translates and writes, until there is no more to translate or the server takes no more.
    fn translate(&mut self) -> Result<(), Stopped> {
        loop {
            self.turn(Session::process)?;
            self.flush()?;
            if !self.parked.session.can_go_on() {
                return Ok(());
            }
        }
    }

    /// Reads what comes, or waits until there is something else to do, [`HEARTBEAT`] at most.
    async fn wait(&mut self) -> Result<(), Stopped> {
        self.set_alarm();
        let Parked { socket, session, .. } = &mut self.parked;
        let (may_read, must_write) = (session.wants_input(), !session.output().is_empty());
        let input = session.input();
        if may_read {
            input.reserve(READ_SIZE);
        }
        let room = input.capacity() - input.len();
        tokio::select! {
            biased;
            // Before the clock, so that a process that was stopped reads what came meanwhile.
            ready = socket.ready(input, may_read, must_write) => match ready {
                Ready::Read(count) => {
                    let filled = count.as_ref().is_ok_and(|count| *count >= room);
                    self.arrived(count)?;
                    if filled {
                        // A socket that always has more must not starve all other tasks.
                        yield_now().await;
                    }
                }
                Ready::Writable(ready) => ready.map_err(Stopped::Lost)?,
            },
            () = &mut self.alarm => {}
        }
        Ok(())
    }

    /// Sets the alarm, but does not move it to a later time: what is due comes later with each
    /// stanza, and to be woken up too early now and then costs less.
    fn set_alarm(&mut self) {
        let due = self.due();
        if due < self.alarm.deadline().into_std() || self.alarm.is_elapsed() {
            let deadline = due.min(Instant::now() + HEARTBEAT);
            self.alarm.as_mut().reset(deadline.into());
        }
    }

    /// Leaves the stream as it is, if another program can go on with it; else closes it.
    async fn halt(&mut self, successor: Successor) -> Result<Stopped, Stopped> {
        if self.parked.socket.as_plain().is_some() {
            return self.settle(successor).await;
        }
        // The keys of TLS, and what it has read of a record, are in this process only.
        match self.close(HALT_TIME).await? {
            Stopped::Ordered => Ok(Stopped::NotHandedOver),
            stopped => Ok(stopped),
        }
    }

    /// Gets the stream into a state that can be handed over. One that skips a stanza for too
    /// long for an older program is closed.
    async fn settle(&mut self, successor: Successor) -> Result<Stopped, Stopped> {
        let settled = async {
            while self.parked.session.is_skipping() && successor == Successor::Older {
                self.wait().await?;
                self.work()?;
            }
            Ok(Stopped::Paused)
        };
        match timeout(SKIP_TIME, settled).await {
            Ok(settled) => settled,
            Err(_) => self.close(SKIP_TIME).await,
        }
    }

    /// Takes a new configuration, if the stream can stay for it.
    fn obey(&mut self, new: &config::StreamConfig) -> bool {
        let same = self.parked.config.same_login(new);
        if same {
            let mut component = lock(&self.component);
            let stream = component.stream_of(&self.heartbeat);
            let bounds = stream.map_or(new.bounds, |stream| stream.bounds(new.bounds));
            self.parked.session.set_bounds(bounds);
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
        self.turn(Session::process_rest)?;
        self.flush()?;
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
            // Only a look at all sockets tells what came in the meantime.
            yield_now().await;
            self.turn(Session::tick)?;
            self.translate()?;
            if !self.parked.session.wants_input() {
                // Not longer than the watchdog has patience.
                if let Ok(Err(error)) = timeout(HEARTBEAT, self.parked.socket.writable()).await {
                    return Err(Stopped::Lost(error));
                }
            } else if !self.read()? {
                return Ok(());
            }
        }
    }

    /// Writes what is left and reads until the stream ends.
    async fn wait_for_end(&mut self) -> Stopped {
        match self.pump_until(pending::<Infallible>()).await {
            Ok(never) => match never {},
            Err(stopped) => stopped,
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
            stream.learn(&self.parked.session);
        }
        self.log.observe(&component);
        result.map_err(Stopped::Ended)
    }

    /// Reads once, if there is something; says whether there was.
    fn read(&mut self) -> Result<bool, Stopped> {
        let input = self.parked.session.input();
        input.reserve(READ_SIZE);
        match self.parked.socket.try_read(input) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            count => self.arrived(count).map(|()| true),
        }
    }

    /// So many bytes were read.
    fn arrived(&mut self, count: io::Result<usize>) -> Result<(), Stopped> {
        match count {
            Ok(0) => Err(Stopped::Lost(io::ErrorKind::UnexpectedEof.into())),
            Ok(_) => {
                self.parked.session.received(self.clock.now());
                Ok(())
            }
            Err(error) => Err(Stopped::Lost(error)),
        }
    }

    /// Writes what the socket takes, and notes what is left.
    fn flush(&mut self) -> Result<(), Stopped> {
        if self.parked.session.output().is_empty() {
            return Ok(());
        }
        while !self.parked.session.output().is_empty() {
            match self.parked.socket.try_write(self.parked.session.output()) {
                Ok(count) => self.parked.session.sent(count, self.clock.now()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.parked.session.blocked(self.clock.now());
                    break;
                }
                Err(error) => return Err(Stopped::Lost(error)),
            }
        }
        if let Some(stream) = lock(&self.component).stream_of(&self.heartbeat) {
            stream.backlog = self.parked.session.output().len();
        }
        Ok(())
    }

    /// When the session has something to do by time.
    fn due(&self) -> Instant {
        let component = lock(&self.component);
        self.clock.instant(self.parked.session.deadline(&component.translator))
    }
}

/// How long a stanza that is skipped may delay a pause.
const SKIP_TIME: Duration = Duration::from_secs(1);
/// How long a server may take to close its side of one that can't be handed over; all links
/// together have 5 s.
const HALT_TIME: Duration = Duration::from_secs(3);
const READ_SIZE: usize = 64 * 1024;
/// How long a server may take to close its side of a stream that is opened anew.
const CLOSE_TIME: Duration = Duration::from_secs(10);
