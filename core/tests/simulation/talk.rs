//! Messages, presence, and requests of the target: what users and the target write to each other
//! where everything is relayed, under which addresses, and with what result.

use core_tests::xml::{self, Stanza, element, unescaped};
use jat_core::jat::reason::Reason;
use jat_core::jat::traffic::{Class, Traffic, Way};

use crate::ledger::{Fate, Invariant, Ledger, Loss};
use crate::names::{bare_of, normal};
use crate::replica::Replica;
use crate::stream::{Letter, State, What};
use crate::traffic::{DOMAIN, NODES, TARGET, TARGET_RESOURCES, USERS};
use crate::world::{Event, StreamPlace, World};

/// A stanza that somebody writes to somebody, not to the component.
#[derive(Clone, Debug)]
pub struct Talk {
    pub kind: Kind,
    pub way: Way,
    pub user: &'static str,
    /// A node of the component's domain, with its `@`.
    pub face: &'static str,
    /// The resource that writes it, or must get it. `None`: the target's account, or for messages any
    /// resource.
    pub resource: Option<&'static str>,
    /// The address that it is written to.
    pub address: String,
    /// Whether that address was changed, to forge another.
    pub forged: bool,
    /// Whether the target's server writes the target's address into it.
    pub delayed: bool,
    pub fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Message,
    /// From the target.
    Request,
    /// From a user, to the request with this number.
    Answer(usize),
    /// From a user.
    Subscribe,
    /// From the target.
    Subscribed,
    Available,
    Unavailable,
}

impl Talk {
    /// The stanza, as its sender's server passes it on.
    fn xml(&self, number: usize) -> String {
        let from = match (self.way, self.resource) {
            (Way::Outward, resource) => resource.unwrap_or(TARGET),
            (Way::Inward, _) if self.kind == Kind::Subscribe => bare_of(self.user),
            (Way::Inward, _) => self.user,
        };
        let id = match self.kind {
            Kind::Answer(request) => format!("v{request}"),
            _ => format!("v{number}"),
        };
        let (name, type_) = match self.kind {
            Kind::Message => ("message", "chat"),
            Kind::Request => ("iq", "get"),
            Kind::Answer(_) => ("iq", "result"),
            Kind::Subscribe => ("presence", "subscribe"),
            Kind::Subscribed => ("presence", "subscribed"),
            Kind::Available => ("presence", ""),
            Kind::Unavailable => ("presence", "unavailable"),
        };
        let attributes = [("type", type_), ("id", &id), ("to", &self.address), ("from", from)];
        let mut payload = format!("{TALK}{number}/>");
        if self.delayed {
            payload += &element("delay", &[("xmlns", "urn:xmpp:delay"), ("from", from)], "");
        }
        element(name, &attributes[usize::from(type_.is_empty())..], &payload)
    }

    /// Whether any resource may get it.
    fn is_for_anybody(&self) -> bool {
        self.kind == Kind::Message && self.way == Way::Inward && self.resource.is_none()
    }

    fn traffic(&self) -> Traffic {
        let class = match self.kind {
            Kind::Message => Class::Message,
            Kind::Request => Class::Request,
            Kind::Answer(_) => Class::Reply,
            Kind::Subscribe | Kind::Subscribed | Kind::Available | Kind::Unavailable => {
                Class::Presence
            }
        };
        Traffic { class, way: self.way }
    }
}

impl World {
    /// A user starts a conversation.
    pub fn talk(&mut self) {
        let user = USERS[self.rng.usize(..USERS.len())];
        let face = NODES[self.rng.usize(..NODES.len())];
        let subscribes = self.roster.len() < MOST_SUBSCRIBERS && self.rng.u8(..4) == 0;
        let kind = if subscribes { Kind::Subscribe } else { Kind::Message };
        let address = [face, DOMAIN].concat();
        let fate = Fate::Underway;
        let (forged, delayed, way) = (false, false, Way::Inward);
        self.say(Talk { kind, way, user, face, resource: None, address, forged, delayed, fate });
    }

    /// Somebody writes, if they are online.
    pub fn say(&mut self, talk: Talk) {
        let is_there = |resource: &str| self.is_reached(resource) || talk.kind == Kind::Unavailable;
        if talk.way == Way::Outward && talk.resource.is_some_and(|resource| !is_there(resource)) {
            return;
        }
        let number = self.ledger.talks.len();
        let xml = talk.xml(number);
        self.log(|| format!("Talk({number}): {xml}"));
        self.ledger.talks.push(talk);
        self.route(Letter { what: What::Talk(number), xml });
    }

