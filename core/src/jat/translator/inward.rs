//! Stanzas of users, where more than their requests is relayed: each is passed on to the target from
//! the mirror of its sender.

use fastrand::Rng;

use crate::jat::address::Address;
use crate::jat::alias::{self, Holder};
use crate::jat::answers::Event;
use crate::jat::incoming::Incoming;
use crate::jat::mirror::is_reserved;
use crate::jat::now::Now;
use crate::jat::presence::Presence;
use crate::jat::reason::Reason;
use crate::jat::route::Route;
use crate::jat::scratch::Scratch;
use crate::jat::settings::Settings;
use crate::jat::target::Target;
use crate::jat::token::{self, Binding, Claims};
use crate::jat::traffic::Class;
use crate::jat::two_way::{MessagesTo, TwoWay, normal_node, write_face};
use crate::jat::verdict::Verdict;
use crate::stanza::compose::Envelope;
use crate::stanza::head::{Rewrite, Value};
use crate::stanza::payload::Payload;
use crate::stanza::presence_type::PresenceType;

use super::Translator;
use super::iq::{choose, nobody, resource_of, well_formed};

impl Translator {
    /// A stanza of a user, or a request of the target, which it may send like a user.
    pub(super) fn inward(
        &mut self,
        two_way: &TwoWay,
        route: &Route<'_>,
        stanza: &Incoming<'_>,
        now: Now,
        rng: &mut Rng,
    ) -> Verdict<'_> {
        let Self { services, presence, scratch, answers, .. } = self;
        let settings = &services[route.service];
        let Route { from, to, traffic, .. } = *route;
        let refuse = |reason| Verdict::refused(traffic, stanza.type_(), reason);
        let face = normal_node(&to);
        if let Some(reason) = why_not(two_way, traffic.class, stanza, &face) {
            return refuse(reason);
        }
        scratch.clear();
        let Scratch { new_from, new_to, written_to, token, .. } = scratch;
        let between_accounts = traffic.class == Class::Presence
            && PresenceType::of(stanza.type_()).is_some_and(PresenceType::is_between_accounts);
        let user = if between_accounts { Address::new(from.bare()) } else { from };
        if settings.mirrors(two_way).write(&user, &face, new_from).is_err() {
            return refuse(Reason::MirrorTooLong);
        }
        write_face(&face, settings.domain.as_str(), written_to);
        let alias = open_alias(settings, two_way, &to, written_to, new_to);
        let service = route.service;
        let receivers = Receivers { settings, service, two_way, presence, from, to, alias };
        let found = match traffic.class {
            Class::Request => {
                let id = stanza.id().unwrap_or_default();
                let Ok(claims) = Claims::new(from.as_str(), to.resource().unwrap_or_default(), id)
                else {
                    return refuse(Reason::TooLong);
                };
                let Some((receiver, peer)) = receivers.of_request(stanza, rng) else {
                    return nobody(presence);
                };
                let key = settings.keyring.signing(now.unix);
                let expires = now.unix.saturating_add(settings.reply_ttl);
                let binding = Binding { asked: written_to, peer };
                let token = token::seal_in(token, key, &claims, expires, &binding);
                answers.prepare(resource_of(settings, peer), Event::Asked, &presence.resources);
                let id = Some(Value::base32(token));
                let rewrite = Rewrite { to: receiver, from: new_from.as_str().into(), id };
                return Verdict::relay(rewrite, traffic, Reason::Relayed);
            }
            Class::Reply => receivers.of_reply(stanza.type_()),
            Class::Message => receivers.of_message(stanza.type_(), rng),
            Class::Presence | Class::Other => receivers.of_presence(stanza.type_()),
        };
        let (to, reason) = match found {
            Ok(found) => found,
            Err(reason) => return refuse(reason),
        };
        match stanza.body.fault() {
            // This is for replies; other stanzas were refused before.
            Some(fault) => {
                let asker = Envelope { to, from: new_from, id: None };
                Verdict::by_table(traffic, fault).for_asker(asker)
            }
            None => {
                let rewrite = Rewrite { to, from: new_from.as_str().into(), id: None };
                Verdict::relay(rewrite, traffic, reason)
            }
        }
    }
}

/// Why a stanza to this face is not relayed, whoever wrote it.
fn why_not(two_way: &TwoWay, class: Class, stanza: &Incoming<'_>, face: &str) -> Option<Reason> {
    let type_ = stanza.type_();
    match class {
        Class::Request => {
            if let Err(reason) = well_formed(stanza) {
                return Some(reason);
            }
        }
        Class::Message if !two_way.messages => {
            let error = type_ == Some("error");
            return Some(if error { Reason::ErrorIgnored } else { Reason::MessageRefused });
        }
        _ => {}
    }
    if is_reserved(face) {
        return Some(Reason::FaceReserved);
    }
    // An answer may be for a face that existed before.
    let answers = class == Class::Reply || type_ == Some("error");
    if !answers && !two_way.faces.has(face) {
        return Some(Reason::NoSuchFace);
    }
    match class {
        // The resource that asked gets an error.
        Class::Reply => None,
        Class::Presence => match PresenceType::of(type_) {
            None => Some(Reason::PresenceIgnored),
            Some(_) if two_way.presence => stanza.body.fault(),
            Some(PresenceType::Subscribe) => Some(Reason::SubscriptionRefused),
            // Otherwise presence from the time when it was relayed would stay visible for ever.
            Some(PresenceType::Probe) => Some(Reason::ProbeRefused),
            Some(_) => Some(Reason::PresenceIgnored),
        },
        _ => stanza.body.fault(),
    }
}

