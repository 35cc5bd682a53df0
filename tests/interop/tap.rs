//! A tap between a replica and its server: it passes on every byte, and notes every IQ that is
//! relayed, or every message, and when it was passed on.

use std::io::Write;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use test_support::interop::between::{self, in_front_of};

use crate::wire::{IQS, Iq, Tags};

pub struct Tap {
    /// The port for the replica to connect to.
    pub port: u16,
    ways: Arc<Mutex<Ways>>,
}

/// What the server and the replica sent on each connection.
#[derive(Default)]
struct Ways {
    down: Vec<Way>,
    up: Vec<Way>,
}

type Way = JoinHandle<(Tags, Vec<Passed>)>;

pub struct Passed {
    pub iq: Iq,
    /// It was written between these two moments.
    pub begun: Instant,
    pub done: Instant,
    /// Whether the other end still accepted it.
    taken: bool,
}

/// All that passed.
pub struct Record {
    /// What the server sent.
    pub down: Vec<Passed>,
    /// What the replica sent.
    pub up: Vec<Passed>,
    /// What the server sent after the replica had ended.
    pub late: Vec<Passed>,
}

impl Tap {
    pub fn start(server_port: u16) -> Tap {
        Tap::noting(server_port, IQS)
    }

    /// As `start`, but records these: [`IQS`] or [`MESSAGES`](crate::wire::MESSAGES).
    pub fn noting(server_port: u16, open: &'static [u8]) -> Tap {
        let ways = Arc::new(Mutex::new(Ways::default()));
        let shared = Arc::clone(&ways);
        let port = in_front_of(server_port, move |replica, server| {
            let mut ways = shared.lock().unwrap();
            ways.down.push(pass_on(server, replica, open));
            ways.up.push(pass_on(replica, server, open));
        });
        Tap { port, ways }
    }

    /// Waits for the end of all connections so far.
    pub fn finish(self) -> Record {
        let Ways { down, up } = std::mem::take(&mut *self.ways.lock().unwrap());
        let all = |ways: Vec<Way>| -> Vec<Passed> {
            let passed = ways.into_iter().flat_map(|way| way.join().unwrap().1);
            // A replica also asks the server for its time.
            passed.filter(|it: &Passed| !it.iq.id.starts_with("jat-time-")).collect()
        };
        let (down, late) = all(down).into_iter().partition(|it| it.taken);
        Record { down, up: all(up).into_iter().filter(|it| it.taken).collect(), late }
    }
}

fn pass_on(from: &TcpStream, to: &TcpStream, open: &'static [u8]) -> Way {
    let seen = (Tags::of(open), Vec::new());
    between::pass_on(from, to, 64 * 1024, seen, |(tags, seen), to, bytes| {
        let begun = Instant::now();
        let taken = to.write_all(bytes).is_ok();
        let done = Instant::now();
        tags.feed(bytes, |iq| seen.push(Passed { iq, begun, done, taken }));
        Ok(())
    })
}
