//! Acts as the server, the users and the service at once, on one socket. It must be much cheaper than
//! what it measures: its stanzas are composed from prebuilt parts, and of those that come back it
//! reads two attributes. What a component sends by itself is rare, and is left to the built-in
//! server.

use std::collections::HashSet;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use core_tests::bench::stanzas::{DOMAIN, TARGET};
use memchr::memmem::find;
use mock_server::{Client, Responder};

use crate::wait::PATIENCE;

pub const SECRET: &str = "a secret of the benchmarks";
pub const PEER: &str = "some-user@some-domain.example/a";

/// The server's side of one connection.
pub struct Driver {
    socket: TcpStream,
    input: Box<[u8]>,
    /// Bytes that were read and not processed yet are `input[begin..end]`.
    begin: usize,
    end: usize,
    output: Vec<u8>,
    /// Bytes that were read so far.
    received: u64,
    responder: Responder,
    /// The resources of the target.
    online: Vec<Client>,
    /// The address of replies, if not the `from` of the request.
    reply_to: Option<String>,
    next_id: u64,
}

/// Requests to send, with or without replies.
#[derive(Clone, Copy)]
pub struct Load {
    pub replies: bool,
    pub in_flight: u64,
    pub requests: u64,
    /// With one in flight: the pause before each except the first.
    pub pause: Duration,
}

/// The results of a [`Load`].
pub struct LoadResult {
    pub elapsed: Duration,
    /// Stanzas that came back.
    pub stanzas: u64,
    /// All bytes that came back.
    pub bytes: u64,
    /// With one in flight: for each stanza, the time from when it was sent until it came back.
    pub waits: Vec<Duration>,
}

impl Driver {
    /// Accepts a connection and logs in any component.
    pub fn log_in(listener: &TcpListener) -> Self {
        let mut driver = Self::accept(listener);
        let header = driver.read_through(b"<stream:stream", b">");
        let domain = attribute(&header, TO).expect("a component's domain");
        let domain = String::from_utf8(domain.to_vec()).expect("a domain");
        driver.send(
            format!(
                "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
                 xmlns:stream='http://etherx.jabber.org/streams' from='{domain}' id='1'>"
            )
            .as_bytes(),
        );
        driver.responder = Responder::new(&domain);
        driver.read_through(b"<handshake", b"</handshake>");
        driver.send(b"<handshake/>");
        driver
    }

    /// Accepts a connection from a program that just sends everything back. `token` is the address of
    /// replies, so that it gets the same bytes as others.
    pub fn echo(listener: &TcpListener, token: &str) -> Self {
        Self { reply_to: Some(token.to_owned()), ..Self::accept(listener) }
    }

    fn accept(listener: &TcpListener) -> Self {
        let (socket, _) = listener.accept().expect("a connection");
        socket.set_nodelay(true).expect("a socket");
        // A hang is a failure, not a benchmark that never ends.
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
        socket.set_write_timeout(Some(PATIENCE)).expect("a socket");
        Self {
            socket,
            input: vec![0; 256 * 1024].into_boxed_slice(),
            begin: 0,
            end: 0,
            output: Vec::with_capacity(256 * 1024),
            received: 0,
            responder: Responder::new(DOMAIN),
            online: Vec::new(),
            reply_to: None,
            next_id: FIRST_ID,
        }
    }

    /// Sends the component the presence of these resources of the target, and waits until it uses each.
    pub fn bring_online(&mut self, resources: impl Iterator<Item = String>) {
        let jids: HashSet<String> = resources.map(|name| format!("{TARGET}/{name}")).collect();
        self.online.extend(jids.iter().map(|jid| self.responder.client(jid)));
        self.flush();
        self.attend();
        let (mut asked, begin) = (HashSet::new(), Instant::now());
        while asked != jids {
            assert!(begin.elapsed() < PATIENCE, "it uses {asked:?} of {jids:?}");
            // Until it knows one, it answers with an error.
            let to = self.one_request(TO);
            asked.extend(Some(to).filter(|to| jids.contains(to)));
        }
    }

    /// The address that one request is forwarded from, with a token as long as all others.
    pub fn encoded_from(&mut self) -> String {
        self.one_request(FROM)
    }

    /// Sends a request; returns an attribute of the result.
    fn one_request(&mut self, name: &[u8]) -> String {
        self.push_request();
        self.flush();
        loop {
            if let Some((begin, end)) = self.next_stanza() {
                let value = attribute(&self.input[begin..end], name).expect("an address");
                return String::from_utf8(value.to_vec()).expect("UTF-8");
            }
            self.flush();
            self.fill();
        }
    }

