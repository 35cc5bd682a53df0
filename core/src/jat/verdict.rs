//! What is to be done with one stanza.

use std::borrow::Cow;

use jid::DomainPart;

use crate::stanza::compose::{Envelope, Refusal};
use crate::stanza::condition::DefinedCondition as Condition;

use super::address::Address;
use super::presence::{Action, Subscription};
use super::reason::Reason;
use super::token::MAX_CLAIM_BYTES;
use super::traffic::{Class, FORWARD, REVERT, Traffic};

/// The translator's decision. Each has a reason, and is counted under it.
#[derive(Debug)]
pub enum Verdict<'t> {
    /// To a resource of the target.
    Forward { to: &'t str, from: &'t str, id: Option<&'t str> },
    /// To the user who asked, as the token says, and under the user's own id; an error, or a result.
    Revert { envelope: Envelope<'t>, error: bool },
    /// To the user who asked, but an error instead of a reply that can't be relayed.
    RevertError { envelope: Envelope<'t>, reason: Reason, refusal: Refusal },
    /// An error to the sender, from the address it wrote to.
    Answer { from: String, traffic: Traffic, reason: Reason, refusal: Refusal },
    /// `unsubscribed` to the sender, from the address it asked.
    Unsubscribe { from: String, traffic: Traffic, reason: Reason },
    /// Presence of the target; these go out in answer.
    Presence(&'static [Action]),
    /// From an address of our own: an echo, perhaps.
    Own(Traffic),
    /// Nothing goes out.
    Drop(Traffic, Reason),
}

impl Verdict<'_> {
    /// An error from the address at `domain` that was written to.
    pub fn answer(
        domain: &DomainPart,
        to: &Address<'_>,
        traffic: Traffic,
        reason: Reason,
        subscription: &Subscription,
    ) -> Self {
        Self::Answer {
            from: to.at_domain(domain.as_str(), to.resource()),
            traffic,
            reason,
            refusal: refusal(reason, subscription),
        }
    }

    /// A refusal of a subscription to the address at `domain` that was written to.
    pub fn unsubscribe(
        domain: &DomainPart,
        to: &Address<'_>,
        traffic: Traffic,
        reason: Reason,
    ) -> Self {
        Self::Unsubscribe { from: to.at_domain(domain.as_str(), None), traffic, reason }
    }

    /// Did a resource of the target get a request by it, or make a reply? See [`super::answers`].
    pub fn counts_for_resource(&self) -> bool {
        matches!(self, Self::Forward { .. } | Self::Revert { .. } | Self::RevertError { .. })
    }

    /// What it counts as; for [`Verdict::Own`], if it is no echo of ours.
    pub fn counts_as(&self) -> (Traffic, Reason) {
        match self {
            Self::Forward { .. } => (FORWARD, Reason::Relayed),
            Self::Revert { error: false, .. } => (REVERT, Reason::Relayed),
            Self::Revert { error: true, .. } => (REVERT, Reason::RelayedError),
            Self::RevertError { reason, .. } => (REVERT, *reason),
            Self::Answer { traffic, reason, .. } => (*traffic, *reason),
            Self::Unsubscribe { traffic, reason, .. } => (*traffic, *reason),
            Self::Presence(_) => (Class::Presence.outward(), Reason::PresenceUsed),
            Self::Own(traffic) => (*traffic, Reason::OwnAddress),
            Self::Drop(traffic, reason) => (*traffic, *reason),
        }
    }
}

/// The stanza error for a request that is refused for `reason` (RFC 6120 section 8.3.3), with
/// a text that tells its sender what to do about it.
pub fn refusal(reason: Reason, subscription: &Subscription) -> Refusal {
    let (condition, text): (Condition, Cow<'static, str>) = match reason {
        Reason::NoId => (Condition::BadRequest, "An IQ needs an id.".into()),
        Reason::BadType => {
            (Condition::BadRequest, "The type of an IQ is get, set, result or error.".into())
        }
        Reason::ChildCount => {
            (Condition::BadRequest, "An IQ get or set has exactly one child element.".into())
        }
        Reason::BadNamespace => (
            Condition::BadRequest,
            "A namespace prefix is not declared in the stanza itself, or the XML namespace has \
             another prefix than xml: this can't be relayed."
                .into(),
        ),
        Reason::RequestToToken => (
            Condition::FeatureNotImplemented,
            "This address is for the reply to a request only.".into(),
        ),
        Reason::Forbidden => {
            (Condition::Forbidden, "This service takes nothing from your address.".into())
        }
        Reason::MessageRefused => {
            (Condition::FeatureNotImplemented, "Only IQ requests are relayed here.".into())
        }
        Reason::PresenceDomain => {
            (Condition::ServiceUnavailable, "This address is for presence alone.".into())
        }
        Reason::TooLong => (
            Condition::PolicyViolation,
            format!(
                "Your full address, the resource that you wrote to and the id of your request \
                 may have {MAX_CLAIM_BYTES} bytes together."
            )
            .into(),
        ),
        Reason::OverLimit => (
            Condition::PolicyViolation,
            "The stanza is larger or more deeply nested than is relayed here.".into(),
        ),
        Reason::SubscriptionPending => (
            Condition::ServiceUnavailable,
            "The service has not yet accepted the subscription to its presence.".into(),
        ),
        Reason::SubscriptionDenied => (
            Condition::ServiceUnavailable,
            "The service denied the subscription to its presence.".into(),
        ),
        Reason::Offline => (Condition::ServiceUnavailable, "The service is offline.".into()),
        Reason::NeverAsked => (
            Condition::ServiceUnavailable,
            "The service is offline: it is logged in with resources only that are not asked here."
                .into(),
        ),
        Reason::NeverSubscribed => (
            Condition::ServiceUnavailable,
            match subscription {
                Subscription::Failed(condition) => {
                    format!("The subscription to the service's presence failed: {condition}.")
                        .into()
                }
                _ => "The subscription to the service's presence was never made.".into(),
            },
        ),
        // These are relayed, consumed, dropped, or answered with presence.
        Reason::Relayed
        | Reason::RelayedError
        | Reason::SubscriptionRefused
        | Reason::PresenceUsed
        | Reason::Echo
        | Reason::ServerTime
        | Reason::Throttled
        | Reason::OwnAddress
        | Reason::NoFrom
        | Reason::NotOurDomain
        | Reason::NotFromTarget
        | Reason::NoToken
        | Reason::TokenLength
        | Reason::TokenEncoding
        | Reason::TokenVersion
        | Reason::UnknownKey
        | Reason::TokenSignature
        | Reason::TokenMalformed
        | Reason::TokenKind
        | Reason::TokenExpired
        | Reason::ErrorIgnored
        | Reason::PresenceIgnored
        | Reason::HeadTooLarge
        | Reason::NotAStanza
        | Reason::ArrivedAfterClose => {
            (Condition::ServiceUnavailable, "This can't be relayed.".into())
        }
    };
    Refusal { condition, text }
}
