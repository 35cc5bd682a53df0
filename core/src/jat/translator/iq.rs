//! The rules for IQs: a request of a user is given a token, and the reply has to show it.

use std::borrow::Cow;

use fastrand::Rng;

use crate::jat::address::Address;
use crate::jat::answers::Event;
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
use crate::jat::verdict::{Act, Verdict};
use crate::stanza::compose::Envelope;
use crate::stanza::condition::DefinedCondition;
use crate::stanza::head::Rewrite;

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
        let Self { settings, presence, scratch, answers, .. } = self;
        let presence = &*presence;
        let Route { from, to, traffic, .. } = route;
        let refuse = |reason| Verdict::by_table(*traffic, reason);
        let Some(id) = iq.id() else { return refuse(Reason::NoId) };
        if !matches!(iq.type_(), Some("get" | "set")) {
            return refuse(Reason::BadType);
        }
        let one_child = match iq.body {
            Body::Whole { children, .. } => children == 1,
            // The first one may still have been to come.
            Body::OverLimit { children } => children <= 1,
        };
        if !one_child {
            return refuse(Reason::ChildCount);
        }
        if route.place == Place::Token {
            return refuse(Reason::RequestToToken);
        }
        match iq.body {
            Body::OverLimit { .. } => return refuse(Reason::OverLimit),
            Body::Whole { namespaces_ok: false, .. } => return refuse(Reason::BadNamespace),
            Body::Whole { .. } => {}
        }
        let wrote_to_resource = to.resource().unwrap_or_default();
        let Ok(claims) = Claims::new(from.as_str(), wrote_to_resource, id) else {
            return refuse(Reason::TooLong);
        };
        let Some((peer, normal_peer)) = choose(settings, presence, from, rng) else {
            return nobody(presence);
        };
        scratch.clear();
        let Scratch { new_from, token_id, written_to, .. } = scratch;
        let asked = bare_written_to(settings, to, written_to);
        let binding = Binding { asked: &asked, peer: &normal_peer };
        let key = settings.keyring.signing(now.unix);
        let expires = now.unix.saturating_add(settings.reply_ttl);
        let home = settings.domain.as_str();
        let new_id = match settings.token_in {
            // Else the token goes where the address can't.
            TokenIn::Id if is_resource(from.as_str()) => {
                to.write_at_domain(home, Some(from.as_str()), new_from);
                token::write_sealed(key, &claims, expires, &binding, token_id);
                Some(&**token_id)
            }
            TokenIn::Resource | TokenIn::Id => {
                to.write_at_domain(home, None, new_from);
                new_from.push('/');
                token::write_sealed(key, &claims, expires, &binding, new_from);
                None
            }
        };
        let target_resource = resource_of(settings, &normal_peer);
        answers.prepare(target_resource, Event::Asked, &presence.resources);
        let rewrite = Rewrite { to: peer, from: new_from, id: new_id };
        Verdict::relay(rewrite, USER_REQUEST, Reason::Relayed)
    }

    /// A result or an error of the target.
    pub(super) fn reply(
        &mut self,
        route: &Route<'_>,
        iq: &Incoming<'_>,
        now: Now,
        rng: &mut Rng,
    ) -> Verdict<'_> {
        let Self { settings, presence, scratch, answers, unlisted_replies, .. } = self;
        let Scratch { new_from, token, .. } = scratch;
        let token = match (route.place, token) {
            (Place::Token, Some(token)) => token,
            (Place::Bad(reason), _) => return Verdict::by_table(TARGET_REPLY, reason),
            _ => return Verdict::by_table(TARGET_REPLY, Reason::NoToken),
        };
        let peer = route.from.normal();
        let result = iq.type_() == Some("result");
        let error = match iq.body {
            Body::Whole { stanza, .. } if !result => Some(DefinedCondition::of(stanza)),
            _ => None,
        };
        if settings.subscriber().is_some() {
            if result && presence.is_settled() {
                *unlisted_replies += u64::from(!presence.resources.contains(&peer));
            }
            // One that is too large may be either.
            if result || error.is_some() {
                presence.answered(&peer, error, now, rng);
            }
        }
        let event = error.map_or(Event::Result, Event::Error);
        answers.prepare(resource_of(settings, &peer), event, &presence.resources);
        let claims = token.claims();
        route.to.write_at_domain(settings.domain.as_str(), Some(claims.resource()), new_from);
        let (to, from, id) = (claims.user(), &**new_from, Some(claims.id()));
        let refuse =
            |reason| Verdict::by_table(TARGET_REPLY, reason).for_user(Envelope { to, from, id });
        let reason = match iq.body {
            Body::OverLimit { .. } => return refuse(Reason::OverLimit),
            Body::Whole { namespaces_ok: false, .. } => return refuse(Reason::BadNamespace),
            Body::Whole { .. } if result => Reason::Relayed,
            Body::Whole { .. } => Reason::RelayedError,
        };
        Verdict::relay(Rewrite { to, from, id }, TARGET_REPLY, reason)
    }
}

/// There is nobody to forward a request to.
fn nobody<'t>(presence: &Presence) -> Verdict<'t> {
    let mut verdict = Verdict::by_table(USER_REQUEST, presence.reason_for_nobody());
    if let (Reason::NeverSubscribed, Act::Refuse(_, refusal), Subscription::Failed(condition)) =
        (verdict.reason, &mut verdict.act, presence.subscription())
    {
        refusal.text =
            format!("The subscription to the service's presence failed: {condition}.").into();
    }
    verdict
}

/// The resource that gets a request of this user: its address, and that in normal form. Never the
/// bare address, for which the server answers itself (docs/servers.md#bare-address).
fn choose<'t>(
    settings: &'t Settings,
    presence: &'t Presence,
    user: &Address<'_>,
    rng: &mut Rng,
) -> Option<(&'t str, Cow<'t, str>)> {
    match &settings.target {
        Target::Resource { full, .. } => {
            Some((full.as_str(), Address::new(full.as_str()).normal()))
        }
        Target::Account(_) => {
            let chosen = presence.resources.choose(user, rng)?;
            Some((&chosen.address, Cow::Borrowed(chosen.normal())))
        }
    }
}

/// The resource of this address of the target; both are in normal form.
fn resource_of<'a>(settings: &Settings, peer: &'a str) -> &'a str {
    peer.get(settings.target.bare().as_str().len() + 1..).unwrap_or_default()
}