    /// For a time, only answers what the components send by themselves.
    pub fn rest(drivers: &mut [&mut Self], time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            drivers.iter_mut().for_each(|driver| driver.attend());
            sleep(Duration::from_millis(20).min(time));
        }
    }

    /// Answers what the component has sent by itself meanwhile.
    pub fn attend(&mut self) {
        self.socket.set_nonblocking(true).expect("a socket");
        let read = self.read();
        self.socket.set_nonblocking(false).expect("a socket");
        match read {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            read => read.expect("the connection stands"),
        }
        assert_eq!(self.next_stanza(), None, "nobody has asked anything");
        self.flush();
    }

    /// Keeps requests in flight until so many were served.
    pub fn run(&mut self, load: Load) -> LoadResult {
        let (mut waits, begin, received) = (Vec::new(), Instant::now(), self.received);
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
            while let Some((begin, end)) = self.next_stanza() {
                stanzas += 1;
                if load.in_flight == 1 {
                    waits.push(sent.elapsed());
                }
                let type_ = attribute(&self.input[begin..end], TYPE);
                if load.replies && type_ == Some(b"get") {
                    self.push_reply(begin, end);
                    continue;
                }
                let wanted: &[u8] = if load.replies { b"result" } else { b"get" };
                assert_eq!(type_, Some(wanted), "a stanza of the wrong type");
                sum += self.id(begin, end);
                served += 1;
                if asked < load.requests {
                    if !load.pause.is_zero() {
                        sleep(load.pause);
                        self.attend();
                    }
                    self.push_request();
                    asked += 1;
                }
            }
            if !self.output.is_empty() {
                sent = Instant::now();
            }
            self.flush();
        }
        let elapsed = begin.elapsed();
        let ids = first..self.next_id;
        assert_eq!(sum, ids.sum::<u64>(), "each request is served once, under its own id");
        if !load.pause.is_zero() {
            sleep(load.pause);
        }
        self.attend();
        LoadResult { elapsed, stanzas, bytes: self.received - received, waits }
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
        let value = |name| attribute(request, name).expect("a forwarded request has it");
        let from = reply_to.as_ref().map_or_else(|| value(FROM), |to| to.as_bytes());
        output.extend(REPLY_BEGIN.as_bytes());
        output.extend(value(ID));
        output.extend(b"' to='");
        output.extend(from);
        output.extend(REPLY_END.as_bytes());
    }

    fn id(&self, begin: usize, end: usize) -> u64 {
        let digits = attribute(&self.input[begin..end], ID).expect("that of a request");
        digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
    }

    /// The position of the next whole reply or request of ours in the input; other stanzas are
    /// answered.
    fn next_stanza(&mut self) -> Option<(usize, usize)> {
        loop {
            let rest = &self.input[self.begin..self.end];
            // Some spaces follow a stanza, and some arrive alone, as signs of life.
            let spaces = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            self.begin += spaces;
            let (begin, rest) = (self.begin, &rest[spaces..]);
            if is_asked_for(rest) {
                self.begin += find(rest, IQ_END)? + IQ_END.len();
                return Some((begin, self.begin));
            }
            match self.responder.take(rest) {
                Ok(length) => self.begin += length?,
                Err(condition) => panic!("{condition:?}: {}", String::from_utf8_lossy(rest)),
            }
        }
    }

    /// Waits until there is more, and reads it.
    fn fill(&mut self) {
        self.read().unwrap_or_else(|error| panic!("nothing comes: {error}"));
    }

    fn read(&mut self) -> io::Result<()> {
        self.input.copy_within(self.begin..self.end, 0);
        (self.begin, self.end) = (0, self.end - self.begin);
        let count = self.socket.read(&mut self.input[self.end..])?;
        assert!(count > 0, "the connection was closed");
        self.end += count;
        self.received += count as u64;
        Ok(())
    }

    fn flush(&mut self) {
        self.responder.output(&mut self.output);
        self.socket.write_all(&self.output).expect("the other side reads");
        self.output.clear();
    }

    fn send(&mut self, bytes: &[u8]) {
        self.output.extend(bytes);
        self.flush();
    }

    /// Reads up to something that begins with `begin` and ends with `end`; returns it.
    fn read_through(&mut self, begin: &[u8], end: &[u8]) -> Vec<u8> {
        loop {
            let rest = &self.input[self.begin..self.end];
            let found = find(rest, begin).and_then(|at| {
                let length = find(&rest[at..], end)? + end.len();
                Some(at..at + length)
            });
            if let Some(range) = found {
                self.begin += range.end;
                return rest[range].to_vec();
            }
            self.fill();
        }
    }
}

/// The average length of a stanza that a relay reads: of a request, and of its reply to
/// `encoded_from` if there are replies.
pub fn mean_stanza(encoded_from: &str, replies: bool) -> usize {
    let id = FIRST_ID.to_string().len();
    let request = REQUEST_BEGIN.len() + id + REQUEST_END.len();
    let to = "' to='".len() + encoded_from.len();
    let reply = REPLY_BEGIN.len() + id + to + REPLY_END.len();
    if replies { (request + reply) / 2 } else { request }
}

/// Whether these bytes begin with an IQ of this driver, whose ids are numbers, unlike those of
/// components' own requests.
fn is_asked_for(bytes: &[u8]) -> bool {
    let head = memchr::memchr(b'>', bytes).map(|end| &bytes[..end]);
    let id = head.filter(|head| head.starts_with(b"<iq ")).and_then(|head| attribute(head, ID));
    id.is_some_and(|id| id.iter().all(u8::is_ascii_digit))
}

/// The value of an attribute, in either kind of quotes.
fn attribute<'a>(stanza: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let value = &stanza[find(stanza, name)? + name.len()..];
    let quote = *value.first()?;
    let length = memchr::memchr(quote, &value[1..])?;
    Some(&value[1..=length])
}

const TYPE: &[u8] = b" type=";
const ID: &[u8] = b" id=";
const FROM: &[u8] = b" from=";
const TO: &[u8] = b" to=";
const IQ_END: &[u8] = b"</iq>";
/// All ids have the same length.
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
