//! Stanzas of the target to mirrors, where more than users' requests is relayed: each is passed on to
//! the user, from the alias of its sender.

use std::sync::Arc;

use crate::jat::address::{Address, normal_resource, write_resource};
use crate::jat::alias::{self, Holder};
use crate::jat::disguise::Disguise;
use crate::jat::incoming::Incoming;
use crate::jat::mirror::{Form, Mirror, Mirrors};
use crate::jat::prepared;
use crate::jat::reason::Reason;
use crate::jat::route::{Place, Route};
use crate::jat::scratch::Scratch;
use crate::jat::settings::Settings;
use crate::jat::target::Target;
use crate::jat::traffic::Class;
use crate::jat::two_way::{TwoWay, normal_node, write_face};
use crate::jat::verdict::{Act, Verdict};
use crate::stanza::head::Rewrite;
use crate::stanza::presence_type::PresenceType;

use super::Translator;
use super::inward::relayed;
use super::iq::well_formed;

impl Translator {
    /// A stanza of the target that is not a reply.
    pub(super) fn outward(
        &mut self,
        two_way: &TwoWay,
        route: &Route<'_>,
        stanza: &Incoming<'_>,
    ) -> Verdict<'_> {
        let Self { services, aliases, scratch, .. } = self;
        let settings = &services[route.service];
        let Route { from, to, traffic, .. } = *route;
        let (class, type_) = (traffic.class, stanza.type_());
        let refuse = |reason| Verdict::refused(traffic, type_, reason);
        if let Some(reason) = why_not(settings, two_way, route, stanza) {
            return refuse(reason);
        }
        scratch.clear();
        let Scratch { new_from, all_from, new_to, written_to: face, mirror: room, .. } = scratch;
        let mirrors = settings.mirrors(two_way);
        let node = normal_node(&to);
        let mirror = match mirrors.read(&node, room) {
            Ok(mirror) if !to.has_empty_part() => mirror,
            _ => return refuse(Reason::MirrorMalformed),
        };
        let presence = PresenceType::of(type_).filter(|_| class == Class::Presence);
        // An answer, or something that must not be withheld.
        let is_late = type_ == Some("error") || presence.is_some_and(PresenceType::ends_something);
        if let Some(reason) = why_not_to(settings, two_way, &mirror, is_late) {
            return refuse(reason);
        }
        if class == Class::Request
            && let Some(present) = other_mirror(&mirrors, &mirror, &node, new_to)
        {
            let refused = refuse(Reason::MirrorOldKey);
            return match present {
                // The resource is too long.
                "" => refused,
                _ => refused.with_text(format!("This user has another address now: {present}")),
            };
        }
        let between_accounts = presence.is_some_and(PresenceType::is_between_accounts);
        new_to.push_str(mirror.user);
        write_resource(to.resource().filter(|_| !between_accounts), new_to);
        write_face(mirror.face, mirrors.domain, face);
        new_from.push_str(face);
        let holder = Holder { face, target: settings.target.bare().as_str() };
        let resource = from.resource().filter(|_| !between_accounts).map(normal_resource);
        let mut reason = relayed(type_);
        if let Some(resource) = &resource {
            new_from.push('/');
            if aliases.write(two_way.names.first(), &holder, resource, new_from).is_err() {
                if class == Class::Request {
                    return refuse(Reason::NoReplyAddress);
                }
                new_from.truncate(face.len());
                reason = Reason::AliasTooLong;
            }
        }
        // What a resource itself writes is not changed.
        let by_server = class == Class::Presence || from.resource().is_none();
        let disguise = by_server.then(|| Disguise { holder, names: Arc::clone(&two_way.names) });
        let keys = two_way.names.keys();
        if let (Some(PresenceType::Unavailable), Some(resource), 2..) =
            (presence, &resource, keys.len())
        {
            // Contacts may know the resource by the alias of any key.
            for key in keys.iter().rev() {
                let mut from = format!("{face}/");
                if alias::write(key, &holder, resource, &mut from).is_ok() {
                    all_from.push(from);
                }
            }
            if !all_from.is_empty() {
                let act = Act::RelayFromAll { to: new_to, from: all_from, disguise };
                return Verdict { act, traffic, reason };
            }
        }
        let rewrite = Rewrite { to: new_to, from: new_from.as_str().into(), id: None };
        Verdict::relay(rewrite, traffic, reason).disguised(disguise)
    }
}

