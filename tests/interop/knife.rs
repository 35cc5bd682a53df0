//! A connection between a replica and its server that cuts the replica's output at a given place, or
//! holds it back, as networks may do at any time.

use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use test_support::interop::between::{in_front_of, pass_all, pass_on};
use test_support::wait::PATIENCE;

pub struct Knife {
    /// The port for the replica to connect to.
    pub port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// The length of the first piece of output that arrives at once and has an IQ in it; 0: all of it.
    first: AtomicUsize,
    /// Its length is random instead.
    random: AtomicBool,
    /// The largest output that arrived at once and had an IQ in it.
    longest: AtomicUsize,
    cuts: AtomicUsize,
    held: AtomicBool,
}

impl Knife {
    pub fn start(server_port: u16) -> Knife {
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let port = in_front_of(server_port, move |replica, server| {
            let (state, rng) = (Arc::clone(&shared), Rng::with_seed(1));
            pass_on(replica, server, 1 << 20, rng, move |rng, to, bytes| {
                state.pass_on(rng, to, bytes)
            });
            pass_all(server, replica);
        });
        Knife { port, state }
    }

    /// Cuts from now on after so many bytes, if there are more and an IQ is among them.
    pub fn cut_behind(&self, bytes: usize) {
        self.state.first.store(bytes, Ordering::SeqCst);
    }

    /// Cuts from now on at random places.
    pub fn cut_anywhere(&self) {
        self.state.random.store(true, Ordering::SeqCst);
    }

    /// How often it has cut.
    pub fn cuts(&self) -> usize {
        self.state.cuts.load(Ordering::SeqCst)
    }

    /// The largest output that had an IQ in it and arrived at once, since the last call.
    pub fn take_longest(&self) -> usize {
        self.state.longest.swap(0, Ordering::SeqCst)
    }

    /// Holds back all output of the replica, or releases it.
    pub fn hold(&self, held: bool) {
        self.state.held.store(held, Ordering::SeqCst);
    }
}

impl State {
    fn pass_on(&self, rng: &mut Rng, to: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
        while self.held.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(10));
        }
        let mut first = self.first.load(Ordering::SeqCst);
        if memchr::memmem::find(bytes, b"<iq ").is_none() {
            first = 0;
        } else {
            self.longest.fetch_max(bytes.len(), Ordering::SeqCst);
            if self.random.load(Ordering::SeqCst) {
                first = rng.usize(..bytes.len());
            }
        }
        let (piece, rest) = bytes.split_at(first.min(bytes.len()));
        if !piece.is_empty() && !rest.is_empty() {
            self.cuts.fetch_add(1, Ordering::SeqCst);
            to.write_all(piece)?;
            wait_until_read(to);
        }
        to.write_all(if rest.is_empty() { piece } else { rest })
    }
}

/// Waits until the other end has read all that was written.
fn wait_until_read(socket: &TcpStream) {
    let hex = |address: std::net::SocketAddr| format!("0100007F:{:04X}", address.port());
    let near = hex(socket.local_addr().unwrap());
    let far = hex(socket.peer_addr().unwrap());
    let limit = Instant::now() + PATIENCE;
    loop {
        // proc_pid_net(5): local and remote address, state, then both queues.
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let row = |from: &str, to: &str| {
            let row = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
            row.filter(|row| row.len() > 4 && row[1] == from && row[2] == to)
                .map(|row| row[4].to_owned())
                .next()
        };
        let sent = row(&near, &far).is_none_or(|queues| queues.starts_with("00000000:"));
        let read = row(&far, &near).is_none_or(|queues| queues.ends_with(":00000000"));
        if sent && read {
            return;
        }
        assert!(Instant::now() < limit, "the server does not read");
        thread::sleep(Duration::from_micros(200));
    }
}
