//! A stream for thousands of stanzas: written in batches, and read in bulk, with only the start tags of
//! IQs, or of messages, parsed.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use memchr::{memchr, memmem};
use test_support::interop::client::Client;

/// The parsed part of an IQ, or a message. Tests that use it have addresses and ids without
/// references.
#[derive(Clone, Debug)]
pub struct Iq {
    pub id: String,
    pub from: String,
    pub class: Class,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Request,
    Result,
    Error,
    /// A message that is not an error.
    Message,
}

pub struct Wire {
    socket: TcpStream,
    tags: Tags,
}

impl Wire {
    /// The stream of a client that has nothing left to receive.
    pub fn new(client: Client) -> Wire {
        Wire::noting(client, IQS)
    }

    /// The same, with these parsed: [`IQS`] or [`MESSAGES`].
    pub fn noting(client: Client, open: &'static [u8]) -> Wire {
        Wire { socket: client.into_socket(), tags: Tags::of(open) }
    }

    /// The other half, for a thread that writes.
    pub fn writer(&self) -> TcpStream {
        self.socket.try_clone().unwrap()
    }

    pub fn write(&mut self, text: &str) {
        self.socket.write_all(text.as_bytes()).expect("the server takes what the client sends");
    }

    /// Reads once, for at most `limit`.
    pub fn read(&mut self, limit: Duration, each: impl FnMut(Iq)) {
        let mut buffer = [0; 64 * 1024];
        self.socket.set_read_timeout(Some(limit.max(Duration::from_millis(1)))).unwrap();
        match self.socket.read(&mut buffer) {
            Ok(0) => panic!("the server closed a client's stream"),
            Ok(count) => self.tags.feed(&buffer[..count], each),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => panic!("a client's stream broke: {error}"),
        }
    }
}

/// Finds start tags in bytes that are cut anywhere.
pub struct Tags {
    open: &'static [u8],
    rest: Vec<u8>,
}

impl Tags {
    /// Those with this beginning: [`IQS`] or [`MESSAGES`].
    pub fn of(open: &'static [u8]) -> Tags {
        Tags { open, rest: Vec::new() }
    }

    pub fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(Iq)) {
        self.rest.extend_from_slice(bytes);
        let mut done = 0;
        let rest = loop {
            let Some(start) = memmem::find(&self.rest[done..], self.open).map(|at| done + at)
            else {
                // This may be the beginning of one.
                break self.rest.len().saturating_sub(self.open.len() - 1).max(done);
            };
            let Some(end) = memchr(b'>', &self.rest[start..]).map(|at| start + at) else {
                break start;
            };
            let tag = std::str::from_utf8(&self.rest[start..end]).unwrap();
            each(Iq::read(tag));
            done = end;
        };
        self.rest.drain(..rest);
    }
}

impl Iq {
    fn read(tag: &str) -> Iq {
        let class = match attribute(tag, " type=") {
            "get" | "set" => Class::Request,
            "result" => Class::Result,
            "error" => Class::Error,
            _ => Class::Message,
        };
        let [id, from] = [" id=", " from="].map(|name| attribute(tag, name).to_string());
        Iq { id, from, class }
    }
}

/// The value of an attribute; empty when there is none.
fn attribute<'a>(tag: &'a str, name: &str) -> &'a str {
    let Some((_, after)) = tag.split_once(name) else { return "" };
    after.split(&after[..1]).nth(1).unwrap_or_default()
}

pub const IQS: &[u8] = b"<iq ";
pub const MESSAGES: &[u8] = b"<message ";

#[test]
fn tags_are_found_however_the_bytes_are_cut() {
    let stream = "<presence/><iq id='1' type='get' from='a'><q/></iq><iq type=\"error\" id=\"2\">";
    for cut in 0..=stream.len() {
        let (mut tags, mut found) = (Tags::of(IQS), Vec::new());
        let (left, right) = stream.split_at(cut);
        for part in [left, right] {
            tags.feed(part.as_bytes(), |iq| found.push((iq.id, iq.from, iq.class)));
        }
        let expected =
            [("1".into(), "a".into(), Class::Request), ("2".into(), "".into(), Class::Error)];
        assert_eq!(found, expected, "cut at {cut}");
    }
}
