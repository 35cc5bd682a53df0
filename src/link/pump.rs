//! Moves bytes between a socket and its session until one of them ends.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::{Sleep, sleep, timeout, timeout_at};

use crate::config::StreamConfig;
use crate::jat::now::Now;

use super::component::{Clock, Component, Shared, lock};
use super::end::{Lost, Stop};
use super::heartbeat::{BEAT, Heartbeat};
use super::log::StreamLog;
use super::order::Order;
use super::socket::Ready;
use super::stream::{Parked, StreamId};

/// A logged-in stream, and everything that works on it.
pub(super) struct Pump<'a> {
    pub parked: Box<Parked>,
    pub log: &'a mut StreamLog,
    component: Shared,
    stream: StreamId,
    heartbeat: Arc<Heartbeat>,
    clock: Clock,
    /// Whether bytes were read since the last turn.
    has_read: bool,
    /// Set to the next deadline, or earlier.
    timer: Pin<Box<Sleep>>,
}

impl<'a> Pump<'a> {
    pub(super) fn new(
        parked: Box<Parked>,
        stream: StreamId,
        component: Shared,
        heartbeat: Arc<Heartbeat>,
        log: &'a mut StreamLog,
    ) -> Self {
        let clock = lock(&component).clock();
        let timer = Box::pin(sleep(BEAT));
        Self { parked, log, component, stream, heartbeat, clock, has_read: false, timer }
    }

    /// Pumps until the stream is lost, or `orders` end it. Also returns the number of bytes that
    /// could not be written.
    pub(super) async fn run(
        &mut self,
        orders: &mut watch::Receiver<Order>,
    ) -> (Result<Stop, Lost>, usize) {
        let end = self.obey(orders).await;
        let unsent = self.finish(&end);
        (end, unsent)
    }

    /// Closes the stream properly `within` a time; returns what [`Self::run`] does.
    pub(super) async fn stop(&mut self, within: Duration) -> (Result<Stop, Lost>, usize) {
        let end = self.close(within).await;
        let unsent = self.finish(&end);
        (end, unsent)
    }

    fn finish(&mut self, end: &Result<Stop, Lost>) -> usize {
        let now = self.clock.now();
        if end.is_err() {
            // What was translated before the end still goes out, if it can.
            let _ = write(&mut self.parked, now);
        }
        let unsent = self.parked.session.output().len();
        if end.is_err() {
            self.parked.session.close();
            let _ = write(&mut self.parked, now);
        }
        if !matches!(end, Ok(Stop::Paused)) {
            self.parked.socket.close();
        }
        unsent
    }

    async fn obey(&mut self, orders: &mut watch::Receiver<Order>) -> Result<Stop, Lost> {
        loop {
            let changed = self.pump_until(orders.changed()).await?;
            let order = orders.borrow_and_update().clone();
            let within = match &order {
                Order::Stop { within } => *within,
                Order::Pause(new) if self.can_stay_for(new) => return self.pause().await,
                Order::Run(new) if changed.is_ok() && self.can_stay_for(new) => continue,
                Order::Pause(_) | Order::Run(_) => CLOSE_TIME,
            };
            return self.close(within).await;
        }
    }

    /// Whether the stream can be kept under a new configuration; if so, that is applied.
    fn can_stay_for(&mut self, new: &StreamConfig) -> bool {
        let stays = self.parked.config.same_login(new);
        if stays {
            let component = lock(&self.component);
            let stream = component.record(self.stream);
            let bounds = stream.map_or(new.bounds, |stream| stream.bounds(new.bounds));
            self.parked.session.set_bounds(bounds);
        }
        stays
    }

    /// Pumps until `told` is done.
    async fn pump_until<F: Future>(&mut self, told: F) -> Result<F::Output, Lost> {
        // Subscribed before the first turn, so that the turn sees what was changed earlier.
        let changes = lock(&self.component).changes();
        let (mut told, mut changed) = (pin!(told), pin!(change(changes)));
        loop {
            self.turn()?;
            tokio::select! {
                biased;
                output = &mut told => return Ok(output),
                // The next turn sees it.
                changes = &mut changed => changed.set(change(changes)),
                moved = self.wait() => moved?,
            }
        }
    }

    /// Does everything that can be done without waiting, under one lock and at one moment.
    fn turn(&mut self) -> Result<(), Lost> {
        let mut component = lock(&self.component);
        let now = component.now();
        self.heartbeat.beat_at(self.clock.instant(now.mono));
        let Parked { session, .. } = &mut *self.parked;
        if std::mem::take(&mut self.has_read) {
            session.received(now);
        }
        if component.take_doubt(self.stream) {
            session.doubt();
        }
        let worked = work(&mut self.parked, &mut component, now);
        let due = self.parked.session.deadline(&component.services);
        component.end_turn(self.stream, &self.parked.session, due);
        self.log.observe(&component, now);
        drop(component);
        self.set_timer(due, now);
        worked
    }

