//! Who wrote a stanza, to what, and which way it goes: worked out once, before any rule.

use std::borrow::Cow;

use super::address::{Address, normal_bare};
use super::incoming::Incoming;
use super::now::Now;
use super::reason::Reason;
use super::scratch::Scratch;
use super::settings::Settings;
use super::token::{self, Binding, Token, TokenError};
use super::traffic::{Class, Traffic};

/// The route of one stanza.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route<'a> {
    pub from: Address<'a>,
    pub to: Address<'a>,
    pub sender: Sender,
    pub place: Place,
    pub traffic: Traffic,
}

/// Who wrote a stanza.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    /// The stanza does not say, or names an address with an empty part.
    Nobody,
    /// An address of our own: this process, or a sibling that shares the domain.
    Own,
    /// The target, or one of its resources.
    Target,
    Other,
}

/// What a stanza was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A domain that is not the stream's.
    Elsewhere,
    /// The domain that is for presence alone.
    Presence,
    /// An address of the component.
    Plain,
    /// By an IQ of the target, to an address with a token that opens: [`Scratch::token`].
    Token,
    /// By an IQ of the target, to an address without one; why.
    Bad(Reason),
}

impl<'a> Route<'a> {
    pub(super) fn of(
        stanza: &Incoming<'a>,
        settings: &Settings,
        now: Now,
        scratch: &mut Scratch,
    ) -> Self {
        let class = Class::of(stanza.head);
        let from = Address::new(stanza.head.from.as_deref().unwrap_or_default());
        let to = Address::new(stanza.head.to.as_deref().unwrap_or_default());
        let sender = Sender::of(&from, settings);
        let is_iq = matches!(class, Class::Request | Class::Reply);
        let place = match () {
            () if !to.is_at(stanza.at.as_str()) => Place::Elsewhere,
            () if *stanza.at != settings.domain => Place::Presence,
            () if !is_iq || sender != Sender::Target => Place::Plain,
            () => match find_token(settings, &from, &to, stanza.id(), now, scratch) {
                Ok(token) => {
                    scratch.token = Some(token);
                    Place::Token
                }
                Err(reason) => Place::Bad(reason),
            },
        };
        let traffic = match (sender, class, place) {
            // Else the target asks like any user.
            (Sender::Target, Class::Request, Place::Token)
            | (Sender::Target, Class::Reply | Class::Message | Class::Presence, _) => {
                class.outward()
            }
            _ => class.inward(),
        };
        Self { from, to, sender, place, traffic }
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

/// Opens the token of an IQ of the target: in the resource it was sent to, else in its id, whatever
/// the setting is now.
fn find_token(
    settings: &Settings,
    from: &Address<'_>,
    to: &Address<'_>,
    id: Option<&str>,
    now: Now,
    scratch: &mut Scratch,
) -> Result<Token, Reason> {
    scratch.clear();
    let written_to = bare_written_to(settings, to, &mut scratch.written_to);
    let binding = Binding { asked: &written_to, peer: &from.normal() };
    let open = |text: Option<&str>| {
        let text = text.filter(|t| !t.is_empty()).ok_or(Reason::NoToken)?;
        token::open(&settings.keyring, text, &binding, now.unix).map_err(reason_of)
    };
    open(to.resource()).or_else(|reason| {
        let looks_like_none =
            |r| matches!(r, Reason::NoToken | Reason::TokenLength | Reason::TokenEncoding);
        open(id).map_err(|other| if looks_like_none(other) { reason } else { other })
    })
}

/// The bare address that was written to, in normal form; `room` holds it if need be.
pub(super) fn bare_written_to<'a>(
    settings: &'a Settings,
    to: &Address<'_>,
    room: &'a mut String,
) -> Cow<'a, str> {
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
