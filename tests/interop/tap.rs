//! A tap between a replica and its server: it passes on every byte, and notes every IQ that is
//! relayed, or every message, and when it was passed on.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crate::wire::{IQS, Iq, Tags};

pub struct Tap {
    /// Where the replica is to connect to.
    pub port: u16,
    ways: Arc<Mutex<Ways>>,
}

/// Of each connection: what the server said, and what the replica said.
#[derive(Default)]
struct Ways {
    down: Vec<JoinHandle<Vec<Passed>>>,
    up: Vec<JoinHandle<Vec<Passed>>>,
}

pub struct Passed {
    pub iq: Iq,
    /// Between these two moments it was written.
    pub begun: Instant,
    pub done: Instant,
    /// Whether the other end still took it.
    taken: bool,
}

/// All that went by.
pub struct Record {
    /// What the server said.
    pub down: Vec<Passed>,
    /// What the replica said.
    pub up: Vec<Passed>,
    /// What the server said when the replica was no more.
    pub late: Vec<Passed>,
}

impl Tap {
    pub fn start(server_port: u16) -> Tap {
        Tap::noting(server_port, IQS)
    }

    /// As `start`, but these are noted: [`IQS`] or [`MESSAGES`](crate::wire::MESSAGES).
    pub fn noting(server_port: u16, open: &'static [u8]) -> Tap {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let ways = Arc::new(Mutex::new(Ways::default()));
        let shared = Arc::clone(&ways);
        thread::spawn(move || {
            for replica in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect(("127.0.0.1", server_port)).unwrap();
                let mut ways = shared.lock().unwrap();
                ways.down.push(pass_on(&server, &replica, open));
                ways.up.push(pass_on(&replica, &server, open));
            }
        });
        Tap { port, ways }
    }

    /// Waits for the end of all connections so far.
    pub fn finish(self) -> Record {
        let Ways { down, up } = std::mem::take(&mut *self.ways.lock().unwrap());
        let all = |ways: Vec<JoinHandle<Vec<Passed>>>| -> Vec<Passed> {
            let passed = ways.into_iter().flat_map(|way| way.join().unwrap());
            // A replica also asks the server for its time.
            passed.filter(|it: &Passed| !it.iq.id.starts_with("jat-time-")).collect()
        };
        let (down, late) = all(down).into_iter().partition(|it| it.taken);
        Record { down, up: all(up).into_iter().filter(|it| it.taken).collect(), late }
    }
}

fn pass_on(from: &TcpStream, to: &TcpStream, open: &'static [u8]) -> JoinHandle<Vec<Passed>> {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    to.set_nodelay(true).unwrap();
    thread::spawn(move || {
        let (mut tags, mut seen) = (Tags::of(open), Vec::new());
        let mut buffer = [0; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let begun = Instant::now();
            let taken = to.write_all(&buffer[..count]).is_ok();
            let done = Instant::now();
            tags.feed(&buffer[..count], |iq| seen.push(Passed { iq, begun, done, taken }));
        }
        let _ = to.shutdown(Shutdown::Write);
        seen
    })
}
