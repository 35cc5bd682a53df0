//! A request and its reply: the one is given a token, the other has to show it.

use std::borrow::Cow;
use std::fmt;

use fastrand::Rng;

use crate::stanza::compose::Envelope;
use crate::stanza::condition::DefinedCondition;

use super::address::{Address, normal_bare};
use super::answers::{Answers, Event};
use super::incoming::{Body, Incoming};
use super::now::Now;
use super::presence::Presence;
use super::reason::Reason;
use super::resourcepart::is_resource;
use super::settings::{Settings, TokenIn};
use super::target::Target;
use super::token::{self, Binding, Claims, Token, TokenError};
use super::traffic::{Class, FORWARD, REVERT};
use super::verdict::{Verdict, refusal};

/// What it takes to judge one IQ: borrowed parts of the translator.
#[derive(Debug)]
pub(super) struct Exchange<'t> {
    pub settings: &'t Settings,
    pub presence: &'t mut Presence,
    pub scratch: &'t mut Scratch,
    pub answers: &'t mut Answers,
    /// Counts results from resources that are not listed.
    pub unlisted_replies: &'t mut u64,
}

/// Memory for what a verdict says, used again for each stanza.
#[derive(Default)]
pub(super) struct Scratch {
    /// The address that is written as the sender's.
    sender: String,
    /// The token, if it stands in the id.
    id: String,
    asked: String,
    opened: Option<Token>,
}

impl Scratch {
    /// Empties all, and gives back what a hostile address took.
    fn clear(&mut self) {
        for text in [&mut self.sender, &mut self.id, &mut self.asked] {
            text.clear();
            text.shrink_to(KEEP_CAPACITY);
        }
    }
}

/// There are tokens in it, and they stay out of logs.
impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scratch")
    }
}

