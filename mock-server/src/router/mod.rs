//! Where a stanza goes: to a component, to a client, or back to its sender.

mod presence;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jat_core::jat::address::{Address, normal_bare};
use jat_core::stanza::head::Kind;
use tokio::sync::mpsc::UnboundedSender;

use crate::connection::Connection;
use crate::options::{Habits, Options, Second};
use crate::roster::Roster;
use crate::stanza::Stanza;

/// A stanza that passed between the server and a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// [`Connection::id`] of the connection that it passed through.
    pub connection: u64,
    pub direction: Direction,
    pub xml: String,
}

/// Seen from the component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    ToComponent,
    FromComponent,
}

/// A stream error that a component gets for what it sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamError(pub(super) &'static str);

/// All that the server knows.
pub(crate) struct Router {
    pub(crate) options: Options,
    pub(crate) roster: Roster,
    components: BTreeMap<String, Vec<Arc<Connection>>>,
    /// By bare JID in normal form, then by resource.
    accounts: BTreeMap<String, BTreeMap<String, Session>>,
    hosts: BTreeSet<String>,
    rng: fastrand::Rng,
    passed: Vec<Passed>,
}

/// A client that is logged in.
pub(crate) struct Session {
    /// Distinguishes it from another one with the same JID.
    pub(crate) number: u64,
    /// Its full JID as the server sets it.
    pub(crate) jid: String,
    /// Its last available presence; `None` while it is not available.
    pub(crate) presence: Option<Stanza>,
    inbox: UnboundedSender<Stanza>,
}

impl Session {
    pub(crate) fn new(number: u64, jid: &str, inbox: UnboundedSender<Stanza>) -> Self {
        Self { number, jid: jid.to_owned(), presence: None, inbox }
    }

    pub(crate) fn receive(&self, stanza: Stanza) {
        // A client that is leaving no longer reads.
        let _ = self.inbox.send(stanza);
    }
}

