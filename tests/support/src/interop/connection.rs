//! A raw XMPP stream: exact bytes out, exact bytes in, every wait bounded.
//!
//! Client libraries repair, reorder or refuse some of what these tests need to send.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::interop::stanza::{Element, Item, Stanza, StanzaReader};
use crate::wait::PATIENCE;

/// A stream to the server, not yet authenticated.
pub struct Connection {
    socket: TcpStream,
    reader: StanzaReader,
    received: VecDeque<Stanza>,
    header: Option<Element>,
    /// Why the stream has ended, if it has.
    ended: Option<String>,
    /// Additional attributes for our own stream header.
    declarations: String,
    /// Whether a stanza may wait in the server for as many further bytes.
    defers: bool,
    host: String,
}

impl Connection {
    /// Connects, and waits for the features of `host`; `declarations` are additional attributes for our
    /// stream header. For a server that `defers`, white space follows each stanza.
    pub fn open(host: &str, port: u16, defers: bool, declarations: &str) -> io::Result<Self> {
        let connection = Self::to(host, port, defers)?;
        let mut connection = Self { declarations: declarations.into(), ..connection };
        connection.restart()?;
        Ok(connection)
    }

    /// A connection without any input or output yet.
    pub fn to(host: &str, port: u16, defers: bool) -> io::Result<Self> {
        let socket = TcpStream::connect(("127.0.0.1", port))?;
        socket.set_nodelay(true)?;
        Ok(Self {
            socket,
            reader: StanzaReader::new(),
            received: VecDeque::new(),
            header: None,
            ended: None,
            declarations: String::new(),
            defers,
            host: host.into(),
        })
    }

    /// Waits for the server's stream header, or the end.
    pub fn header(&mut self) -> Option<&Element> {
        let end = Instant::now() + PATIENCE;
        while self.header.is_none() && self.ended.is_none() && Instant::now() < end {
            self.read(PATIENCE);
        }
        self.header.as_ref()
    }

    /// Why the stream has ended, if it has.
    pub fn ended(&self) -> Option<&str> {
        self.ended.as_deref()
    }

    /// Sends a stream header and waits for the features.
    pub fn restart(&mut self) -> io::Result<()> {
        self.reader = StanzaReader::new();
        self.header = None;
        let header = format!(
            "<?xml version='1.0'?><stream:stream to='{}' version='1.0' xmlns='jabber:client' \
             xmlns:stream='http://etherx.jabber.org/streams' {}>",
            self.host, self.declarations
        );
        self.socket.write_all(header.as_bytes())?;
        match self.try_receive(PATIENCE) {
            Some(stanza) if stanza.name == "features" => Ok(()),
            other => Err(io::Error::other(format!("no stream features but {other:?}"))),
        }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("the server takes what the client sends");
    }

    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        let bytes = bytes.as_ref();
        let more = if self.defers && bytes.ends_with(b">") { bytes.len() } else { 0 };
        let all = [bytes, &vec![b' '; more]].concat();
        self.socket.write_all(&all)
    }

    /// The next stanza, if one comes in time.
    pub fn try_receive(&mut self, limit: Duration) -> Option<Stanza> {
        let end = Instant::now() + limit;
        while self.received.is_empty() && self.ended.is_none() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            self.read(left);
        }
        self.received.pop_front()
    }

    /// Its socket; earlier input is discarded.
    pub fn into_socket(self) -> TcpStream {
        self.socket
    }

    fn read(&mut self, limit: Duration) {
        let mut buffer = [0; 65536];
        self.socket.set_read_timeout(Some(limit.max(Duration::from_millis(1)))).unwrap();
        match self.socket.read(&mut buffer) {
            Ok(0) => self.ended = Some("the server closed the connection".into()),
            Ok(count) => match self.reader.feed(&buffer[..count]) {
                Ok(items) => items.into_iter().for_each(|item| self.take(item)),
                Err(error) => self.ended = Some(error),
            },
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => self.ended = Some(error.to_string()),
        }
    }

    fn take(&mut self, item: Item) {
        match item {
            Item::Header(header) => self.header = Some(header),
            Item::Stanza(stanza) if stanza.name == "error" => {
                self.ended = Some(String::from_utf8_lossy(&stanza.bytes).into_owned());
            }
            Item::Stanza(stanza) => self.received.push_back(stanza),
            Item::End => self.ended = Some("the server closed the stream".into()),
        }
    }
}
