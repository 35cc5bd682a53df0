//! A raw XMPP client: exact bytes out, exact bytes in, every wait bounded.
//!
//! Client libraries repair, reorder or refuse what these tests need to send.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use base64ct::{Base64, Encoding};
use core_tests::xml::escaped;

use crate::interop::server::{Server, Software};
use crate::interop::stanza::{Element, Item, Stanza, StanzaReader};
use crate::wait::PATIENCE;

/// How long to listen before believing that nothing comes.
pub const SILENCE: Duration = Duration::from_millis(400);

const PASSWORD: &str = "password";

/// A stream to the server, not yet authenticated.
pub struct Connection {
    socket: TcpStream,
    reader: StanzaReader,
    received: VecDeque<Stanza>,
    header: Option<Element>,
    /// Why nothing more can come.
    ended: Option<String>,
    /// More attributes for our own stream header.
    declarations: String,
    /// A stanza may wait in the server for as many bytes more.
    defers: bool,
    host: String,
}

impl Connection {
    /// Connects and waits for the stream features.
    pub fn open(server: &Server) -> io::Result<Connection> {
        Connection::open_declaring(server, "")
    }

    /// As `open`, with more attributes on the stream header.
    pub fn open_declaring(server: &Server, declarations: &str) -> io::Result<Connection> {
        let mut connection = Connection::to(server, server.client_port)?;
        connection.declarations = declarations.into();
        connection.restart()?;
        Ok(connection)
    }

