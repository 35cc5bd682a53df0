//! Programs that do nothing but move the same bytes.

use std::io::{Read, Write};
use std::net::TcpStream;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// As large as the pump's buffer.
const BUFFER: usize = 64 * 1024;

/// Sends back all that comes from `server`, and computes one HMAC of a token's length for each
/// stanza, which no translator can avoid. The system calls block, so that there are no more of
/// them than one read and one write.
pub fn limit(server: &str, stanza: usize, token: usize) {
    let key = Hmac::<Sha256>::new_from_slice(&[7; 32]).expect("any length is fine");
    let signed = vec![b'x'; token];
    let mut bytes = 0;
    echo_with(server, |count| {
        bytes += count;
        while bytes >= stanza {
            bytes -= stanza;
            let tag = key.clone().chain_update(std::hint::black_box(&signed)).finalize();
            std::hint::black_box(tag.into_bytes());
        }
    });
}

/// Sends back all that comes from `server`.
pub fn echo(server: &str) {
    echo_with(server, |_| ());
}

fn echo_with(server: &str, mut work: impl FnMut(usize)) {
    let mut socket = connect(server);
    let mut buffer = vec![0; BUFFER];
    loop {
        match socket.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(count) => {
                work(count);
                socket.write_all(&buffer[..count]).expect("the driver reads");
            }
        }
    }
}

/// The same as [`echo`] for a program that must not block, since it has other things to do: one
/// more system call for each wake-up.
pub fn async_echo(server: &str) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let socket = connect(server);
    socket.set_nonblocking(true).expect("a socket");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let mut socket = tokio::net::TcpStream::from_std(socket).expect("a socket");
        let mut buffer = vec![0; BUFFER];
        while let Ok(count @ 1..) = socket.read(&mut buffer).await {
            socket.write_all(&buffer[..count]).await.expect("the driver reads");
        }
    });
}

fn connect(server: &str) -> TcpStream {
    let socket = TcpStream::connect(server).expect("the driver listens");
    socket.set_nodelay(true).expect("a socket");
    socket
}