impl<'t> Exchange<'t> {
    /// Judges an IQ that is neither a result nor an error.
    pub(super) fn request(self, iq: &Incoming<'_>, now: Now, rng: &mut Rng) -> Verdict<'t> {
        let Self { settings, presence, scratch, answers, .. } = self;
        let presence = &*presence;
        let Incoming { from, to, .. } = iq;
        let subscription = presence.subscription();
        let refuse_on =
            |traffic, reason| Verdict::answer(&settings.domain, to, traffic, reason, subscription);
        let refuse = |reason| refuse_on(FORWARD, reason);
        let Some(id) = iq.id() else { return refuse(Reason::NoId) };
        if !matches!(iq.type_(), Some("get" | "set")) {
            return refuse(Reason::BadType);
        }
        let one_child = match iq.body {
            Body::Whole { children, .. } => children == 1,
            // The first one may still have been to come.
            Body::OverLimit { children } => children <= 1,
            Body::Outgrown => true,
        };
        if !one_child {
            return refuse(Reason::ChildCount);
        }
        scratch.clear();
        let asked = asked(settings, to, &mut scratch.asked);
        if settings.target.owns(from) && find_token(settings, iq, &asked, now).is_ok() {
            return refuse_on(Class::Request.outward(), Reason::RequestToToken);
        }
        match iq.body {
            Body::OverLimit { .. } | Body::Outgrown => return refuse(Reason::OverLimit),
            Body::Whole { namespaces_ok: false, .. } => return refuse(Reason::BadNamespace),
            Body::Whole { .. } => {}
        }
        let resource = to.resource().unwrap_or_default();
        let Ok(claims) = Claims::new(from.as_str(), resource, id) else {
            return refuse(Reason::TooLong);
        };
        let Some((peer, normal_peer)) = choose(settings, presence, from, rng) else {
            return refuse(presence.reason_for_nobody());
        };
        let binding = Binding { asked: &asked, peer: &normal_peer };
        let key = settings.keyring.signing(now.unix);
        let expires = now.unix.saturating_add(settings.reply_ttl);
        let home = settings.domain.as_str();
        let Scratch { sender: written, id: token, .. } = scratch;
        let id = match settings.token_in {
            // Else the token goes where the address can't.
            TokenIn::Id if is_resource(from.as_str()) => {
                to.write_at_domain(home, Some(from.as_str()), written);
                token::write_sealed(key, &claims, expires, &binding, token);
                Some(&**token)
            }
            TokenIn::Resource | TokenIn::Id => {
                to.write_at_domain(home, None, written);
                written.push('/');
                token::write_sealed(key, &claims, expires, &binding, written);
                None
            }
        };
        let resource = resource_of(settings, &normal_peer);
        answers.prepare(resource, Event::Asked, &presence.resources);
        Verdict::Forward { to: peer, from: written, id }
    }

    /// Judges a result or an error.
    pub(super) fn reply(self, iq: &Incoming<'_>, now: Now, rng: &mut Rng) -> Verdict<'t> {
        let Self { settings, presence, scratch, answers, unlisted_replies } = self;
        let drop = |reason| Verdict::Drop(REVERT, reason);
        if !settings.target.owns(&iq.from) {
            return Verdict::Drop(Class::Reply.inward(), Reason::NotFromTarget);
        }
        scratch.clear();
        let asked = asked(settings, &iq.to, &mut scratch.asked);
        let token = match find_token(settings, iq, &asked, now) {
            Ok(token) => scratch.opened.insert(token),
            Err(reason) => return drop(reason),
        };
        let peer = iq.from.normal();
        // What is judged for the second time was counted at the first.
        let first = !matches!(iq.body, Body::Outgrown);
        let result = first && iq.type_() == Some("result");
        let error = match iq.body {
            Body::Whole { stanza, .. } if iq.type_() == Some("error") => {
                Some(DefinedCondition::of(stanza))
            }
            _ => None,
        };
        if first && settings.subscriber().is_some() {
            if result && presence.is_settled() {
                *unlisted_replies += u64::from(!presence.resources.contains(&peer));
            }
            // One that is too large may be either.
            if result || error.is_some() {
                presence.answered(&peer, error, now, rng);
            }
        }
        let claims = token.claims();
        let written = &mut scratch.sender;
        iq.to.write_at_domain(settings.domain.as_str(), Some(claims.resource()), written);
        let envelope = Envelope { to: claims.user(), from: written, id: Some(claims.id()) };
        let refuse = |reason| {
            let refusal = refusal(reason, presence.subscription());
            Verdict::RevertError { envelope, reason, refusal }
        };
        let (event, verdict) = match iq.body {
            Body::OverLimit { .. } | Body::Outgrown => {
                (Event::Error(DefinedCondition::PolicyViolation), refuse(Reason::OverLimit))
            }
            Body::Whole { namespaces_ok: false, .. } => {
                (Event::Error(DefinedCondition::BadRequest), refuse(Reason::BadNamespace))
            }
            Body::Whole { .. } => {
                let event = error.map_or(Event::Result, Event::Error);
                (event, Verdict::Revert { envelope, error: error.is_some() })
            }
        };
        answers.prepare(resource_of(settings, &peer), event, &presence.resources);
        verdict
    }
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

/// Opens the token of a reply: in the resource it was sent to, else in its id, whatever the
/// setting is now.
fn find_token(
    settings: &Settings,
    iq: &Incoming<'_>,
    asked: &str,
    now: Now,
) -> Result<Token, Reason> {
    let binding = Binding { asked, peer: &iq.from.normal() };
    let open = |text: Option<&str>| {
        let text = text.filter(|t| !t.is_empty()).ok_or(Reason::NoToken)?;
        token::open(&settings.keyring, text, &binding, now.unix).map_err(reason_of)
    };
    open(iq.to.resource()).or_else(|reason| {
        let looks_like_none =
            |r| matches!(r, Reason::NoToken | Reason::TokenLength | Reason::TokenEncoding);
        open(iq.id()).map_err(|other| if looks_like_none(other) { reason } else { other })
    })
}

/// The bare address that was written to, in normal form; `room` holds it if need be.
fn asked<'a>(settings: &'a Settings, to: &Address<'_>, room: &'a mut String) -> Cow<'a, str> {
    let home = settings.domain.as_str();
    if to.node().is_none() {
        return Cow::Borrowed(home);
    }
    // Our domain as it is configured, since another spelling ends the stream on some servers
    // (docs/servers.md#from-spelling).
    to.write_at_domain(home, None, room);
    normal_bare(room)
}

fn reason_of(error: TokenError) -> Reason {
    match error {
        TokenError::Length => Reason::TokenLength,
        TokenError::Encoding => Reason::TokenEncoding,
        TokenError::Version => Reason::TokenVersion,
        TokenError::UnknownKey => Reason::UnknownKey,
        TokenError::Signature => Reason::TokenSignature,
        TokenError::Malformed => Reason::TokenMalformed,
        TokenError::Kind => Reason::TokenKind,
        TokenError::Expired => Reason::TokenExpired,
    }
}

/// More than addresses have in earnest.
const KEEP_CAPACITY: usize = 8 * 1024;