    fn say_later(&mut self, talk: Talk) {
        let after = self.rng.u64(50..20_000);
        self.schedule(after, Event::Say(Box::new(talk)));
    }

    /// Checks what a replica did with it, from what it wrote.
    pub fn judge_talk(
        &mut self,
        place: StreamPlace,
        number: usize,
        written: &str,
        must_know_somebody: bool,
    ) -> (Traffic, Reason) {
        let talk = self.ledger.talks[number].clone();
        let replica = &self.replicas[place.replica];
        if replica.streams[place.role].state == State::Closing {
            self.lose(What::Talk(number), Loss::AfterClose);
            return (talk.traffic(), Reason::ArrivedAfterClose);
        }
        let (key, name_keys) = (replica.naming(), replica.name_keys());
        let stanzas = xml::split(written);
        let to_account = talk.is_for_anybody()
            && stanzas.first().is_some_and(|xml| Stanza::read(xml).to == TARGET);
        let due = match talk.kind {
            Kind::Answer(_) if talk.forged => Reason::NoAlias,
            Kind::Request if self.ledger.names.is_signed_otherwise(&talk.address, key) => {
                Reason::MirrorOldKey
            }
            _ if to_account => Reason::ToAccount,
            _ if talk.delayed => Reason::Scrubbed,
            _ => Reason::Relayed,
        };
        if due.is_refusal() {
            self.refused(number, due, &stanzas);
            return (talk.traffic(), due);
        }
        let copies = if talk.kind == Kind::Unavailable { name_keys } else { 1 };
        let to =
            |xml: &&str| self.is_right_receiver(place, &talk, &unescaped(Stanza::read(xml).to));
        let checks = [
            (Invariant::Accounted, !stanzas.is_empty()),
            (Invariant::Once, stanzas.len() <= copies),
            (Invariant::Dispatch, !to_account || !must_know_somebody),
            (Invariant::Resource, talk.way == Way::Outward || stanzas.iter().all(to)),
        ];
        self.ledger.report_broken(&checks, || format!("Talk({number}), {talk:?}: {written}"));
        for xml in stanzas {
            self.ledger.check_talk(number, &talk, xml, key);
        }
        (talk.traffic(), due)
    }

    /// It is not relayed, and only the target may get an error.
    fn refused(&mut self, number: usize, due: Reason, stanzas: &[&str]) {
        let resource = self.ledger.talks[number].resource;
        let (loss, good) = match (due, stanzas) {
            (Reason::NoAlias, []) => (Loss::ForgeryRefused, true),
            (Reason::NoAlias, _) => (Loss::ForgeryRefused, false),
            (_, [xml]) => {
                let Stanza { type_, to, .. } = Stanza::read(xml);
                (Loss::OldMirror, type_ == "error" && Some(&*unescaped(to)) == resource)
            }
            _ => (Loss::OldMirror, false),
        };
        self.lose(What::Talk(number), loss);
        self.ledger.report_broken(&[(Invariant::Cause, good)], || format!("{due:?}: {stanzas:?}"));
    }

    /// Whether a stanza of a user may go to this address of the target.
    fn is_right_receiver(&self, place: StreamPlace, talk: &Talk, to: &str) -> bool {
        let Replica { view, .. } = &self.replicas[place.replica];
        let settings = self.replicas[place.replica].settings();
        match talk.resource {
            Some(resource) => to == resource,
            None if talk.is_for_anybody() && to != TARGET => {
                TARGET_RESOURCES.contains(&to) && view.may_know(to, settings)
            }
            None => to == TARGET,
        }
    }

