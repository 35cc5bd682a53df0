//! The life of replicas: they start, read and write, lose a stream, leave, are killed.

use crate::ledger::Loss;
use crate::replica::{Life, Replica};
use crate::stream::{State, What};
use crate::world::{Event, StreamPlace, World};

impl World {
    pub fn start(&mut self, slot: usize) {
        let skew = self.rng.i64(-30..=30);
        let settings = self.file.settings(slot);
        let mut replica = Replica::start(slot, settings, skew, self.at, self.rng.u64(..));
        replica.bug = self.bug.filter(|(buggy, _)| *buggy == slot).map(|(_, bug)| bug);
        let number = self.replicas.len();
        self.log(|| format!("replica {number} starts on machine {slot}, clock {skew:+} s"));
        self.replicas.push(replica);
        self.logged_in(StreamPlace { replica: number, role: self.replicas[number].subscriber() });
        self.collect_all(number);
    }

    /// Its machine starts another process to replace one that ended.
    fn start_later(&mut self, number: usize) {
        let after = self.rng.u64(500..30_000);
        self.schedule(after, Event::Start(self.replicas[number].slot));
    }

    /// A connected replica, half of the time the one with most in its memory.
    pub fn one_connected(&mut self) -> Option<usize> {
        let connected = || (0..self.replicas.len()).filter(|n| self.replicas[*n].is_connected());
        let count = connected().count();
        if self.rng.bool() {
            return connected().max_by_key(|n| self.replicas[*n].load());
        }
        let nth = self.rng.usize(..count.max(1));
        connected().nth(nth)
    }

    /// SIGKILL: what is in its memory is gone.
    pub fn kill(&mut self, number: usize) {
        for place in self.places(number) {
            self.empty(place, Loss::Killed);
            self.stream(place).state = State::Away;
        }
        self.replicas[number].life = Life::Ended;
        self.start_later(number);
    }

    /// Another process, maybe of a new version, replaces it between two turns, in the middle of its
    /// input and its output. Nothing is lost.
    pub fn upgrade(&mut self, number: usize) {
        for place in self.places(number) {
            let [reads, writes] = [(); 2].map(|()| self.rng.usize(..200));
            if self.stream(place).state == State::Connected {
                self.read(place, reads);
                self.write(place, writes);
            }
        }
        let replica = &mut self.replicas[number];
        let settings = self.file.settings(replica.slot);
        replica.upgrade(settings, self.at, self.rng.u64(..));
        self.collect_all(number);
    }

    /// SIGTERM: what was read is translated and written, then it closes the stream.
    pub fn leave(&mut self, number: usize) {
        self.replicas[number].life = Life::Leaving;
        for place in self.places(number) {
            if self.stream(place).state == State::Connected {
                self.read_all(place);
                self.write(place, usize::MAX);
                self.stream(place).close();
                self.write(place, usize::MAX);
            }
            let after = self.rng.u64(1..1_500);
            self.schedule(after, Event::End(place));
        }
    }

    /// The server has read the closing tag.
    pub fn end(&mut self, place: StreamPlace) {
        if self.stream(place).state == State::Closing {
            self.said_by_server(place);
        }
        self.stream(place).state = State::Away;
        let replica = &mut self.replicas[place.replica];
        let is_over = replica.streams.iter().all(|stream| stream.state == State::Away);
        if replica.life == Life::Leaving && is_over {
            replica.life = Life::Ended;
            self.log(|| format!("replica {} has ended", place.replica));
            self.start_later(place.replica);
        }
    }

    /// The stream ends, with a closing tag if the server `said` so.
    pub fn lose_stream(&mut self, place: StreamPlace, said: bool) {
        if said && self.rng.bool() {
            self.said_by_server(place);
        }
        self.log(|| format!("{place} loses its stream"));
        self.empty(place, Loss::StreamLost);
        self.replicas[place.replica].disconnect(place.role);
        let after = self.rng.u64(200..5_000);
        self.schedule(after, Event::Connect(place));
    }

    fn said_by_server(&mut self, place: StreamPlace) {
        self.read_all(place);
        let (stream, mut turn) = self.replicas[place.replica].split(place.role, self.at);
        stream.ended_by_server(&mut turn);
    }

    pub fn connect(&mut self, place: StreamPlace) {
        let replica = &mut self.replicas[place.replica];
        let is_away = replica.streams[place.role].state == State::Away;
        if replica.life == Life::Running && is_away {
            replica.reconnect(place.role, self.at);
            self.log(|| format!("{place} is connected again"));
            self.logged_in(place);
            self.collect(place);
        }
    }

    pub fn reload(&mut self, number: usize) {
        let replica = &mut self.replicas[number];
        if replica.life == Life::Running {
            let settings = self.file.settings(replica.slot);
            replica.reload(settings, self.at);
            self.log(|| format!("replica {number} rereads its configuration"));
            self.collect_all(number);
        }
    }

    pub fn tick(&mut self, place: StreamPlace) {
        let (stream, mut turn) = self.replicas[place.replica].split(place.role, self.at);
        if stream.tick_at != Some(self.at) {
            return;
        }
        stream.tick_at = None;
        if stream.state == State::Connected {
            match stream.tick(&mut turn) {
                Ok(()) => self.collect(place),
                Err(_) => self.lose_stream(place, false),
            }
        }
    }

    pub fn collect_all(&mut self, number: usize) {
        self.places(number).for_each(|place| self.collect(place));
    }

    /// Sends what a replica wrote, and schedules its next wake-up.
    pub fn collect(&mut self, place: StreamPlace) {
        let (stream, turn) = self.replicas[place.replica].split(place.role, self.at);
        if stream.state == State::Away {
            return;
        }
        stream.note(What::Own);
        let writes = !stream.outbox.is_empty() && !stream.will_write;
        stream.will_write |= writes;
        let wake = stream.deadline(&turn);
        if wake <= LAST_TICK && stream.tick_at.is_none_or(|at| wake < at) {
            let at = wake.max(self.at + 1);
            stream.tick_at = Some(at);
            self.schedule_at(at, Event::Tick(place));
        }
        if writes {
            let after = self.rng.u64(1..300);
            self.schedule(after, Event::Write(place));
        }
    }

    /// The server reads the output of a stream, or the first bytes of it.
    pub fn write_some(&mut self, place: StreamPlace) {
        let stream = self.stream(place);
        stream.will_write = false;
        let at_most = if self.rng.u8(..8) == 0 { self.rng.usize(..200) } else { usize::MAX };
        self.write(place, at_most);
        self.collect(place);
    }

    fn write(&mut self, place: StreamPlace, at_most: usize) {
        let (stream, mut turn) = self.replicas[place.replica].split(place.role, self.at);
        if stream.state == State::Away {
            return;
        }
        for (what, xml) in stream.send(at_most, &mut turn) {
            self.take(place, what, &xml);
        }
    }

    /// What is under way on a stream is lost.
    fn empty(&mut self, place: StreamPlace, loss: Loss) {
        for what in self.stream(place).lose_all() {
            self.lose(what, loss);
        }
    }
}

/// From then on nobody wakes up, and the schedule ends.
const LAST_TICK: u64 = 1_000_000;