    /// To this port, where nothing has been said yet.
    pub fn to(server: &Server, port: u16) -> io::Result<Connection> {
        let socket = TcpStream::connect(("127.0.0.1", port))?;
        socket.set_nodelay(true)?;
        Ok(Connection {
            socket,
            reader: StanzaReader::new(),
            received: VecDeque::new(),
            header: None,
            ended: None,
            declarations: String::new(),
            defers: server.kind.defers(),
            host: server.host.clone(),
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

    /// Why nothing more can come.
    pub fn ended(&self) -> Option<&str> {
        self.ended.as_deref()
    }

    /// Sends a stream header and waits for the features.
    fn restart(&mut self) -> io::Result<()> {
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

/// A client that is logged in with a resource; it is not available until it says so.
pub struct Client {
    connection: Connection,
    /// The full JID, as the server bound it.
    pub jid: String,
}

impl Client {
    pub fn register(server: &Server, node: &str) {
        let mut connection = Connection::open(server).unwrap();
        let request = format!(
            "<iq type='set' id='register' to='{}'><query xmlns='jabber:iq:register'>\
             <username>{node}</username><password>{PASSWORD}</password></query></iq>",
            server.host
        );
        // In jabberd2 a stanza can wait between its own programs until another one comes.
        let asks = if server.kind.is(Software::Jabberd2) { 6 } else { 1 };
        let answer = (0..asks).find_map(|_| {
            connection.send(&request);
            connection.try_receive(PATIENCE / asks)
        });
        let answer = answer.expect("an answer to the registration");
        assert_eq!(answer.attr("type"), Some("result"), "{answer:?}");
    }

    /// Logs in; `bare` may be spelled in any way that the server takes.
    pub fn login(server: &Server, bare: &str, resource: &str) -> Client {
        Client::login_declaring(server, bare, resource, "")
    }

    /// As `login`, with more attributes on the client's own stream header.
    pub fn login_declaring(server: &Server, bare: &str, resource: &str, more: &str) -> Client {
        let mut connection = Connection::open_declaring(server, more).unwrap();
        let node = bare.split('@').next().unwrap();
        let plain = Base64::encode_string(format!("\0{node}\0{PASSWORD}").as_bytes());
        connection.send(format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>"
        ));
        let answer = connection.try_receive(PATIENCE).expect("an answer to the login");
        assert_eq!(answer.name, "success", "login of {bare}: {answer:?}");
        connection.restart().unwrap();
        connection.send(format!(
            "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
             <resource>{}</resource></bind></iq>",
            escaped(resource)
        ));
        let answer = connection.try_receive(PATIENCE).expect("an answer to the resource binding");
        let bound = answer.child("bind").and_then(|bind| bind.child("jid"));
        let jid = bound.unwrap_or_else(|| panic!("bound to {resource:?}: {answer:?}")).text();
        Client { connection, jid }
    }

    /// Its socket; what was received before is gone.
    pub fn into_socket(self) -> TcpStream {
        self.connection.socket
    }

    /// Whether nothing more can come.
    pub fn ended(&self) -> bool {
        self.connection.ended.is_some()
    }

    pub fn resource(&self) -> &str {
        self.jid.split_once('/').unwrap().1
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.connection.send(bytes);
    }

    /// Sends initial or changed presence; `inside` is its payload.
    pub fn available(&mut self, inside: &str) {
        self.send(format!("<presence>{inside}</presence>"));
    }

    /// Asks for the roster, as clients do: servers tell of subscriptions only who has.
    pub fn fetch_roster(&mut self) {
        self.send("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>");
        self.receive_reply("roster");
    }

    /// An IQ get with a payload that no server answers itself.
    pub fn ask(&mut self, to: &str, id: &str) {
        let (to, id) = (escaped(to), escaped(id));
        self.send(format!(
            "<iq type='get' id='{id}' to='{to}'><ask xmlns='urn:example:ask'/></iq>"
        ));
    }

    /// Answers a request with its own payload, as an honest implementing client does.
    pub fn answer(&mut self, request: &Stanza, payload: &str) {
        let (from, id) = (request.attr("from").unwrap(), request.attr("id").unwrap());
        self.send(format!(
            "<iq type='result' id='{}' to='{}'>{payload}</iq>",
            escaped(id),
            escaped(from)
        ));
    }

    /// The next stanza of any kind, if one comes in time.
    pub fn try_receive(&mut self, limit: Duration) -> Option<Stanza> {
        self.connection.try_receive(limit)
    }

    /// The next stanza that fits; others before it are put aside for good.
    pub fn try_receive_where(
        &mut self,
        limit: Duration,
        fits: impl Fn(&Stanza) -> bool,
    ) -> Option<Stanza> {
        let end = Instant::now() + limit;
        while let Some(stanza) = self.try_receive(end.saturating_duration_since(Instant::now())) {
            if fits(&stanza) {
                return Some(stanza);
            }
        }
        None
    }

    pub fn receive_where(&mut self, what: &str, fits: impl Fn(&Stanza) -> bool) -> Stanza {
        let found = self.try_receive_where(PATIENCE, fits);
        let ended = &self.connection.ended;
        found.unwrap_or_else(|| panic!("{} waited for {what}; stream: {ended:?}", self.jid))
    }

    /// The next request (IQ get or set).
    pub fn receive_request(&mut self) -> Stanza {
        self.receive_where("a request", is_request)
    }

    /// The reply (IQ result or error) with this id.
    pub fn receive_reply(&mut self, id: &str) -> Stanza {
        self.receive_where(&format!("the reply {id:?}"), |it| {
            is_reply(it) && it.attr("id") == Some(id)
        })
    }

    /// Asserts that no request and no reply comes.
    pub fn hears_no_iq(&mut self) {
        let heard = self.try_receive_where(SILENCE, |it| is_request(it) || is_reply(it));
        assert!(heard.is_none(), "{} should hear nothing: {heard:?}", self.jid);
    }
}

/// An IQ get or set; but not a roster push, which servers send when they like.
pub fn is_request(stanza: &Stanza) -> bool {
    stanza.name == "iq"
        && matches!(stanza.attr("type"), Some("get" | "set"))
        && stanza.elements().all(|payload| payload.namespace != "jabber:iq:roster")
}

pub fn is_reply(stanza: &Stanza) -> bool {
    stanza.name == "iq" && matches!(stanza.attr("type"), Some("result" | "error"))
}
