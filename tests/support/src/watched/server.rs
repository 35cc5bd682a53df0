//! A minimal XMPP server: it accepts every component and sends what it is told to; resources of the
//! target may answer on it.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use core_tests::xml::Stanza;
use mock_server::Options;

use crate::wait::wait_until;

/// Its threads end with the test.
pub struct Server {
    pub address: SocketAddr,
    streams: Streams,
    bots: Bots,
}

/// What a resource of the target answers, or its server in its place; none, if it is missing here.
type Bots = Arc<Mutex<HashMap<String, BotAnswer>>>;

#[derive(Clone, Copy, Debug)]
pub enum BotAnswer {
    Result,
    Error(&'static str),
}

/// The logged-in streams by their domain, and how many IQs came on each.
type Streams = Arc<Mutex<HashMap<String, (TcpStream, Arc<AtomicUsize>)>>>;

pub fn start() -> Server {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let (streams, bots) = (Streams::default(), Bots::default());
    let shared = (Arc::clone(&streams), Arc::clone(&bots));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (streams, bots) = shared.clone();
            thread::spawn(move || serve(stream, &streams, &bots));
        }
    });
    Server { address, streams, bots }
}

/// The mock server, which answers time queries. It runs until the test ends.
pub fn with_a_clock() -> SocketAddr {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let options = Options { hosts: vec!["some.example".into()], ..Options::ejabberd("s") };
            let server = mock_server::Server::start(options).await.expect("a free port");
            tell.send(server.address()).expect("the test waits for it");
            std::future::pending::<()>().await;
        });
    });
    told.recv().expect("it starts")
}

impl Server {
    /// Sends `xml` on the stream of `domain`, once that is logged in.
    pub fn say(&self, domain: &str, xml: &str) {
        let streams = || self.streams.lock().expect("no thread panics");
        wait_until(&format!("{domain} to log in"), || streams().contains_key(domain));
        let mut stream = streams()[domain].0.try_clone().expect("a third descriptor");
        stream.write_all(xml.as_bytes()).expect("it is open");
    }

    /// From now on the resource with this full JID answers like this; `None`: not at all.
    pub fn let_answer(&self, resource: &str, answer: Option<BotAnswer>) {
        let mut bots = self.bots.lock().expect("no thread panics");
        match answer {
            Some(answer) => bots.insert(resource.to_owned(), answer),
            None => bots.remove(resource),
        };
    }

    /// How many version queries arrived on the stream of `domain`; the daemon itself sends none.
    pub fn version_requests(&self, domain: &str) -> usize {
        let streams = self.streams.lock().expect("no thread panics");
        streams.get(domain).map_or(0, |(_, requests)| requests.load(Ordering::Relaxed))
    }
}

/// XEP-0114 section 3, with any secret; then counts what it gets.
fn serve(mut stream: TcpStream, streams: &Streams, bots: &Bots) {
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
    let requests = Arc::new(AtomicUsize::new(0));
    streams.lock().expect("no thread panics").insert(domain, (writer, Arc::clone(&requests)));
    let (mut buffer, mut text) = ([0; 65536], String::new());
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        text += &String::from_utf8_lossy(&buffer[..count]);
        // Only IQs end like this.
        while let Some((iq, rest)) = text.split_once("</iq>") {
            requests.fetch_add(iq.contains("jabber:iq:version").into(), Ordering::Relaxed);
            stream.write_all(answer_to(iq, bots).as_bytes()).expect("it is open");
            text = rest.to_owned();
        }
    }
}

/// The answer to a request without its end tag; empty for anything else, and if nobody answers.
fn answer_to(iq: &str, bots: &Bots) -> String {
    let begin = iq.rfind("<iq ").expect("its end was there");
    let Stanza { id, to, from, .. } = Stanza::read(&iq[begin..]);
    let addresses = format!("id='{id}' to='{from}' from='{to}'");
    match bots.lock().expect("no thread panics").get(to) {
        None => String::new(),
        Some(BotAnswer::Result) => format!("<iq type='result' {addresses}/>"),
        Some(BotAnswer::Error(condition)) => format!(
            "<iq type='error' {addresses}><error type='cancel'>\
             <{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
        ),
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
