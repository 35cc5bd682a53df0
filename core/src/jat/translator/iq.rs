//! Users' requests where nothing else is relayed, and the target's replies everywhere.

use std::sync::Arc;

use fastrand::Rng;

use crate::jat::address::{Address, write_resource};
use crate::jat::alias::Holder;
use crate::jat::answers::Event;
use crate::jat::disguise::Disguise;
use crate::jat::incoming::{Body, Incoming};
use crate::jat::now::Now;
use crate::jat::presence::{Presence, Subscription};
use crate::jat::reason::Reason;
use crate::jat::resourcepart::is_resource;
use crate::jat::route::{Place, Route, bare_written_to};
use crate::jat::scratch::Scratch;
use crate::jat::settings::{Settings, TokenIn};
use crate::jat::target::Target;
use crate::jat::token::{self, Binding, Claims};
use crate::jat::traffic::{TARGET_REPLY, USER_REQUEST};
use crate::jat::verdict::Verdict;
use crate::stanza::compose::Envelope;
use crate::stanza::condition::DefinedCondition;
use crate::stanza::head::{Rewrite, Value};

use super::Translator;

impl Translator {
    /// An IQ that is neither a result nor an error.
    pub(super) fn request(
        &mut self,
        route: &Route<'_>,
        iq: &Incoming<'_>,
        now: Now,
        rng: &mut Rng,
    ) -> Verdict<'_> {
        let Self { services, presence, scratch, answers, .. } = self;
        let (settings, presence) = (&services[route.service], &*presence);
        let Route { from, to, traffic, .. } = route;
        let refuse = |reason| Verdict::by_table(*traffic, reason);
        let id = match well_formed(iq) {
            Ok(id) => id,
            Err(reason) => return refuse(reason),
        };
        if matches!(route.place, Place::Token(_)) {
            return refuse(Reason::RequestToToken);
        }
        if let Some(reason) = iq.body.fault() {
            return refuse(reason);
        }
        let wrote_to_resource = to.resource().unwrap_or_default();
        let Ok(claims) = Claims::new(from.as_str(), wrote_to_resource, id) else {
            return refuse(Reason::TooLong);
        };
        let Some((peer, normal_peer)) = choose(settings, route.service, presence, from, rng) else {
            return nobody(presence);
        };
        scratch.clear();
        let Scratch { new_from, written_to, token, .. } = scratch;
        let asked = bare_written_to(settings, to, written_to);
        let binding = Binding { asked: &asked, peer: normal_peer };
        let key = settings.keyring.signing(now.unix);
        let expires = now.unix.saturating_add(settings.reply_ttl);
        let home = settings.domain.as_str();
        let token = token::seal_in(token, key, &claims, expires, &binding);
        let (from, id) = match settings.token_in {
            // If the address is not valid as a resource, the token takes its place.
            TokenIn::Id if is_resource(from.as_str()) => {
                to.write_at_domain(home, Some(from.as_str()), new_from);
                (Value::from(&**new_from), Some(Value::base32(token)))
            }
            TokenIn::Resource | TokenIn::Id => {
                to.write_at_domain(home, None, new_from);
                new_from.push('/');
                (Value { text: new_from, base32: token }, None)
            }
        };
        let target_resource = resource_of(settings, normal_peer);
        answers.prepare(target_resource, Event::Asked, &presence.resources);
        Verdict::relay(Rewrite { to: peer, from, id }, USER_REQUEST, Reason::Relayed)
    }

    /// A result or an error of the target.
    pub(super) fn reply(
        &mut self,
        route: &Route<'_>,
        iq: &Incoming<'_>,
        now: Now,
        rng: &mut Rng,
    ) -> Verdict<'_> {
        let Self { services, presence, scratch, answers, unlisted_replies, .. } = self;
        let settings = &services[route.service];
        let Scratch { new_from, written_to, token, .. } = scratch;
        let claims = match route.place {
            Place::Token(fields) => token.claims(&fields),
            Place::Bad(reason) => return Verdict::by_table(TARGET_REPLY, reason),
            _ => return Verdict::by_table(TARGET_REPLY, Reason::NoToken),
        };
        let peer = route.from.normal();
        let result = iq.type_() == Some("result");
        let error = match iq.body {
            Body::Whole { stanza, .. } if !result => Some(DefinedCondition::of(stanza)),
            _ => None,
        };
        // The account itself is not a resource; its server has answered for it.
        let resource = resource_of(settings, &peer);
        if settings.subscriber().is_some() && resource.is_some() {
            if result && presence.is_settled() {
                *unlisted_replies += u64::from(!presence.resources.contains(&peer));
            }
            // A reply that is too large may be either.
            if result || error.is_some() {
                presence.answered(&peer, error, now, rng);
            }
        }
        let event = error.map_or(Event::Result, Event::Error);
        answers.prepare(resource, event, &presence.resources);
        let asked = if written_to.is_empty() { settings.domain.as_str() } else { written_to };
        new_from.push_str(asked);
        write_resource(Some(claims.resource()), new_from);
        let (to, from, id) = (claims.user(), &**new_from, Some(claims.id()));
        let disguise = match (&settings.two_way, resource) {
            (Some(two_way), None) => Some(Disguise {
                holder: Holder { face: asked, target: settings.target.bare().as_str() },
                names: Arc::clone(&two_way.names),
            }),
            _ => None,
        };
        let refuse =
            |reason| Verdict::by_table(TARGET_REPLY, reason).for_asker(Envelope { to, from, id });
        if let Some(reason) = iq.body.fault() {
            return refuse(reason);
        }
        let reason = if result { Reason::Relayed } else { Reason::RelayedError };
        let rewrite = Rewrite { to, from: from.into(), id: id.map(Value::from) };
        Verdict::relay(rewrite, TARGET_REPLY, reason).disguised(disguise)
    }
}

