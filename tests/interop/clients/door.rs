//! A port in front of a server that notes who comes, and when.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use test_support::wait::PATIENCE;

pub struct Door {
    pub port: u16,
    visits: Receiver<Instant>,
}

impl Door {
    pub fn before(server_port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (told, visits) = mpsc::channel();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if told.send(Instant::now()).is_err() {
                    break;
                }
                let server = TcpStream::connect(("127.0.0.1", server_port)).unwrap();
                pass_on(&client, &server);
                pass_on(&server, &client);
            }
        });
        Self { port, visits }
    }

    /// Waits for a few attempts and looks at the time between them. One is up to three connections:
    /// with TLS from the start, with STARTTLS, and without.
    pub fn is_visited_with_pauses_of(&self, pause: Duration) {
        let next = |_| self.visits.recv_timeout(2 * PATIENCE).expect("another connection");
        let visits: Vec<_> = (0..5).map(next).collect();
        let least = visits.windows(4).map(|it| it[3] - it[0]).min().unwrap();
        println!("of four connections the last came {least:.2?} after the first");
        // A pause is never shorter, but that somebody came may be noticed late.
        assert!(least > pause / 2, "{least:?}");
    }
}

fn pass_on(from: &TcpStream, to: &TcpStream) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Write);
    });
}
