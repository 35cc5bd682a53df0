//! Plays the server, the users and the service at once, on one socket. It must be much cheaper
//! than what it measures: its stanzas are put together from prebuilt parts, and of what
//! comes back it reads two attributes.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use memchr::memmem::find;

pub const DOMAIN: &str = "proxy.domain.example";
pub const SECRET: &str = "a secret of the benchmarks";
pub const TARGET: &str = "some-user@some-domain.example";
pub const PEER: &str = "some-user@some-domain.example/a";

/// The server's side of one connection.
pub struct Driver {
    socket: TcpStream,
    input: Box<[u8]>,
    /// What was read and not looked at yet is `input[begin..end]`.
    begin: usize,
    end: usize,
    output: Vec<u8>,
    /// Where replies go, if not to where the request seems to come from.
    reply_to: Option<String>,
    next_id: u64,
}

/// Requests to keep going, and their replies if there are to be some.
#[derive(Clone, Copy)]
pub struct Load {
    pub replies: bool,
    pub in_flight: u64,
    pub requests: u64,
}

/// What came of a [`Load`].
pub struct Outcome {
    pub elapsed: Duration,
    /// Stanzas that came back.
    pub stanzas: u64,
    /// With one in flight: for each stanza, from when it was sent until it came back.
    pub waits: Vec<Duration>,
}

impl Driver {
    /// Accepts a connection and logs a component in, whoever it is.
    pub fn log_in(listener: &TcpListener) -> Self {
        let mut driver = Self::accept(listener);
        driver.read_through(b"<stream:stream", b">");
        driver.send(
            format!(
                "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
                 xmlns:stream='http://etherx.jabber.org/streams' from='{DOMAIN}' id='1'>"
            )
            .as_bytes(),
        );
        driver.read_through(b"<handshake", b"</handshake>");
        driver.send(b"<handshake/>");
        driver
    }

    /// Accepts a connection of something that just sends everything back. `token` is an address
    /// that replies go to, so that it gets to see the same bytes as others.
    pub fn echo(listener: &TcpListener, token: &str) -> Self {
        Self { reply_to: Some(token.to_owned()), ..Self::accept(listener) }
    }

    fn accept(listener: &TcpListener) -> Self {
        let (socket, _) = listener.accept().expect("a connection");
        socket.set_nodelay(true).expect("a socket");
        // Whatever stands still is a failure, not a benchmark that never ends.
        socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
        socket.set_write_timeout(Some(Duration::from_secs(20))).expect("a socket");
        let input = vec![0; 256 * 1024].into_boxed_slice();
        let (output, reply_to) = (Vec::with_capacity(256 * 1024), None);
        Self { socket, input, begin: 0, end: 0, output, reply_to, next_id: FIRST_ID }
    }

    /// Lets the component know of these resources of the target.
    pub fn bring_online(&mut self, resources: impl Iterator<Item = String>) {
        self.send(
            format!("<presence type='subscribed' from='{TARGET}' to='{DOMAIN}'/>").as_bytes(),
        );
        let presence = |name| format!("<presence from='{TARGET}/{name}' to='{DOMAIN}'/>");
        self.send(resources.map(presence).collect::<String>().as_bytes());
        // Everything before this is done when it comes back.
        self.run(Load { replies: false, in_flight: 1, requests: 1 });
    }

    /// The address that one request is forwarded from: with a token as all others have.
    pub fn encoded_from(&mut self) -> String {
        self.output.clear();
        self.push_request();
        self.flush();
        self.fill();
        loop {
            match self.next_stanza() {
                Some(Stanza::Iq { begin, end }) => {
                    let stanza = &self.input[begin..end];
                    return String::from_utf8(attribute(stanza, FROM).to_vec())
                        .expect("an address");
                }
                _ => self.fill(),
            }
        }
    }

    /// Keeps requests in flight until so many were served.
    pub fn run(&mut self, load: Load) -> Outcome {
        let (mut waits, begin) = (Vec::new(), Instant::now());
        let (mut asked, mut served, mut stanzas, mut sum) = (0, 0, 0, 0);
        let first = self.next_id;
        while asked < load.in_flight.min(load.requests) {
            self.push_request();
            asked += 1;
        }
        let mut sent = Instant::now();
        self.flush();
        while served < load.requests {
            self.fill();
            while let Some(stanza) = self.next_stanza() {
                let Stanza::Iq { begin, end } = stanza else { continue };
                stanzas += 1;
                if load.in_flight == 1 {
                    waits.push(sent.elapsed());
                }
                let is_request = attribute(&self.input[begin..end], TYPE) == b"get";
                if load.replies && is_request {
                    self.push_reply(begin, end);
                    continue;
                }
                assert_eq!(is_request, !load.replies, "a stanza of the wrong type");
                sum += self.id(begin, end);
                served += 1;
                if asked < load.requests {
                    self.push_request();
                    asked += 1;
                }
            }
            sent = Instant::now();
            self.flush();
        }
        let ids = first..self.next_id;
        assert_eq!(sum, ids.sum::<u64>(), "each request is served once, under its own id");
        Outcome { elapsed: begin.elapsed(), stanzas, waits }
    }

