//! A raw component (XEP-0114), to see what a server does with any component.

use std::time::Instant;

use test_support::interop::client::SILENCE;
use test_support::interop::connection::Connection;
use test_support::interop::server::{HOST, SECRET, Server};
use test_support::interop::stanza::Stanza;
use test_support::wait::{PATIENCE, wait_until};
use xmpp_parsers::component::Handshake;

pub struct Component {
    pub connection: Connection,
    pub domain: String,
}

impl Component {
    /// Logs in; returns the server's stream error otherwise.
    pub fn try_login(server: &Server, domain: &str) -> Result<Component, String> {
        Component::try_login_declaring(server, domain, "")
    }

    /// As `try_login`, with more attributes on the stream header.
    pub fn try_login_declaring(
        server: &Server,
        domain: &str,
        more: &str,
    ) -> Result<Component, String> {
        Component::try_login_saying(server, domain, more, "")
    }

    /// As `try_login_declaring`, with attributes on the handshake.
    pub fn try_login_saying(
        server: &Server,
        domain: &str,
        more: &str,
        handshake: &str,
    ) -> Result<Component, String> {
        let mut connection =
            Connection::to(&server.host, server.component_port, server.kind.defers()).unwrap();
        connection.send(format!(
            "<stream:stream xmlns='jabber:component:accept' \
             xmlns:stream='http://etherx.jabber.org/streams' to='{domain}' {more}>"
        ));
        let id = connection.header().and_then(|it| it.attr("id")).map(str::to_owned);
        let id = id.ok_or_else(|| connection.ended().unwrap_or_default().to_owned())?;
        let proof = Handshake::from_stream_id_and_password(id, SECRET).data.unwrap();
        let proof: String = proof.iter().map(|byte| format!("{byte:02x}")).collect();
        connection.send(format!("<handshake {handshake}>{proof}</handshake>"));
        match connection.try_receive(PATIENCE) {
            Some(it) if it.name == "handshake" => {
                Ok(Component { connection, domain: domain.into() })
            }
            other => Err(format!("{other:?} {}", connection.ended().unwrap_or_default())),
        }
    }

    /// Logs in, as soon as an earlier stream of this domain is gone.
    pub fn login(server: &Server, domain: &str) -> Component {
        let mut component = None;
        wait_until("a component's login", || {
            component = Component::try_login(server, domain).ok();
            component.is_some()
        });
        component.unwrap()
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.connection.send(bytes);
    }

    /// Waits until the server has noticed that the domain's stream has ended. Until then it may send
    /// some of a new stream's stanzas to the old one.
    pub fn wait_for_the_end_of(&mut self, domain: &str) {
        let from = &self.domain;
        let request = format!(
            "<iq type='get' id='gone' from='{from}' to='{domain}'><ping xmlns='urn:xmpp:ping'/></iq>"
        );
        let connection = &mut self.connection;
        wait_until(&format!("the end of {domain}"), || {
            connection.send(&request);
            connection.try_receive(SILENCE).is_some_and(|it| it.attr("type") == Some("error"))
        });
    }

    pub fn receive_where(&mut self, what: &str, fits: impl Fn(&Stanza) -> bool) -> Stanza {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let stanza = self.connection.try_receive(left);
            let ended = self.connection.ended();
            let stanza = stanza.unwrap_or_else(|| panic!("waited for {what}; stream: {ended:?}"));
            if fits(&stanza) {
                return stanza;
            }
        }
    }

    /// All that arrives until the server has answered a request that is sent now, and for some time
    /// after that.
    pub fn heard(&mut self) -> Vec<Stanza> {
        self.ask();
        let (mut heard, mut last) = (Vec::new(), false);
        let mut left = PATIENCE;
        while let Some(stanza) = self.connection.try_receive(left) {
            if stanza.attr("id") == Some(LAST) {
                (last, left) = (true, SILENCE);
            } else {
                heard.push(stanza);
            }
        }
        assert!(last, "{:?}", self.connection.ended());
        heard
    }

    /// Whether the stream ends before a request that is sent now is answered.
    pub fn ends(&mut self) -> bool {
        self.ask();
        while let Some(stanza) = self.connection.try_receive(PATIENCE) {
            if stanza.attr("id") == Some(LAST) {
                return false;
            }
        }
        assert!(self.connection.ended().is_some(), "neither an answer nor the end");
        true
    }

    /// Sends a request that every server answers.
    fn ask(&mut self) {
        let from = &self.domain;
        let version = "<query xmlns='jabber:iq:version'/>";
        let request =
            format!("<iq type='get' id='{LAST}' from='{from}' to='{HOST}'>{version}</iq>");
        // The stream may have ended.
        let _ = self.connection.try_send(request);
    }
}

const LAST: &str = "last";
