//! A port in front of a server, for tests that inspect, change or delay the traffic.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

/// Connects each client of a new port with a server's port, and passes both ends to `connected`: the
/// client's, then the server's. Returns the new port.
pub fn in_front_of(
    server_port: u16,
    mut connected: impl FnMut(&TcpStream, &TcpStream) + Send + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = TcpStream::connect(("127.0.0.1", server_port)).unwrap();
            connected(&client, &server);
        }
    });
    port
}

/// Passes on all input with `write`, up to `most` bytes at a time, until it fails or the input ends;
/// then returns `state`.
pub fn pass_on<S: Send + 'static>(
    from: &TcpStream,
    to: &TcpStream,
    most: usize,
    mut state: S,
    write: impl Fn(&mut S, &mut TcpStream, &[u8]) -> io::Result<()> + Send + 'static,
) -> JoinHandle<S> {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    to.set_nodelay(true).unwrap();
    thread::spawn(move || {
        let mut buffer = vec![0; most];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if write(&mut state, &mut to, &buffer[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
        state
    })
}

/// Passes on everything unchanged.
pub fn pass_all(from: &TcpStream, to: &TcpStream) {
    pass_on(from, to, 64 * 1024, (), |(), to, bytes| to.write_all(bytes));
}