/// Why a stanza of the target is not relayed, whatever the mirror.
fn why_not(
    settings: &Settings,
    two_way: &TwoWay,
    route: &Route<'_>,
    stanza: &Incoming<'_>,
) -> Option<Reason> {
    let type_ = stanza.type_();
    match route.traffic.class {
        Class::Request => match well_formed(stanza) {
            Err(reason) => return Some(reason),
            Ok(_) if !two_way.requests => return Some(Reason::RequestRefused),
            Ok(_) => {}
        },
        Class::Message if !two_way.messages => {
            let error = type_ == Some("error");
            return Some(if error { Reason::ErrorIgnored } else { Reason::MessageRefused });
        }
        Class::Presence => match PresenceType::of(type_) {
            None => return Some(Reason::PresenceIgnored),
            Some(PresenceType::Error) => return Some(Reason::PresenceError),
            // Otherwise presence from the time when it was relayed would stay visible for ever.
            Some(it) if two_way.presence || it.ends_something() => {}
            Some(PresenceType::Subscribe) => return Some(Reason::SubscriptionRefused),
            Some(_) => return Some(Reason::PresenceIgnored),
        },
        _ => {}
    }
    let is_other = match &settings.target {
        Target::Account(_) => false,
        Target::Resource { normal, .. } => {
            route.from.resource().is_some() && route.from.normal() != *normal
        }
    };
    match () {
        () if route.place != Place::Mirror => Some(Reason::OwnFace),
        () if is_other => Some(Reason::NotTarget),
        () => stanza.body.fault(),
    }
}

/// Why nothing, or only answers, are relayed to the user that the mirror stands for.
fn why_not_to(
    settings: &Settings,
    two_way: &TwoWay,
    mirror: &Mirror<'_>,
    is_late: bool,
) -> Option<Reason> {
    let user = Address::new(mirror.user);
    if settings.target.owns(&user) || settings.is_own(&user) || two_way.own.have(&user) {
        return Some(Reason::OwnMirror);
    }
    match mirror.form {
        Form::Forged => Some(Reason::MirrorSignature),
        // It proves that the user wrote to this face.
        Form::Signed { .. } => None,
        Form::Clear { .. } if is_late => {
            // Here the target can name any face, even one that no server accepts in a `from`.
            (!two_way.faces.has(mirror.face) && prepared::node(mirror.face).is_err())
                .then_some(Reason::NoSuchFace)
        }
        Form::Clear { initiated: false } => Some(Reason::NotInitiated),
        Form::Clear { initiated: true } => {
            (!two_way.faces.has(mirror.face)).then_some(Reason::NoSuchFace)
        }
    }
}

/// The user's present mirror, if it is another one: the user's reply would come from there, and no
/// library accepts a reply from another address than the one that was asked.
fn other_mirror<'r>(
    mirrors: &Mirrors<'_>,
    mirror: &Mirror<'_>,
    node: &str,
    room: &'r mut String,
) -> Option<&'r str> {
    // If it is too long nothing is written: its user can't answer.
    let _ = mirrors.write(&Address::new(mirror.user), mirror.face, room);
    let now = room.strip_suffix(mirrors.domain).and_then(|it| it.strip_suffix('@'));
    if now == Some(node) {
        room.clear();
        return None;
    }
    Some(room)
}

#[cfg(test)]
mod tests;
