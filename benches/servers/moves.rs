//! The reads and writes of a component's socket, and a program that does nothing but these.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use core_tests::bench::usage::{cpu_time, cpu_time_since};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Bytes that went through a socket.
pub struct Moves {
    read: u64,
    written: u64,
    /// Each is one segment, as long as nobody waits for room in a buffer.
    writes: u64,
}

impl Moves {
    /// Those of the only connection to `port`, on the connecting side.
    pub fn of_component(port: u16) -> Self {
        let filter = format!("dst 127.0.0.1:{port}");
        let output = Command::new("ss").args(["-tinH", "state", "established", &filter]).output();
        let text = String::from_utf8(output.expect("ss, of iproute2").stdout).expect("text");
        let count = |name: &str| {
            let mut values = text.split_whitespace().filter_map(|word| word.strip_prefix(name));
            let value = values.next().unwrap_or_else(|| panic!("no {name} in {text}"));
            assert!(values.next().is_none(), "more than one connection: {text}");
            value.parse().expect("a number")
        };
        Self {
            read: count("bytes_received:"),
            written: count("bytes_sent:"),
            writes: count("data_segs_out:"),
        }
    }

    pub fn since(&self, before: &Self) -> Self {
        Self {
            read: self.read - before.read,
            written: self.written - before.written,
            writes: self.writes - before.writes,
        }
    }

    /// The average sizes of a read and of a write, in bytes.
    pub fn sizes(&self) -> (u64, u64) {
        (self.read / self.writes, self.written / self.writes)
    }

    /// Has a process do as many, spread over as much time; returns its processor time.
    pub fn replay(&self, over: Duration) -> Duration {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let (read, write) = self.sizes();
        let program = std::env::current_exe().expect("a path of this program");
        let mut child = Command::new(program)
            .args(["move", &address, &read.to_string(), &write.to_string()])
            .spawn()
            .expect("this program runs once more");
        let (mut socket, _) = listener.accept().expect("a connection");
        socket.set_nodelay(true).expect("a socket");
        let there = vec![b'x'; usize::try_from(read).expect("a size")];
        let mut back = vec![0; usize::try_from(write).expect("a size")];
        let (before, start) = (cpu_time(child.id()), Instant::now());
        for turn in 0..self.writes {
            let due = over.mul_f64(turn as f64 / self.writes as f64);
            thread::sleep(due.saturating_sub(start.elapsed()));
            socket.write_all(&there).expect("it reads");
            socket.read_exact(&mut back).expect("it writes");
        }
        let spent = cpu_time_since(child.id(), before);
        drop(socket);
        child.wait().expect("it ends");
        spent
    }
}

/// Reads `read` bytes and writes `write` bytes, in turn, until `server` closes the connection;
/// as jat-proxy does it, on tokio's runtime of one thread.
pub fn do_nothing_else(server: &str, read: usize, write: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let socket = TcpStream::connect(server).expect("the other side listens");
        socket.set_nodelay(true).expect("a socket");
        socket.set_nonblocking(true).expect("a socket");
        let mut socket = tokio::net::TcpStream::from_std(socket).expect("a socket");
        let (mut buffer, output, mut bytes) = (vec![0; 64 * 1024], vec![b'x'; write], 0);
        while let Ok(count @ 1..) = socket.read(&mut buffer).await {
            bytes += count;
            while bytes >= read {
                bytes -= read;
                socket.write_all(&output).await.expect("the other side reads");
            }
        }
    });
}