impl Router {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            options: options.clone(),
            roster: Roster::default(),
            components: BTreeMap::new(),
            accounts: BTreeMap::new(),
            hosts: options.hosts.iter().cloned().collect(),
            rng: fastrand::Rng::new(),
            passed: Vec::new(),
        }
    }

    /// Takes a stanza from the client `jid`; without `to` it is for its own account.
    pub(crate) fn take_from_client(&mut self, jid: &str, stanza: &Stanza) {
        let head = stanza.head();
        let from = Address::new(jid);
        let to = match head.to.as_deref() {
            Some(to) if self.options.habits == Habits::Prosody => Address::new(to).normal(),
            Some(to) => to.into(),
            None if head.kind == Kind::Presence => return self.own_presence(jid, stanza),
            None => from.bare().into(),
        };
        let type_ = head.type_.as_deref();
        let about_subscription = head.kind == Kind::Presence
            && matches!(type_, Some("subscribe" | "subscribed" | "unsubscribe" | "unsubscribed"));
        if !about_subscription {
            return self.deliver(stanza.readdressed(jid, &to));
        }
        let stanza = stanza.readdressed(from.bare(), &to);
        match type_ {
            Some("subscribed") => self.approve(stanza),
            Some("unsubscribed") => self.deny(stanza),
            _ => self.deliver(stanza),
        }
    }

    /// Takes a stanza from the component `domain`.
    pub(crate) fn take_from_component(
        &mut self,
        connection: &Connection,
        stanza: Stanza,
    ) -> Result<(), StreamError> {
        let head = stanza.head();
        if head.kind == Kind::Other {
            return Err(StreamError("unsupported-stanza-type"));
        }
        let from = head.from.as_deref().map(Address::new);
        if from.is_none_or(|from| from.domain() != connection.domain()) {
            return Err(StreamError("invalid-from"));
        }
        if head.to.as_deref().is_none_or(str::is_empty) {
            return Err(StreamError("improper-addressing"));
        }
        self.record(connection.id(), Direction::FromComponent, &stanza);
        self.deliver(stanza);
        Ok(())
    }

    /// Delivers a stanza, whose `from` is already set, to its `to`.
    pub(crate) fn deliver(&mut self, stanza: Stanza) {
        let head = stanza.head();
        let to = head.to.as_deref().unwrap_or_default();
        let to = Address::new(to);
        let domain = normal_bare(to.domain());
        let listed = |domains: &Vec<String>| domains.iter().any(|d| *d == domain);
        if self.components.contains_key(&*domain) {
            self.deliver_to_component(&domain, &stanza);
        } else if self.options.domains.as_ref().is_some_and(listed) {
            // Prosody's answer for a component that is not connected.
            self.bounce(&stanza, "wait", "service-unavailable");
        } else if !self.hosts.contains(&*domain) {
            self.bounce(&stanza, "cancel", "remote-server-not-found");
        } else if head.kind == Kind::Presence {
            self.deliver_presence(&stanza);
        } else {
            self.deliver_to_account(&stanza, &to);
        }
    }

    fn deliver_to_account(&mut self, stanza: &Stanza, to: &Address<'_>) {
        let sessions = self.accounts.get(&*to.normal_bare());
        let is_message = stanza.head().kind == Kind::Message;
        let mut receivers = match to.resource() {
            Some(resource) => {
                let session = sessions.and_then(|all| all.get(resource));
                Vec::from_iter(session)
            }
            // An IQ to an account is for the server, which answers only time queries here.
            None if is_message => sessions.into_iter().flat_map(BTreeMap::values).collect(),
            None => vec![],
        };
        match receivers.pop() {
            Some(last) => {
                for receiver in receivers {
                    receiver.receive(stanza.clone());
                }
                last.receive(stanza.clone());
            }
            // A server stores a message for an offline account; here it is dropped.
            None if is_message && to.resource().is_none() => {}
            None if to.bare() == to.domain() && to.resource().is_none() => {
                match stanza.time(&now()) {
                    Some(answer) => self.deliver(answer),
                    None => self.bounce(stanza, "cancel", "service-unavailable"),
                }
            }
            None => self.bounce(stanza, "cancel", "service-unavailable"),
        }
    }

    fn deliver_to_component(&mut self, domain: &str, stanza: &Stanza) {
        let connections = &self.components[domain];
        let connection = connections[self.rng.usize(..connections.len())].clone();
        self.record(connection.id(), Direction::ToComponent, stanza);
        connection.write(stanza.as_str());
    }

    pub(crate) fn bounce(&mut self, stanza: &Stanza, error_type: &str, condition: &str) {
        if let Some(error) = stanza.bounce(error_type, condition) {
            self.deliver(error);
        }
    }

    /// Adds a component's connection, if another one is allowed.
    pub(crate) fn connect(&mut self, connection: Arc<Connection>) -> Result<(), StreamError> {
        let connections = self.components.entry(connection.domain().to_owned()).or_default();
        if !connections.is_empty() && self.options.second == Second::Conflict {
            return Err(StreamError("conflict"));
        }
        connections.push(connection);
        Ok(())
    }

    /// From now on nothing is routed to the connection.
    pub(crate) fn disconnect(&mut self, id: u64) {
        for connections in self.components.values_mut() {
            connections.retain(|c| c.id() != id);
        }
        self.components.retain(|_, connections| !connections.is_empty());
    }

    pub(crate) fn connections(&self, domain: &str) -> Vec<Arc<Connection>> {
        self.components.get(domain).cloned().unwrap_or_default()
    }

    pub(crate) fn all_connections(&self) -> Vec<Arc<Connection>> {
        self.components.values().flatten().cloned().collect()
    }

    pub(crate) fn log_in(&mut self, session: Session) {
        let jid = session.jid.clone();
        let address = Address::new(&jid);
        self.hosts.insert(normal_bare(address.domain()).into_owned());
        self.log_out(&jid, None);
        let resource = address.resource().unwrap_or_default().to_owned();
        let account = self.accounts.entry(address.normal_bare().into_owned()).or_default();
        account.insert(resource, session);
    }

    /// Ends a session, unless another one than `number` has replaced it.
    pub(crate) fn log_out(&mut self, jid: &str, number: Option<u64>) {
        if self.session(jid).is_none_or(|s| number.is_some_and(|n| n != s.number)) {
            return;
        }
        self.unavailable(jid);
        let address = Address::new(jid);
        if let Some(account) = self.accounts.get_mut(&*address.normal_bare()) {
            account.remove(address.resource().unwrap_or_default());
        }
    }

    pub(crate) fn session(&mut self, jid: &str) -> Option<&mut Session> {
        let address = Address::new(jid);
        let account = self.accounts.get_mut(&*address.normal_bare())?;
        account.get_mut(address.resource().unwrap_or_default())
    }

    /// The sessions of the account that `bare` names.
    pub(crate) fn sessions(&self, bare: &str) -> impl Iterator<Item = &Session> {
        self.accounts.get(&*normal_bare(bare)).into_iter().flat_map(BTreeMap::values)
    }

    pub(crate) fn take_passed(&mut self) -> Vec<Passed> {
        for connection in self.components.values().flatten() {
            connection.recording().clear();
        }
        std::mem::take(&mut self.passed)
    }

    fn record(&mut self, connection: u64, direction: Direction, stanza: &Stanza) {
        if self.options.record {
            let xml = stanza.as_str().to_owned();
            self.passed.push(Passed { connection, direction, xml });
        }
    }
}

/// The time as XEP-0082 writes it.
fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
