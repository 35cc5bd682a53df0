//! The least of an XMPP server: it lets every component in and says what it is told to.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use jat_proxy::demo;
use jat_proxy::demo::server::Options;

/// Its threads end with the test.
pub struct Server {
    pub address: SocketAddr,
    streams: Streams,
}

/// The logged-in streams by their domain, and how many IQs came on each.
type Streams = Arc<Mutex<HashMap<String, (TcpStream, Arc<AtomicUsize>)>>>;

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

/// Another one, of the program's demo, that tells what time it is. It runs until the test ends.
pub fn with_a_clock() -> SocketAddr {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let options = Options { hosts: vec!["some.example".into()], ..Options::ejabberd("s") };
            let server = demo::server::Server::start(options).await.expect("a free port");
            tell.send(server.address()).expect("the test waits for it");
            std::future::pending::<()>().await;
        });
    });
    told.recv().expect("it starts")
}

impl Server {
    /// Sends `xml` on the stream of `domain`, which must be logged in.
    pub fn say(&self, domain: &str, xml: &str) {
        let streams = self.streams.lock().expect("no thread panics");
        let (stream, _) = streams.get(domain).expect("it is logged in");
        let mut stream = stream.try_clone().expect("a third descriptor");
        drop(streams);
        stream.write_all(xml.as_bytes()).expect("it is open");
    }

    /// How many IQs came on the stream of `domain`.
    pub fn iqs(&self, domain: &str) -> usize {
        let streams = self.streams.lock().expect("no thread panics");
        streams.get(domain).map_or(0, |(_, iqs)| iqs.load(Ordering::Relaxed))
    }
}

/// XEP-0114 section 3, with any secret; then counts what it gets.
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
    let iqs = Arc::new(AtomicUsize::new(0));
    streams.lock().expect("no thread panics").insert(domain, (writer, Arc::clone(&iqs)));
    let (mut buffer, mut kept) = ([0; 65536], 0);
    while let Ok(count @ 1..) = stream.read(&mut buffer[kept..]) {
        let end = kept + count;
        iqs.fetch_add(buffer[..end].windows(3).filter(|w| *w == b"<iq").count(), Ordering::Relaxed);
        // A tag may go on in the next piece.
        kept = end.min(2);
        buffer.copy_within(end - kept..end, 0);
    }
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