/// Writes the address of the target that the alias in `to`, an address of this face, stands for; a
/// resource that does not open counts as no alias.
fn open_alias<'r>(
    settings: &Settings,
    two_way: &TwoWay,
    to: &Address<'_>,
    face: &str,
    room: &'r mut String,
) -> Option<&'r str> {
    let alias = to.resource()?;
    let target = settings.target.bare().as_str();
    room.push_str(target);
    room.push('/');
    alias::open(&two_way.names, &Holder { face, target }, alias, room)?;
    let is_target = match &settings.target {
        Target::Account(_) => true,
        Target::Resource { normal, .. } => normal == room,
    };
    is_target.then_some(room)
}

/// The addresses of the target that a user's stanza can go to.
struct Receivers<'t, 's> {
    settings: &'t Settings,
    service: usize,
    two_way: &'s TwoWay,
    presence: &'t Presence,
    from: Address<'s>,
    to: Address<'s>,
    /// The resource that it was written to by its alias.
    alias: Option<&'t str>,
}

impl<'t> Receivers<'t, '_> {
    /// The address, and that in normal form.
    fn of_request(&self, stanza: &Incoming<'_>, rng: &mut Rng) -> Option<(&'t str, &'t str)> {
        let same = |address| Some((address, address));
        match self.alias {
            Some(alias) => same(alias),
            None if self.is_for_account(stanza) => same(self.account()),
            None => self.choose(rng),
        }
    }

    fn of_reply(&self, type_: Option<&str>) -> Result<(&'t str, Reason), Reason> {
        match (self.alias, self.to.resource()) {
            (Some(alias), _) => Ok((alias, relayed(type_))),
            // The target's server sends requests, too, and has no resource.
            (None, None) => Ok((self.account(), relayed(type_))),
            (None, Some(_)) => Err(Reason::NoAlias),
        }
    }

    fn of_message(&self, type_: Option<&str>, rng: &mut Rng) -> Result<(&'t str, Reason), Reason> {
        match (self.alias, type_) {
            (Some(alias), _) => Ok((alias, relayed(type_))),
            // Servers drop errors to an account (RFC 6121 section 8.5.2).
            (None, Some("error")) => Err(Reason::ErrorUnrouted),
            // A room writes only to those who have entered it.
            (None, Some("groupchat")) => Err(Reason::GroupchatRefused),
            (None, _) if self.two_way.messages_to == MessagesTo::Account => {
                Ok((self.account(), Reason::Relayed))
            }
            // Not to the account, where every resource of the highest priority would answer it.
            (None, _) => match self.choose(rng) {
                Some((chosen, _)) => Ok((chosen, Reason::Relayed)),
                None => Ok((self.account(), Reason::ToAccount)),
            },
        }
    }

    fn of_presence(&self, type_: Option<&str>) -> Result<(&'t str, Reason), Reason> {
        match PresenceType::of(type_) {
            // It would give the target the signed mirror of a user who never wrote.
            Some(PresenceType::Error) if !self.two_way.initiate.has(&self.from) => {
                Err(Reason::PresenceError)
            }
            Some(of_accounts) if of_accounts.is_between_accounts() => {
                Ok((self.account(), Reason::Relayed))
            }
            _ => Ok((self.alias.unwrap_or(self.account()), relayed(type_))),
        }
    }

    /// Whether the target's server answers this for it.
    fn is_for_account(&self, stanza: &Incoming<'_>) -> bool {
        let queries = &self.two_way.account_queries;
        if queries.is_empty() || self.to.resource().is_some() {
            return false;
        }
        let payload = Payload::of(stanza.body.bytes());
        let namespace = payload.and_then(|payload| payload.namespace());
        namespace.is_some_and(|it| queries.iter().any(|query| *query == it))
    }

    /// The resource that gets stanzas without an alias.
    fn choose(&self, rng: &mut Rng) -> Option<(&'t str, &'t str)> {
        choose(self.settings, self.service, self.presence, &self.from, rng)
    }

    fn account(&self) -> &'t str {
        self.settings.target.bare().as_str()
    }
}

/// The reason for a relayed stanza of this type.
pub(super) fn relayed(type_: Option<&str>) -> Reason {
    if type_ == Some("error") { Reason::RelayedError } else { Reason::Relayed }
}

#[cfg(test)]
mod tests;
