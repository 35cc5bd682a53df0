//! A process under test: a real session, driven as the pump drives it.

use std::time::Duration;

use core_tests::session::{Side, settings};
use jat_core::jat::now::Now;
use jat_core::session::Bounds;
use jat_core::session::echo::Sharing;

pub const DOMAIN: &str = "proxy.example";
pub const TARGET: &str = "service@some.example";
const START: u64 = 1_800_000_000;

/// Times are in milliseconds.
pub struct Process {
    side: Side,
    /// What has arrived and was not read yet.
    pub socket: Vec<u8>,
    /// It is stopped between these times.
    pub stopped: (u64, u64),
    /// The server reads none of its output between these times.
    pub unread: (u64, u64),
    /// It reads little at a time, and slowly.
    pub is_slow: bool,
}

impl Process {
    /// One that has just logged in.
    pub fn new(seed: u64, at: u64) -> Self {
        let settings = settings(DOMAIN, TARGET);
        Self {
            side: Side::begun(settings, Bounds::default(), seed, now(at)),
            socket: Vec::new(),
            stopped: (0, 0),
            unread: (0, 0),
            is_slow: false,
        }
    }

    pub fn sharing(&self) -> Sharing {
        self.side.session.sharing()
    }

    /// Runs until there is nothing more to do; returns what it wrote, and when to run it again. Timers
    /// come before input, since it may have been stopped in between.
    pub fn run(&mut self, at: u64) -> (Vec<u8>, u64) {
        let mut written = Vec::new();
        let is_unread = (self.unread.0..self.unread.1).contains(&at);
        let (session, mut turn) = self.side.split(now(at));
        let mut idle = 0;
        loop {
            session.process(&mut turn).expect("a sound stream");
            if session.deadline(turn.services) <= turn.now.mono {
                session.tick(&mut turn).expect("a stream that lives");
            }
            if is_unread && !session.output().is_empty() {
                session.blocked(turn.now);
            } else if !session.output().is_empty() {
                written.extend(session.output());
                session.sent(session.output().len(), turn.now);
            }
            let deadline = session.deadline(turn.services);
            if self.socket.is_empty() && deadline > turn.now.mono {
                let deadline = milliseconds(deadline.saturating_sub(ORIGIN));
                return (written, if is_unread { deadline.min(self.unread.1) } else { deadline });
            }
            if self.socket.is_empty() {
                idle += 1;
                assert!(idle < 10, "due {deadline:?} for ever, and it is {:?}", turn.now.mono);
                continue;
            }
            let most = if self.is_slow { 2_000 } else { READ_SIZE };
            let most = most.min(self.socket.len());
            let count = if turn.rng.u8(..4) == 0 { turn.rng.usize(1..=most) } else { most };
            session.input().extend(self.socket.drain(..count));
            session.received(turn.now);
            if self.is_slow {
                return (written, at + turn.rng.u64(1..20));
            }
        }
    }
}

/// Rounded up.
fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX)
}

fn now(at: u64) -> Now {
    Now { unix: START + at / 1000, mono: ORIGIN + Duration::from_millis(at) }
}

const READ_SIZE: usize = 64 * 1024;
/// The clock need not begin at zero.
const ORIGIN: Duration = Duration::from_secs(5);