    /// Reads what comes, or waits until there is something else to do, [`BEAT`] at most.
    async fn wait(&mut self) -> Result<(), Lost> {
        let Parked { socket, session, .. } = &mut *self.parked;
        let (may_read, must_write) = (session.wants_input(), !session.output().is_empty());
        let input = session.input();
        if may_read {
            input.reserve(READ_SIZE);
        }
        let room = input.capacity() - input.len();
        tokio::select! {
            biased;
            // Before the timer, so that a process that was stopped first reads what came meanwhile.
            ready = socket.ready(input, may_read, must_write) => match ready {
                Ready::Read(count) => {
                    let filled = count.as_ref().is_ok_and(|count| *count >= room);
                    self.note_read(count)?;
                    if filled {
                        // A socket that always has more to read must not starve all other tasks.
                        yield_now().await;
                    }
                }
                Ready::Writable(ready) => ready.map_err(Lost::Broken)?,
            },
            () = &mut self.timer => {}
        }
        Ok(())
    }

    /// Sets the timer, but does not move it to a later time: the deadline moves with each stanza,
    /// and waking up too early now and then costs less than setting the timer each time.
    fn set_timer(&mut self, due: Duration, now: Now) {
        let due = self.clock.instant(due.min(now.mono + BEAT));
        if due < self.timer.deadline().into_std() || self.timer.is_elapsed() {
            self.timer.as_mut().reset(due.into());
        }
    }

    /// Leaves the stream as it is, if another program can continue it; otherwise closes it.
    async fn pause(&mut self) -> Result<Stop, Lost> {
        if self.parked.socket.as_plain().is_some() {
            return Ok(Stop::Paused);
        }
        // The keys of TLS, and what it has read of a record, are in this process only.
        self.close(HALT_TIME).await.map(|_| Stop::NotHandedOver)
    }

    /// Translates all that can be read, closes the stream, and reads on until the server has
    /// nothing more to say, `within` a time.
    async fn close(&mut self, within: Duration) -> Result<Stop, Lost> {
        let end = Instant::now() + within;
        // A server that always has more must not keep us from closing it.
        if let Ok(Err(lost)) = timeout(within / 2, self.read_all()).await {
            return Err(lost);
        }
        // What had been read when the time was up.
        self.parked.session.begin_close();
        self.turn()?;
        self.parked.session.close();
        match timeout_at(end.into(), self.pump_until(pending::<Infallible>())).await {
            Err(_) => Ok(Stop::Unanswered),
            Ok(Err(lost)) if lost.is_end() => Ok(Stop::Closed),
            Ok(Err(lost)) => Err(lost),
            Ok(Ok(never)) => match never {},
        }
    }

    /// Translates until nothing more can be read.
    async fn read_all(&mut self) -> Result<(), Lost> {
        loop {
            // The runtime has to look at its sockets to learn what came in the meantime.
            yield_now().await;
            self.turn()?;
            if !self.parked.session.wants_input() {
                // No longer than the watchdog allows.
                if let Ok(Err(error)) = timeout(BEAT, self.parked.socket.writable()).await {
                    return Err(Lost::Broken(error));
                }
            } else if !self.read()? {
                return Ok(());
            }
        }
    }

    /// Reads once, if there is something to read; returns whether there was.
    fn read(&mut self) -> Result<bool, Lost> {
        let input = self.parked.session.input();
        input.reserve(READ_SIZE);
        match self.parked.socket.try_read(input) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            count => self.note_read(count).map(|()| true),
        }
    }

    /// So many bytes were read.
    fn note_read(&mut self, count: io::Result<usize>) -> Result<(), Lost> {
        match count {
            Ok(0) => Err(Lost::Broken(io::ErrorKind::UnexpectedEof.into())),
            Ok(_) => {
                self.has_read = true;
                Ok(())
            }
            Err(error) => Err(Lost::Broken(error)),
        }
    }
}

/// Translates and writes until there is nothing left to translate or the server takes no more;
/// then does what is due.
fn work(parked: &mut Parked, component: &mut Component, now: Now) -> Result<(), Lost> {
    loop {
        parked.session.process(&mut component.turn(now)).map_err(Lost::Ended)?;
        write(parked, now)?;
        if !parked.session.can_go_on() {
            break;
        }
    }
    // Only now, since the server may have read meanwhile if this process was stopped.
    if parked.session.deadline(&component.services) <= now.mono {
        parked.session.tick(&mut component.turn(now)).map_err(Lost::Ended)?;
        write(parked, now)?;
    }
    Ok(())
}

/// Writes what the socket takes.
fn write(Parked { socket, session, .. }: &mut Parked, now: Now) -> Result<(), Lost> {
    while !session.output().is_empty() {
        match socket.try_write(session.output()) {
            Ok(count) => session.sent(count, now),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                session.blocked(now);
                break;
            }
            Err(error) => return Err(Lost::Broken(error)),
        }
    }
    Ok(())
}

/// Waits for a change, and gives the receiver back for the next.
async fn change(mut changes: watch::Receiver<()>) -> watch::Receiver<()> {
    if changes.changed().await.is_err() {
        // The component no longer exists, so nothing will change.
        pending::<()>().await;
    }
    changes
}

/// How long a server may take to close its side of a stream that can't be handed over; all streams
/// together have 5 s.
const HALT_TIME: Duration = Duration::from_secs(3);
const READ_SIZE: usize = 64 * 1024;
/// How long a server may take to close its side of a stream that is to be opened again.
const CLOSE_TIME: Duration = Duration::from_secs(10);
