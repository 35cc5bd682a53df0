//! The server without its sockets, for a driver that has its own socket and users: what a component
//! sends by itself is answered as by the whole server.

use std::sync::Arc;

use jat_core::jat::address::Address;
use jat_core::stanza::splitter::{Piece, Splitter};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::client::Client;
use crate::connection::{Command, Connection};
use crate::options::Options;
use crate::roster::RosterState;
use crate::router::StreamError;
use crate::shared::Shared;
use crate::stanza::{Stanza, UNLIMITED};

/// The server's side of one component's stream, without the socket.
pub struct Responder {
    shared: Arc<Shared>,
    connection: Arc<Connection>,
    commands: UnboundedReceiver<Command>,
}

impl Responder {
    /// Of a component that is logged in for `domain`.
    pub fn new(domain: &str) -> Self {
        let options = Options { record: false, ..Options::ejabberd("") };
        let shared = Arc::new(Shared::new(options));
        let (connection, commands) = Connection::new(domain.to_owned());
        let accepted = shared.router().connect(connection.clone());
        accepted.expect("there is no other connection that this one is in conflict with");
        Self { shared, connection, commands }
    }

    /// Logs a client in under the full JID `jid`, whose account lets the component see its
    /// presence.
    pub fn client(&self, jid: &str) -> Client {
        let (account, contact) = (Address::new(jid).bare(), self.connection.domain());
        self.shared.router().roster.set_subscription(account, contact, RosterState::From);
        Client::log_in(jid, self.shared.clone())
    }

    /// Processes the first element of what came from the component, and returns where it ends; `None`:
    /// more bytes are needed.
    ///
    /// # Errors
    /// The condition of the stream error that a server has for it, or `None` for the closing tag
    /// of the stream.
    pub fn take(&self, bytes: &[u8]) -> Result<Option<usize>, Option<&'static str>> {
        let broken = |_| Some("not-well-formed");
        match Splitter::new(UNLIMITED).next(bytes).map_err(broken)? {
            Some(Piece::Element(element)) => {
                let stanza = Stanza::cut(bytes, &element).map_err(broken)?;
                let taken = self.shared.router().take_from_component(&self.connection, stanza);
                taken.map_err(|StreamError(condition)| Some(condition))?;
                Ok(Some(element.end))
            }
            Some(_) => Err(None),
            None => Ok(None),
        }
    }

    /// Appends the server's output for the component.
    pub fn output(&mut self, output: &mut Vec<u8>) {
        while let Ok(command) = self.commands.try_recv() {
            // This connection gets no other orders.
            if let Command::Write(bytes) = command {
                output.extend(bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(responder: &mut Responder, xml: &str) -> String {
        assert_eq!(responder.take(xml.as_bytes()), Ok(Some(xml.len())), "{xml}");
        let mut output = Vec::new();
        responder.output(&mut output);
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn what_a_component_says_for_itself_is_answered() {
        let mut responder = Responder::new("p.example");
        let _bot = responder.client("bot@some-domain.example/a");
        // The output that follows the login.
        responder.output(&mut Vec::new());
        let echo = "<message to='p.example' from='p.example' type='headline' id='1'/>";
        assert_eq!(answer(&mut responder, echo), echo);
        let time = "<iq type='get' id='t' to='some-domain.example' from='p.example'>\
            <time xmlns='urn:xmpp:time'/></iq>";
        assert!(answer(&mut responder, time).contains("<utc>"));
        let probe = "<presence type='probe' to='bot@some-domain.example' from='p.example'/>";
        assert!(answer(&mut responder, probe).contains("from='bot@some-domain.example/a'"));
        let unknown = time.replace("urn:xmpp:time", "urn:xmpp:ping").replace("time", "ping");
        assert!(answer(&mut responder, &unknown).contains("service-unavailable"));
    }

    #[test]
    fn a_part_waits_and_what_ends_a_stream_is_named() {
        let responder = Responder::new("p.example");
        assert_eq!(responder.take(b"  <message to='p.exa"), Ok(None));
        assert_eq!(responder.take(b"<a></b>"), Err(Some("not-well-formed")));
        let foreign = b"<message to='p.example' from='q.example'/>";
        assert_eq!(responder.take(foreign), Err(Some("invalid-from")));
        assert_eq!(responder.take(b"</stream:stream>"), Err(None));
    }
}
