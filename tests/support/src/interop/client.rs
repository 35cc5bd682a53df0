//! A client that is logged in, on a raw [`Connection`].

use std::io;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use base64ct::{Base64, Encoding};
use core_tests::xml::escaped;

use crate::interop::connection::Connection;
use crate::interop::server::{PASSWORD, Server};
use crate::interop::stanza::Stanza;
use crate::wait::PATIENCE;

/// How long to listen before concluding that nothing comes.
pub const SILENCE: Duration = Duration::from_millis(400);

/// A client with a resource; it is not available until it sends presence.
pub struct Client {
    connection: Connection,
    /// The full JID, as the server bound it.
    pub jid: String,
}

impl Client {
    /// Logs in; `bare` may have any spelling that the server accepts.
    pub fn login(server: &Server, bare: &str, resource: &str) -> Client {
        Client::login_declaring(server, bare, resource, "")
    }

    /// As `login`, with more attributes on the client's own stream header.
    pub fn login_declaring(server: &Server, bare: &str, resource: &str, more: &str) -> Client {
        let connection = server.connect(more).unwrap();
        Client::authenticate(connection, bare, resource).unwrap()
    }

    /// Logs in on a connection that has only been opened; fails if the server ends meanwhile.
    pub fn authenticate(
        mut connection: Connection,
        bare: &str,
        resource: &str,
    ) -> io::Result<Client> {
        let node = bare.split('@').next().unwrap();
        let plain = Base64::encode_string(format!("\0{node}\0{PASSWORD}").as_bytes());
        connection.try_send(format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>"
        ))?;
        let answer = connection.try_receive(PATIENCE);
        if answer.as_ref().is_none_or(|it| it.name != "success") {
            return Err(io::Error::other(format!("login of {bare}: {answer:?}")));
        }
        connection.restart()?;
        connection.try_send(format!(
            "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
             <resource>{}</resource></bind></iq>",
            escaped(resource)
        ))?;
        let answer = connection.try_receive(PATIENCE);
        let bound = answer.as_ref().and_then(|it| it.child("bind")).and_then(|it| it.child("jid"));
        match bound {
            Some(jid) => Ok(Client { jid: jid.text(), connection }),
            None => Err(io::Error::other(format!("bound to {resource:?}: {answer:?}"))),
        }
    }

    /// Its socket; earlier input is discarded.
    pub fn into_socket(self) -> TcpStream {
        self.connection.into_socket()
    }

    /// Whether the stream has ended.
    pub fn ended(&self) -> bool {
        self.connection.ended().is_some()
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

    /// Requests the roster, as clients do: servers deliver subscription requests only after that.
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

    /// The next stanza that matches; others before it are discarded.
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
        let ended = self.connection.ended();
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
