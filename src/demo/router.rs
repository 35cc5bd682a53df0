//! Where the demo's server takes a stanza: to a replica, to a client, or to itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::jat::address::Address;
use crate::stanza::head::{Head, Kind, Rewrite};

/// The clients and replicas that are logged in, and the stanzas that passed between server and
/// replicas.
pub(super) struct Router {
    domain: &'static str,
    clients: Vec<(String, UnboundedSender<String>)>,
    /// By the number of the connection.
    replicas: Vec<(u64, UnboundedSender<String>)>,
    connections: u64,
    passed: Vec<Passed>,
    /// Loses every `n`th result: a tour must notice that.
    #[cfg(test)]
    pub(super) loses_results: Option<usize>,
}

/// A stanza that passed between the server and a replica.
#[derive(Clone)]
pub(super) struct Passed {
    /// The number of the replica's connection.
    pub(super) connection: u64,
    pub(super) direction: Direction,
    pub(super) xml: String,
}

/// Seen from the replica.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    ToReplica,
    FromReplica,
}

/// A router that the server's tasks and clients share.
pub(super) type Shared = Arc<Mutex<Router>>;

pub(super) fn lock(router: &Shared) -> MutexGuard<'_, Router> {
    router.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Router {
    /// Of a server where replicas serve `domain`.
    pub(super) fn new(domain: &'static str) -> Self {
        Self {
            domain,
            clients: vec![],
            replicas: vec![],
            connections: 0,
            passed: vec![],
            #[cfg(test)]
            loses_results: None,
        }
    }

    /// Logs a client in under its full JID; returns what it will receive.
    pub(super) fn add_client(&mut self, jid: &str) -> UnboundedReceiver<String> {
        let (sender, inbox) = unbounded_channel();
        self.clients.push((jid.to_owned(), sender));
        inbox
    }

    /// Logs a replica in; returns the number of its connection, and what is to be written there.
    pub(super) fn add_replica(&mut self) -> (u64, UnboundedReceiver<String>) {
        let (sender, outgoing) = unbounded_channel();
        self.connections += 1;
        self.replicas.push((self.connections, sender));
        (self.connections, outgoing)
    }

    /// From now on nothing is routed to this connection.
    pub(super) fn remove_replica(&mut self, connection: u64) {
        self.replicas.retain(|(number, _)| *number != connection);
    }

    /// The numbers of the replicas' connections, oldest first.
    pub(super) fn connections(&self) -> Vec<u64> {
        self.replicas.iter().map(|(number, _)| *number).collect()
    }

    /// Every stanza that passed so far, in order.
    pub(super) fn passed(&self) -> &[Passed] {
        &self.passed
    }

    /// Takes a stanza from the client `jid`, and stamps its sender (RFC 6120 section 8.1.2.1).
    pub(super) fn take_from_client(&mut self, jid: &str, xml: &str) {
        let Some(head) = start_tag(xml) else { return };
        let to = head.to.as_deref().unwrap_or_default();
        let mut stamped = Vec::new();
        head.rewrite(&Rewrite { to, from: jid.into(), id: None }, &mut stamped);
        let payload = xml.find('>').map_or("", |end| &xml[end + 1..]);
        let stamped = String::from_utf8(stamped).expect("made of texts");
        self.deliver(stamped + payload);
    }

    /// Takes a stanza from the replica on this connection.
    pub(super) fn take_from_replica(&mut self, connection: u64, xml: String) {
        self.passed.push(Passed {
            connection,
            direction: Direction::FromReplica,
            xml: xml.clone(),
        });
        #[cfg(test)]
        if self.loses(&xml) {
            return;
        }
        self.deliver(xml);
    }

    fn deliver(&mut self, xml: String) {
        let Some(head) = start_tag(&xml) else { return };
        let to = head.to.as_deref().unwrap_or_default();
        if Address::new(to).domain() == self.domain {
            let to_all = head.kind == Kind::Presence;
            self.deliver_to_replicas(xml, to_all);
        } else if let Some((_, inbox)) = self.clients.iter().find(|(jid, _)| jid == to) {
            // A client that is gone reads no more.
            let _ = inbox.send(xml);
        } else {
            for answer in self.answers(&head) {
                self.deliver(answer);
            }
        }
    }

    /// To one at random, as ejabberd does. Presence goes to all, which no real server does, so
    /// that the tour needs no presence domain for each replica.
    fn deliver_to_replicas(&mut self, xml: String, to_all: bool) {
        let receivers = match fastrand::choice(&self.replicas) {
            Some(one) if !to_all => std::slice::from_ref(one),
            _ => &self.replicas,
        };
        for (connection, outgoing) in receivers {
            let (connection, direction) = (*connection, Direction::ToReplica);
            self.passed.push(Passed { connection, direction, xml: xml.clone() });
            // A replica that is gone reads no more.
            let _ = outgoing.send(xml.clone());
        }
    }

    /// What the server itself answers to a stanza for an account or for the server. All accounts
    /// let everybody see their presence. No address or id of the tour has anything to escape.
    fn answers(&self, head: &Head<'_>) -> Vec<String> {
        let from = head.from.as_deref().unwrap_or_default();
        let to = head.to.as_deref().unwrap_or_default();
        let type_ = head.type_.as_deref().unwrap_or_default();
        match (head.kind, type_) {
            (Kind::Presence, "subscribe" | "probe") => {
                let accepted = format!("<presence type='subscribed' from='{to}' to='{from}'/>");
                let of_account = |(jid, _): &&(String, _)| Address::new(jid).bare() == to;
                let online = self.clients.iter().filter(of_account);
                let online = online.map(|(jid, _)| format!("<presence from='{jid}' to='{from}'/>"));
                (type_ == "subscribe").then_some(accepted).into_iter().chain(online).collect()
            }
            (Kind::Iq, "get" | "set") => {
                let id = head.id.as_deref().unwrap_or_default();
                vec![format!(
                    "<iq type='error' id='{id}' from='{to}' to='{from}'><error type='cancel'>\
                     <service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
                )]
            }
            _ => vec![],
        }
    }

    #[cfg(test)]
    fn loses(&self, xml: &str) -> bool {
        let is_result =
            |xml: &str| start_tag(xml).is_some_and(|head| head.type_.as_deref() == Some("result"));
        let from_replicas = self.passed.iter().filter(|p| p.direction == Direction::FromReplica);
        let results = from_replicas.filter(|p| is_result(&p.xml)).count();
        is_result(xml) && self.loses_results.is_some_and(|nth| results.is_multiple_of(nth))
    }
}

/// The start tag of a stanza whose attributes hold no `>`, as all of the tour.
pub(super) fn start_tag(xml: &str) -> Option<Head<'_>> {
    let end = xml.find('>')?;
    Head::parse(&xml[..=end]).ok()
}