    /// It arrives at the server, which passes it on.
    pub fn take_talk(&mut self, number: usize, xml: &str) {
        let talk = self.ledger.talks[number].clone();
        if matches!(talk.fate, Fate::Lost(_)) {
            // It was answered with an error.
            return;
        }
        if talk.fate == Fate::Arrived {
            self.ledger.report(Invariant::Once, format!("Talk({number}): {xml}"));
        }
        self.ledger.talks[number].fate = Fate::Arrived;
        let first = xml::split(xml)[0];
        let stanza = Stanza::read(first);
        let address = unescaped(stanza.from).into_owned();
        let reply = Talk { address, delayed: false, forged: false, fate: Fate::Underway, ..talk };
        match (talk.way, talk.kind) {
            (Way::Inward, Kind::Message) => {
                let to = unescaped(stanza.to);
                // A stored message, or one for a resource that has left, is read by another one later.
                let named = TARGET_RESOURCES
                    .into_iter()
                    .find(|resource| *resource == to && self.is_reached(resource));
                let Some(resource) = named.or_else(|| self.reached().next()) else { return };
                let kind = match self.rng.u8(..4) {
                    0 => return,
                    1 => Kind::Request,
                    _ => Kind::Message,
                };
                let way = Way::Outward;
                self.say_later(Talk { kind, way, resource: Some(resource), ..reply });
            }
            (Way::Inward, Kind::Subscribe) => {
                self.roster.push(reply.clone());
                let way = Way::Outward;
                self.say(Talk { kind: Kind::Subscribed, way, resource: None, ..reply.clone() });
                for resource in self.reached().collect::<Vec<_>>() {
                    let kind = Kind::Available;
                    self.say(Talk {
                        kind,
                        way,
                        resource: Some(resource),
                        delayed: true,
                        ..reply.clone()
                    });
                }
            }
            (Way::Outward, Kind::Message) if self.rng.bool() => {
                self.say_later(Talk { way: Way::Inward, ..reply });
            }
            (Way::Outward, Kind::Request) => {
                let way = Way::Inward;
                let kind = Kind::Answer(number);
                let answer = Talk { kind, way, ..reply };
                match self.rng.u8(..8) {
                    0 => self.say_later(Talk { user: "mallory@evil.example/a", ..answer.clone() }),
                    1 => {
                        let address = tampered(&answer.address);
                        self.say_later(Talk { address, forged: true, ..answer.clone() });
                    }
                    _ => {}
                }
                self.say_later(answer);
            }
            _ => {}
        }
    }

    /// A resource of the target comes or goes: its server tells all subscribers.
    pub fn tell_subscribers(&mut self, resource: &'static str, came: bool) {
        let kind = if came { Kind::Available } else { Kind::Unavailable };
        for subscriber in self.roster.clone() {
            self.say(Talk { kind, way: Way::Outward, resource: Some(resource), ..subscriber });
        }
    }
}

impl Ledger {
    /// Checks a stanza that a replica passes on against what was written.
    fn check_talk(&mut self, number: usize, talk: &Talk, xml: &str, key: u8) {
        let stanza = Stanza::read(xml);
        let from = unescaped(stanza.from);
        let id = match talk.kind {
            Kind::Answer(request) => format!("v{request}"),
            _ => format!("v{number}"),
        };
        let is_presence = talk.traffic().class == Class::Presence;
        let (user, address) = match talk.way {
            Way::Inward => {
                let user = if is_presence { bare_of(talk.user) } else { talk.user };
                let has_resource = from.contains('/') == user.contains('/');
                (true, self.names.is_mirror(&from, user, talk.face, key) && has_resource)
            }
            Way::Outward => {
                let user = normal(talk.user);
                let user = if is_presence { bare_of(&user) } else { &*user };
                let address = match (talk.kind, talk.resource) {
                    (Kind::Subscribed, _) | (_, None) => {
                        from == [&*talk.face.to_lowercase(), DOMAIN].concat()
                    }
                    (_, Some(resource)) => self.names.is_alias(&from, talk.face, resource),
                };
                (unescaped(stanza.to) == user, address)
            }
        };
        let content = stanza.content;
        let hidden = talk.way == Way::Inward || !content.contains(TARGET) && !from.contains(TARGET);
        let checks = [
            (Invariant::User, user),
            (Invariant::Address, address),
            (Invariant::Id, unescaped(stanza.id) == id),
            (Invariant::Payload, content.starts_with(&format!("{TALK}{number}/>"))),
            (Invariant::Hidden, hidden),
        ];
        self.report_broken(&checks, || format!("Talk({number}), {talk:?}: {xml}"));
    }
}

/// Replaces a letter of an alias, after its header.
fn tampered(alias: &str) -> String {
    let at = alias.len() - 3;
    let letter = if &alias[at..=at] == "a" { "b" } else { "a" };
    [&alias[..at], letter, &alias[at + 1..]].concat()
}

/// Each gets every presence of the target.
const MOST_SUBSCRIBERS: usize = 3;
const TALK: &str = "<talk-";