    fn push_request(&mut self) {
        let Self { output, next_id, .. } = self;
        output.extend(REQUEST_BEGIN.as_bytes());
        write!(output, "{next_id}").expect("writing to memory");
        *next_id += 1;
        output.extend(REQUEST_END.as_bytes());
    }

    /// The service's answer to the request that is in these bytes of the input.
    fn push_reply(&mut self, begin: usize, end: usize) {
        let Self { output, input, reply_to, .. } = self;
        let request = &input[begin..end];
        let from = reply_to.as_ref().map_or_else(|| attribute(request, FROM), |to| to.as_bytes());
        output.extend(REPLY_BEGIN.as_bytes());
        output.extend(attribute(request, ID));
        output.extend(b"' to='");
        output.extend(from);
        output.extend(REPLY_END.as_bytes());
    }

    fn id(&self, begin: usize, end: usize) -> u64 {
        let digits = attribute(&self.input[begin..end], ID);
        digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
    }

    /// The next whole stanza of the input; one that is no IQ is dealt with.
    fn next_stanza(&mut self) -> Option<Stanza> {
        let rest = &self.input[self.begin..self.end];
        let begin = self.begin;
        if rest.starts_with(b"<iq ") {
            self.begin += find(rest, IQ_END)? + IQ_END.len();
            return Some(Stanza::Iq { begin, end: self.begin });
        }
        // Presence, or an echo that a component sends to itself; or white space between stanzas.
        self.begin += find(rest, b">")? + 1;
        if rest.trim_ascii_start().starts_with(b"<message") {
            self.output.extend(&self.input[begin..self.begin]);
        }
        Some(Stanza::Other)
    }

    /// Reads more.
    fn fill(&mut self) {
        self.input.copy_within(self.begin..self.end, 0);
        (self.begin, self.end) = (0, self.end - self.begin);
        match self.socket.read(&mut self.input[self.end..]) {
            Ok(0) => panic!("the connection was closed"),
            Ok(count) => self.end += count,
            Err(error) => panic!("nothing comes: {error}"),
        }
    }

    fn flush(&mut self) {
        self.socket.write_all(&self.output).expect("the other side reads");
        self.output.clear();
    }

    fn send(&mut self, bytes: &[u8]) {
        self.output.extend(bytes);
        self.flush();
    }

    /// Reads up to what begins with `begin` and ends with `end`, and drops all of it.
    fn read_through(&mut self, begin: &[u8], end: &[u8]) {
        loop {
            let rest = &self.input[self.begin..self.end];
            let end_at = find(rest, begin).and_then(|at| Some(at + find(&rest[at..], end)?));
            if let Some(at) = end_at {
                self.begin += at + end.len();
                return;
            }
            self.fill();
        }
    }
}

/// Bytes of a stanza that a relay reads, on average: of a request, and of its reply to
/// `encoded_from` if there are replies.
pub fn mean_stanza(encoded_from: &str, replies: bool) -> usize {
    let id = FIRST_ID.to_string().len();
    let request = REQUEST_BEGIN.len() + id + REQUEST_END.len();
    let to = "' to='".len() + encoded_from.len();
    let reply = REPLY_BEGIN.len() + id + to + REPLY_END.len();
    if replies { (request + reply) / 2 } else { request }
}

enum Stanza {
    /// Where in the input it is.
    Iq {
        begin: usize,
        end: usize,
    },
    Other,
}

/// The value of an attribute, in whichever quotes.
fn attribute<'a>(stanza: &'a [u8], name: &[u8]) -> &'a [u8] {
    let Some(at) = find(stanza, name) else {
        panic!("no{}: {}", String::from_utf8_lossy(name), String::from_utf8_lossy(stanza))
    };
    let value = &stanza[at + name.len()..];
    let quote = value[0];
    let length = memchr::memchr(quote, &value[1..]).expect("an end of the value");
    &value[1..=length]
}

const TYPE: &[u8] = b" type=";
const ID: &[u8] = b" id=";
const FROM: &[u8] = b" from=";
const IQ_END: &[u8] = b"</iq>";
/// All ids are of one length.
const FIRST_ID: u64 = 10_000_000;
const REQUEST_BEGIN: &str = "<iq type='get' id='";
const REPLY_BEGIN: &str = "<iq type='result' id='";
const REQUEST_END: &str = concat!(
    "' to='proxy.domain.example' from='user@some-domain.example/abc'>",
    "<query xmlns='http://jabber.org/protocol/disco#info'/></iq>"
);
const REPLY_END: &str = concat!(
    "' from='some-user@some-domain.example/a'>",
    "<query xmlns='http://jabber.org/protocol/disco#info'/></iq>"
);
