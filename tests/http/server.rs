//! The least of an XMPP server: it lets every component in and says what it is told to.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Its threads end with the test.
pub struct Server {
    pub address: SocketAddr,
    streams: Streams,
}

/// The logged-in streams by their domain.
type Streams = Arc<Mutex<HashMap<String, TcpStream>>>;

pub fn start() -> Server {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let streams = Streams::default();
    let shared = Arc::clone(&streams);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let streams = Arc::clone(&shared);
            thread::spawn(move || serve(stream, &streams));
        }
    });
    Server { address, streams }
}

impl Server {
    /// Sends `xml` on the stream of `domain`, which must be logged in.
    pub fn say(&self, domain: &str, xml: &str) {
        let streams = self.streams.lock().expect("no thread panics");
        let mut stream = streams.get(domain).expect("it is logged in");
        stream.write_all(xml.as_bytes()).expect("it is open");
    }
}

/// XEP-0114 section 3, with any secret; then swallows what it gets.
fn serve(mut stream: TcpStream, streams: &Streams) {
    let head = read_until(&mut stream, "component:accept");
    let domain = head.split(" to=").nth(1).and_then(|rest| rest.split(['"', '\'']).nth(1));
    let domain = domain.expect("a component names its domain").to_owned();
    let answer = format!(
        "<stream:stream xmlns='jabber:component:accept' \
         xmlns:stream='http://etherx.jabber.org/streams' id='1' from='{domain}'>"
    );
    stream.write_all(answer.as_bytes()).expect("it is open");
    read_until(&mut stream, "</handshake>");
    stream.write_all(b"<handshake/>").expect("it is open");
    let writer = stream.try_clone().expect("a second descriptor");
    streams.lock().expect("no thread panics").insert(domain, writer);
    while stream.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {}
}

fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    while !(text.contains(end) && text.ends_with('>')) {
        let count = stream.read(&mut buffer).expect("it is open");
        assert_ne!(count, 0, "it ended after {text}");
        text += std::str::from_utf8(&buffer[..count]).expect("UTF-8");
    }
    text
}