/// The id of a request that a server may relay (RFC 6120 sections 8.1.3 and 8.2.3).
pub(super) fn well_formed<'a>(iq: &'a Incoming<'_>) -> Result<&'a str, Reason> {
    let id = iq.id().ok_or(Reason::NoId)?;
    if !matches!(iq.type_(), Some("get" | "set")) {
        return Err(Reason::BadType);
    }
    let one_child = match iq.body {
        Body::Whole { children, .. } => children == 1,
        // The child may have come later.
        Body::OverLimit { children } => children <= 1,
    };
    if one_child { Ok(id) } else { Err(Reason::ChildCount) }
}

/// No resource can get the request.
pub(super) fn nobody<'t>(presence: &Presence) -> Verdict<'t> {
    let verdict = Verdict::by_table(USER_REQUEST, presence.reason_for_nobody());
    match (verdict.reason, presence.subscription()) {
        (Reason::NeverSubscribed, Subscription::Failed(condition)) => verdict
            .with_text(format!("The subscription to the service's presence failed: {condition}.")),
        _ => verdict,
    }
}

/// The resource that gets a request of this user to the service with this number: its address, and
/// that in normal form. Never the bare address, for which the server answers itself
/// (docs/servers.md#bare-address).
pub(super) fn choose<'t>(
    settings: &'t Settings,
    service: usize,
    presence: &'t Presence,
    user: &Address<'_>,
    rng: &mut Rng,
) -> Option<(&'t str, &'t str)> {
    match &settings.target {
        Target::Resource { full, normal, .. } => Some((full.as_str(), normal)),
        Target::Account(_) => {
            let chosen = presence.resources.choose(service, user, rng)?;
            Some((chosen.address(), chosen.normal()))
        }
    }
}

/// The resource of this address of the target; both are in normal form.
pub(super) fn resource_of<'a>(settings: &Settings, peer: &'a str) -> Option<&'a str> {
    peer.get(settings.target.bare().as_str().len() + 1..)
}
