//! Who wrote a stanza, to what address, and which way it goes: determined once, before any rule.

use std::borrow::Cow;

use super::address::{Address, normal_bare};
use super::incoming::Incoming;
use super::mirror;
use super::now::Now;
use super::reason::Reason;
use super::scratch::Scratch;
use super::settings::Settings;
use super::token::{self, Binding, Fields, Message, TokenError};
use super::traffic::{Class, Traffic};
use super::two_way::{normal_node, write_face};

/// The route of one stanza.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route<'a> {
    pub from: Address<'a>,
    pub to: Address<'a>,
    pub sender: Sender,
    pub place: Place,
    pub traffic: Traffic,
    /// The number of the target's service that it is for.
    pub service: usize,
}

/// Who wrote a stanza.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    /// It has no sender, or one with an empty part.
    Nobody,
    /// An address of our own: this process, or another one that shares the domain.
    Own,
    /// The target, or one of its resources.
    Target,
    Other,
}

/// The address that a stanza was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A domain that is not the stream's.
    Elsewhere,
    /// The domain that is for presence alone.
    Presence,
    /// An address of the component.
    Plain,
    /// For an IQ of the target: the token opens, and is in [`Scratch::token`].
    Token(Fields),
    /// For an IQ of the target: no token opens, for this reason.
    Bad(Reason),
    /// For the target, where more than users' requests is relayed: an address that can only be the
    /// mirror of a user.
    Mirror,
}

impl<'a> Route<'a> {
    pub(super) fn of(
        stanza: &Incoming<'a>,
        settings: &Settings,
        service: usize,
        now: Now,
        scratch: &mut Scratch,
    ) -> Self {
        let class = Class::of(stanza.head);
        let Incoming { from, to, .. } = *stanza;
        let sender = Sender::of(&from, settings);
        let is_iq = matches!(class, Class::Request | Class::Reply);
        let place = match () {
            () if !to.is_at(stanza.at.as_str()) => Place::Elsewhere,
            () if *stanza.at != settings.domain => Place::Presence,
            () if sender != Sender::Target => Place::Plain,
            () => {
                let iq = FromTarget { settings, from, to, id: stanza.id(), now };
                match &settings.two_way {
                    None if class == Class::Reply => {
                        let found = iq.find_token(scratch);
                        // The request may have come from a mirror, while more was relayed.
                        Place::found(found.or_else(|reason| {
                            iq.find_token_by_mirror(&normal_node(&to), scratch).or(Err(reason))
                        }))
                    }
                    None if is_iq => Place::found(iq.find_token(scratch)),
                    None => Place::Plain,
                    Some(_) => {
                        let node = normal_node(&to);
                        match (class, mirror::is_reserved(&node)) {
                            (Class::Reply, true) => {
                                let found = iq.find_token_by_mirror(&node, scratch);
                                // While only requests were relayed, any node could be asked.
                                Place::found(
                                    found.or_else(|reason| iq.find_token(scratch).or(Err(reason))),
                                )
                            }
                            (Class::Reply, false) => Place::found(iq.find_token(scratch)),
                            (_, true) => Place::Mirror,
                            (_, false) => Place::Plain,
                        }
                    }
                }
            }
        };
        let traffic = match (sender, class, place) {
            // Otherwise the target is like any user.
            (Sender::Target, Class::Request, Place::Token(_) | Place::Mirror)
            | (Sender::Target, Class::Reply | Class::Message | Class::Presence, _) => {
                class.outward()
            }
            _ => class.inward(),
        };
        Self { from, to, sender, place, traffic, service }
    }
}

impl Sender {
    fn of(from: &Address<'_>, settings: &Settings) -> Self {
        match () {
            () if from.as_str().is_empty() => Self::Nobody,
            () if settings.is_own(from) => Self::Own,
            () if from.has_empty_part() => Self::Nobody,
            () if settings.target.owns(from) => Self::Target,
            () => Self::Other,
        }
    }
}

impl Place {
    /// The route of an IQ of the target.
    fn found(token: Result<Fields, Reason>) -> Self {
        token.map_or_else(Self::Bad, Self::Token)
    }
}

/// An IQ of the target, in which to look for a token.
struct FromTarget<'a> {
    settings: &'a Settings,
    from: Address<'a>,
    to: Address<'a>,
    id: Option<&'a str>,
    now: Now,
}

impl FromTarget<'_> {
    /// Opens the token in the resource that it was sent to, or otherwise in its id, whatever the present
    /// settings.
    fn find_token(&self, scratch: &mut Scratch) -> Result<Fields, Reason> {
        scratch.clear();
        let Scratch { written_to, token, .. } = scratch;
        let asked = bare_written_to(self.settings, &self.to, written_to);
        let binding = Binding { asked: &asked, peer: &self.from.normal() };
        self.open(self.to.resource(), &binding, token).or_else(|reason| {
            let looks_like_none =
                |r| matches!(r, Reason::NoToken | Reason::TokenLength | Reason::TokenEncoding);
            let in_id = self.open(self.id, &binding, token);
            in_id.map_err(|other| if looks_like_none(other) { reason } else { other })
        })
    }

    /// Opens a token in its id alone: it was sent to a mirror, whose resource the user chooses. The mirror
    /// names the face that was asked.
    fn find_token_by_mirror(&self, node: &str, scratch: &mut Scratch) -> Result<Fields, Reason> {
        scratch.clear();
        let Scratch { mirror, written_to, token, .. } = scratch;
        // The token names the user, whether the mirror is valid or not.
        let (_, face, _) = mirror::inspect(node, mirror).map_err(|_| Reason::NoToken)?;
        write_face(face, self.settings.domain.as_str(), written_to);
        self.open(self.id, &Binding { asked: written_to, peer: &self.from.normal() }, token)
    }

    fn open(
        &self,
        text: Option<&str>,
        binding: &Binding<'_>,
        room: &mut Message,
    ) -> Result<Fields, Reason> {
        let text = text.filter(|t| !t.is_empty()).ok_or(Reason::NoToken)?;
        let Self { settings, now, .. } = self;
        token::open_in(room, &settings.keyring, text, binding, now.unix).map_err(reason_of)
    }
}

/// The bare address that was written to, in normal form; `room` is for the text if needed.
pub(super) fn bare_written_to<'a>(
    settings: &'a Settings,
    to: &Address<'_>,
    room: &'a mut String,
) -> Cow<'a, str> {
    let home = settings.domain.as_str();
    if to.node().is_none() {
        return Cow::Borrowed(home);
    }
    // Our domain as configured, since another spelling ends the stream on some servers
    // (docs/servers.md#from-spelling).
    to.write_at_domain(home, None, room);
    // What is sent to us and plain is at our domain letter by letter.
    if to.is_plain() { Cow::Borrowed(room) } else { normal_bare(room) }
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
