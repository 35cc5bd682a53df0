//! A port in front of a server that records connections and their times.

use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use test_support::interop::between::{in_front_of, pass_all};
use test_support::wait::PATIENCE;

pub struct Door {
    pub port: u16,
    visits: Receiver<Instant>,
}

impl Door {
    pub fn before(server_port: u16) -> Self {
        let (told, visits) = mpsc::channel();
        let port = in_front_of(server_port, move |client, server| {
            // Connections after the test are accepted, too.
            let _ = told.send(Instant::now());
            pass_all(client, server);
            pass_all(server, client);
        });
        Self { port, visits }
    }

    /// Waits for a few attempts and checks the time between them. An attempt is up to three
    /// connections: with TLS from the start, with STARTTLS, and without.
    pub fn is_visited_with_pauses_of(&self, pause: Duration) {
        let next = |_| self.visits.recv_timeout(2 * PATIENCE).expect("another connection");
        let visits: Vec<_> = (0..5).map(next).collect();
        let least = visits.windows(4).map(|it| it[3] - it[0]).min().unwrap();
        println!("of four connections the last came {least:.2?} after the first");
        // A pause is never shorter, but a connection may be noticed late.
        assert!(least > pause / 2, "{least:?}");
    }
}
