//! The life of replicas: they start, read and write, lose their stream, leave, are killed.

use crate::ledger::{Fate, Loss};
use crate::replica::{Replica, START, State, What};
use crate::world::{Event, World};

impl World {
    pub fn start(&mut self, slot: usize) {
        let skew = self.rng.i64(-30..=30);
        let unix = (START + self.at / 1000).saturating_add_signed(skew);
        let settings = self.file.settings(unix);
        let mut replica = Replica::start(slot, settings, skew, self.at, self.rng.u64(..));
        replica.bug = self.bug.filter(|(buggy, _)| *buggy == slot).map(|(_, bug)| bug);
        self.replicas.push(replica);
        self.collect(self.replicas.len() - 1);
    }

    /// Its machine starts another process in place of one that ended.
    pub fn start_later(&mut self, number: usize) {
        let after = self.rng.u64(500..30_000);
        self.schedule(after, Event::Start(self.replicas[number].slot));
    }

    pub fn one_connected_is_there(&self) -> bool {
        self.replicas.iter().any(|r| r.state == State::Connected)
    }

    /// A connected replica, half of the time the one with most in its memory.
    pub fn one_connected(&mut self) -> Option<usize> {
        let is_connected = |n: &usize| self.replicas[*n].state == State::Connected;
        let numbers: Vec<usize> = (0..self.replicas.len()).filter(is_connected).collect();
        if numbers.is_empty() || self.rng.bool() {
            let memory = |n: &usize| self.replicas[*n].inbox.len() + self.replicas[*n].outbox.len();
            return numbers.into_iter().max_by_key(memory);
        }
        Some(numbers[self.rng.usize(..numbers.len())])
    }

    /// SIGKILL: what is in its memory is gone.
    pub fn kill(&mut self, number: usize) {
        self.replicas[number].state = State::Dead;
        self.empty(number, Loss::Killed);
    }

    /// SIGTERM: what was read is translated and written, then it says goodbye.
    pub fn leave(&mut self, number: usize) {
        while !self.replicas[number].inbox.is_empty() {
            self.read(number);
        }
        self.write(number);
        self.replicas[number].close(self.at);
        let after = self.rng.u64(1..1_500);
        self.schedule(after, Event::End(number));
    }

    /// The server has read the goodbye.
    pub fn end(&mut self, number: usize) {
        if self.replicas[number].state != State::Closing {
            return;
        }
        while !self.replicas[number].inbox.is_empty() {
            self.read(number);
        }
        self.replicas[number].ended_by_server(self.at);
        self.replicas[number].state = State::Dead;
    }

    /// The stream ends; `said` by the server, or without a word.
    pub fn lose_stream(&mut self, number: usize, said: bool) {
        if said && self.rng.bool() {
            while !self.replicas[number].inbox.is_empty() {
                self.read(number);
            }
            self.replicas[number].ended_by_server(self.at);
        }
        self.replicas[number].disconnect();
        self.empty(number, Loss::StreamLost);
        let after = self.rng.u64(200..5_000);
        self.schedule(after, Event::Connect(number));
    }

    pub fn connect(&mut self, number: usize) {
        if self.replicas[number].state == State::Away {
            self.replicas[number].reconnect(self.at);
            self.collect(number);
        }
    }

    /// All replicas reread their file, each within so many milliseconds.
    pub fn reload_all(&mut self, within: u64) {
        for number in 0..self.replicas.len() {
            let after = self.rng.u64(..within);
            self.schedule(after, Event::Reload(number));
        }
    }

    /// A replica rereads its file at this time and not before.
    pub fn late_reload(&mut self, number: usize, at: u64) {
        let is_reload = |event: &Event| matches!(event, Event::Reload(n) if *n == number);
        self.queue.retain(|_, event| !is_reload(event));
        self.schedule_at(at, Event::Reload(number));
    }

    pub fn reload(&mut self, number: usize) {
        if matches!(self.replicas[number].state, State::Connected | State::Away) {
            let settings = self.file.settings(self.replicas[number].unix(self.at));
            self.replicas[number].reload(settings, self.at);
            self.collect(number);
        }
    }

    pub fn tick(&mut self, number: usize) {
        let replica = &mut self.replicas[number];
        if replica.tick_at != Some(self.at) {
            return;
        }
        replica.tick_at = None;
        if replica.state == State::Connected {
            match replica.tick(self.at) {
                Ok(()) => self.collect(number),
                Err(_) => self.lose_stream(number, false),
            }
        }
    }

    /// What a replica says by itself goes on its way; when it is to be woken.
    pub fn collect(&mut self, number: usize) {
        let written = self.replicas[number].written(self.at);
        self.put(number, What::Own, written);
    }

    pub fn put(&mut self, number: usize, what: What, written: Vec<String>) {
        if !written.is_empty() {
            let after = self.rng.u64(1..300);
            self.schedule(after, Event::Write(number));
        }
        let replica = &mut self.replicas[number];
        let is_own = |xml: &String| xml.starts_with("<presence");
        let outs = written.into_iter().map(|x| (if is_own(&x) { What::Own } else { what }, x));
        replica.outbox.extend(outs);
        let wake = replica.deadline();
        if wake <= LAST_TICK && replica.tick_at.is_none_or(|at| wake < at) {
            let at = wake.max(self.at + 1);
            replica.tick_at = Some(at);
            self.schedule_at(at, Event::Tick(number));
        }
    }

    pub fn write(&mut self, number: usize) {
        for (what, xml) in std::mem::take(&mut self.replicas[number].outbox) {
            self.take(number, what, &xml);
        }
    }

    /// What is in a replica's memory is lost.
    fn empty(&mut self, number: usize, loss: Loss) {
        let replica = &mut self.replicas[number];
        let inbox = replica.inbox.drain(..).map(|letter| letter.what);
        let whats: Vec<What> =
            inbox.chain(replica.outbox.drain(..).map(|(what, _)| what)).collect();
        whats.into_iter().for_each(|what| self.lose(what, loss));
    }

    pub fn lose(&mut self, what: What, loss: Loss) {
        match what {
            What::Ask(ask) => self.ledger.asks[ask].fate = Fate::Lost(loss),
            What::Reply(reply) => self.ledger.replies[reply].fate = Fate::Lost(loss),
            _ => {}
        }
    }
}

/// From then on nobody is woken, and the schedule runs dry.
const LAST_TICK: u64 = 1_400_000;
