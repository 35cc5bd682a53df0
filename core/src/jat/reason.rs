//! What happened to each stanza, and why: the table.

use crate::named;
use crate::stanza::condition::DefinedCondition;

use super::token::MAX_CLAIM_BYTES;
use super::traffic::{Class, Traffic, Way};
use super::{alias, mirror};

named! {
    /// What happened to a stanza.
    pub enum Outcome with fields {
        /// It was relayed to its addressee.
        Relayed = "relayed",
        /// A sender got an error, or an answer to presence. Where more than users' requests is
        /// relayed, this includes refused stanzas that are never answered.
        Answered(Answer) = "answered",
        /// It was for us.
        Consumed = "consumed",
        /// It was dropped without an answer.
        Dropped = "dropped",
    }
}

/// The answer to a sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A stanza error.
    Error {
        condition: DefinedCondition,
        /// RFC 6120 section 8.3.2.
        error_type: &'static str,
        /// In English.
        text: &'static str,
    },
    /// The refusal of a subscription.
    Unsubscribed,
    /// That nobody is online, to a probe.
    Unavailable,
}

macro_rules! outcome {
    (Answered(Unsubscribed)) => {
        Outcome::Answered(Answer::Unsubscribed)
    };
    (Answered(Unavailable)) => {
        Outcome::Answered(Answer::Unavailable)
    };
    (Answered($condition:ident, $text:literal)) => {
        outcome!(@error $condition, DefinedCondition::$condition.error_type(), $text)
    };
    (Answered($condition:ident of type $type_:literal, $text:literal)) => {
        outcome!(@error $condition, $type_, $text)
    };
    (@error $condition:ident, $type_:expr, $text:literal) => {
        Outcome::Answered(Answer::Error {
            condition: DefinedCondition::$condition,
            error_type: $type_,
            text: $text,
        })
    };
    ($outcome:ident) => {
        Outcome::$outcome
    };
}

/// A set of traffic, one bit for each; a class without a way means both ways.
macro_rules! set {
    ($($class:ident $($way:ident)?),*) => {
        0 $(| set!(@ways $($way)?) << Class::$class.inward().index())*
    };
    (@ways) => { 0b11 };
    (@ways inward) => { 1 << Way::Inward as u16 };
    (@ways outward) => { 1 << Way::Outward as u16 };
}

macro_rules! quiet {
    () => {
        u16::MAX
    };
    ([$($set:tt)+]) => {
        set!($($set)+)
    };
}

/// The table of reasons. Its columns: variant, name, the stanzas that it applies to, the outcome with
/// the answer, and whether, or for which of the stanzas, it is not logged.
macro_rules! reasons {
    ($(
        $(#[doc = $doc:literal])+
        $variant:ident = $name:literal [$($occurs:tt)+] $outcome:ident $(($($answer:tt)+))?
            $(, quiet $([$($quiet:tt)+])?)?;
    )+) => {
        named! {
            /// Why a stanza was relayed, answered or dropped. A new reason is one line here.
            pub enum Reason { $($(#[doc = $doc])+ $variant = $name,)+ }
        }

        impl Reason {
            pub fn outcome(self) -> Outcome {
                match self { $(Self::$variant => outcome!($outcome $(($($answer)+))?),)+ }
            }

            /// Whether it applies to such stanzas.
            pub fn occurs_in(self, traffic: Traffic) -> bool {
                let set: u16 = match self { $(Self::$variant => set!($($occurs)+),)+ };
                set & 1 << traffic.index() != 0
            }

            /// Whether such a stanza is not logged: the echoes of other replicas, errors and presence
            /// without a meaning for us, and stanzas after our closing tag, which have a line of their
            /// own.
            pub fn is_quiet(self, traffic: Traffic) -> bool {
                let set: u16 = match self {
                    $(Self::$variant => 0 $(| quiet!($([$($quiet)+])?))?,)+
                };
                set & 1 << traffic.index() != 0
            }

            /// One sentence, as in the documentation.
            pub fn describe(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc,)+).trim_ascii(),)+ }
            }
        }
    };
}

impl Reason {
    /// Whether a stanza was relayed to its addressee.
    pub fn is_relay(self) -> bool {
        matches!(self.outcome(), Outcome::Relayed)
    }

    /// Whether presence, even a subscription, is dropped for it where more than users' requests is
    /// relayed: there is nothing at that address, or not for this sender, or not now.
    pub fn hides_from_presence(self) -> bool {
        matches!(
            self,
            Self::FaceReserved
                | Self::NoSuchFace
                | Self::OwnFace
                | Self::Forbidden
                | Self::OverRate
        )
    }

    /// Whether a stanza was answered or dropped for it.
    pub fn is_refusal(self) -> bool {
        matches!(self.outcome(), Outcome::Answered(_) | Outcome::Dropped)
    }
}

reasons! {
    /// Relayed with its addresses translated.
    Relayed = "relayed" [Request, Reply, Message, Presence] Relayed;
    /// A stanza of type error, relayed with its addresses translated.
    RelayedError = "relayed-error" [Reply, Message, Presence inward] Relayed;
    /// A message that nobody online gets, relayed to the target's account: its server stores it or refuses it.
    ToAccount = "to-account" [Message inward] Relayed;
    /// From a resource that is too long to have an alias, relayed as from the address without a resource.
    AliasTooLong = "alias-too-long" [Message outward, Presence outward] Relayed;
    /// Relayed after the target's own address was taken out of what its server wrote. Errors, and what is `alias-too-long`, keep their own reason.
    Scrubbed = "scrubbed" [Request outward, Reply outward, Message outward, Presence outward]
        Relayed;

    /// An IQ request without an id.
    NoId = "no-id" [Request] Answered(BadRequest, "An IQ needs an id.");
    /// An IQ whose type is none of get, set, result and error.
    BadType = "bad-type" [Request]
        Answered(BadRequest, "The type of an IQ is get, set, result or error.");
    /// An IQ get or set without exactly one child element.
    ChildCount = "child-count" [Request]
        Answered(BadRequest, "An IQ get or set has exactly one child element.");
    /// An XML prefix that is not declared, or a reserved namespace under another name: if it were relayed, the server would end the stream.
    BadNamespace = "bad-namespace" [Request, Reply, Message, Presence]
        Answered(BadRequest, "A namespace prefix is not declared in the stanza itself, or the XML \
            namespace has another prefix than xml: this can't be relayed.");
    /// An IQ request of the target to the address of a token.
    RequestToToken = "request-to-token" [Request outward]
        Answered(FeatureNotImplemented, "This address is for the reply to a request only.");
    /// From a sender that allow-from or deny-from keeps out.
    Forbidden = "forbidden" [Request, Message, Presence inward]
        Answered(Forbidden, "This service accepts nothing from your address.");
    /// From a sender that exceeds limit and limit-burst.
    OverRate = "over-rate" [Request inward, Message inward, Presence inward]
        Answered(PolicyViolation of type "wait", "Your address has sent too much within a short \
            time: try again later.");
    /// A message, where messages are not relayed.
    MessageRefused = "message-refused" [Message]
        Answered(FeatureNotImplemented, "Messages are not relayed here.");
    /// An IQ request or a message to the presence domain, which is for presence alone.
    PresenceDomain = "presence-domain" [Request inward, Message]
        Answered(ServiceUnavailable, "This address is for presence alone.");
    /// The user's address, the resource it wrote to and the id are together too long for a token.
    TooLong = "too-long" [Request inward]
        Answered(PolicyViolation, "Your full address, the resource that you wrote to and the id of \
            your request are too long: together they may have 611 bytes.");
    /// Over one of the limits on stanzas.
    OverLimit = "over-limit" [Request, Reply, Message, Presence]
        Answered(PolicyViolation, "The stanza is larger or more deeply nested than is relayed \
            here.");
    /// Nobody to forward to: there is no subscription to the target's presence.
    NeverSubscribed = "never-subscribed" [Request inward]
        Answered(ServiceUnavailable, "There is no subscription to the service's presence.");
    /// Nobody to forward to: the target has not accepted the subscription yet.
    SubscriptionPending = "subscription-pending" [Request inward]
        Answered(ServiceUnavailable, "The service has not yet accepted the subscription to its \
            presence.");
    /// Nobody to forward to: the target denied the subscription.
    SubscriptionDenied = "subscription-denied" [Request inward]
        Answered(ServiceUnavailable, "The service denied the subscription to its presence.");
    /// Nobody to forward to: the target has no resource online.
    Offline = "offline" [Request inward] Answered(ServiceUnavailable, "The service is offline.");
    /// Nobody to forward to: resources are online, but the configuration excludes all of them.
    NeverAsked = "never-asked" [Request inward]
        Answered(ServiceUnavailable, "The service is offline: it is logged in only with resources \
            that get no requests from here.");
    /// A presence subscription, where presence is not relayed, from anyone but the target.
    SubscriptionRefused = "subscription-refused" [Presence] Answered(Unsubscribed);
    /// A probe of a user, where presence is not relayed.
    ProbeRefused = "probe-refused" [Presence inward] Answered(Unavailable);

    /// To a node with `\40` in it: only mirrors have one.
    FaceReserved = "face-reserved" [Request inward, Reply inward, Message inward, Presence inward]
        Answered(ItemNotFound, "No address of this service has \\40 in its node: such addresses \
            stand for users.");
    /// To a node that belongs to no face.
    NoSuchFace = "no-such-face" [Request, Message, Presence]
        Answered(ItemNotFound, "There is no such address here: those that exist are in the \
            configuration, in faces or as a [[component.face]].");
    /// The bare address of the user and the node that it wrote to are together too long for a mirror.
    MirrorTooLong = "mirror-too-long" [Request inward, Reply inward, Message inward, Presence inward]
        Answered(PolicyViolation, "Your bare address and the node that you wrote to are too long: \
            escaped, they may have 1023 bytes together.");
    /// A message of type groupchat to an address without an alias: no room sends one there.
    GroupchatRefused = "groupchat-refused" [Message inward]
        Answered(ServiceUnavailable, "The service has not entered a room under this address.");
    /// From the target, to an address that is not a valid mirror.
    MirrorMalformed = "mirror-malformed" [Request outward, Message outward, Presence outward]
        Answered(ItemNotFound, "This is not the address of a user.");
    /// From the target, to one of its own addresses as users see them.
    OwnFace = "own-face" [Message outward, Presence outward]
        Answered(NotAllowed, "This is an address of your own, as users see it.");
    /// From the target, to the mirror of an address of its own, of another target, or of one of our
    /// domains: it would come back.
    OwnMirror = "own-mirror" [Request outward, Message outward, Presence outward]
        Answered(NotAllowed, "This stands for an address of your own or of this service: what you \
            send there would come back.");
    /// From a resource of the account other than the one that is the target.
    NotTarget = "not-target" [Request outward, Message outward, Presence outward]
        Answered(NotAllowed, "Another resource of your account is the service: the configuration \
            key target-address names it.");
    /// From the target, to a user whom initiate does not name.
    NotInitiated = "not-initiated" [Request outward, Message outward, Presence outward]
        Answered(Forbidden, "You can't write to users of this domain first: the configuration key \
            initiate does not name it. Users who have written to you have another address, which \
            you can answer.");
    /// From the target, to a signed mirror that was not made for this user, face and target, or was made with a key that has been removed.
    MirrorSignature = "mirror-signature" [Request outward, Message outward, Presence outward]
        Answered(Forbidden, "This address was not made for this user and you, or was made with a \
            name key that has been removed: write to the address that the user's next message \
            comes from.");
    /// A request of the target to a former address of a user: the reply would come from the present one.
    MirrorOldKey = "mirror-old-key" [Request outward]
        Answered(Gone, "This user has another address now.");
    /// A request of the target, where these are not relayed.
    RequestRefused = "request-refused" [Request outward]
        Answered(FeatureNotImplemented, "Requests to users are not relayed here: the configuration \
            key relay does not name requests.");
    /// A request of the target from a resource that is too long to have an alias: no reply could reach it.
    NoReplyAddress = "no-reply-address" [Request outward]
        Answered(PolicyViolation, "Your resource has more than 620 bytes: no reply could reach \
            it.");

    /// A ping or service discovery query that the proxy answers itself, of type set or without the element that the protocol defines.
    MalformedQuery = "malformed-query" [Request inward]
        Answered(BadRequest, "A query like this is an IQ of type get, with the element that its \
            protocol defines.");
    /// A service discovery query that the proxy answers itself, for a node that does not exist.
    UnknownNode = "unknown-node" [Request inward]
        Answered(ItemNotFound, "There is no such node at this address.");

    /// A ping or service discovery query, which the proxy has answered itself.
    OwnAnswer = "own-answer" [Request inward] Consumed;
    /// Presence of the target, or an answer to our subscription.
    PresenceUsed = "presence-used" [Presence outward] Consumed;
    /// An echo that we sent to ourselves.
    Echo = "echo" [Message inward] Consumed;
    /// The time of the target's server, which we asked for.
    ServerTime = "server-time" [Reply inward] Consumed;

    /// It would have been answered, but its sender got too many answers within a short time.
    Throttled = "throttled" [Request, Message, Presence] Dropped;
    /// From an address of our own, and not one of our echoes: relaying it would make loops. In a fleet these messages are the echoes of other replicas.
    OwnAddress = "own-address" [Request inward, Reply inward, Message inward, Presence inward]
        Dropped, quiet [Message inward];
    /// Without a sender, or from one with an empty part, whom no answer would reach.
    NoFrom = "no-from" [Request inward, Reply inward, Message inward, Presence inward] Dropped;
    /// To a domain that is not this stream's.
    NotOurDomain = "not-our-domain" [Request inward, Reply, Message, Presence] Dropped;
    /// A reply that is not from the target.
    NotFromTarget = "not-from-target" [Reply inward] Dropped;
    /// A reply of a user to an address that sent no request.
    NoAlias = "no-alias" [Reply inward] Dropped;
    /// A reply to an address without a token.
    NoToken = "no-token" [Reply] Dropped;
    /// A reply to an address whose resource does not have the length of a token.
    TokenLength = "token-length" [Reply outward] Dropped;
    /// A reply with a token that is not canonical base32.
    TokenEncoding = "token-encoding" [Reply outward] Dropped;
    /// A reply with a token of an unknown version.
    TokenVersion = "token-version" [Reply outward] Dropped;
    /// A reply with a token signed with a key that is not in the ring.
    UnknownKey = "unknown-key" [Reply outward] Dropped;
    /// A reply with a token that was not made for this pair of addresses, or was tampered with.
    TokenSignature = "token-signature" [Reply outward] Dropped;
    /// A reply with an authentic token whose fields do not add up.
    TokenMalformed = "token-malformed" [Reply outward] Dropped;
    /// A reply with an authentic token of an unknown kind.
    TokenKind = "token-kind" [Reply outward] Dropped;
    /// A reply that came after its token expired.
    TokenExpired = "token-expired" [Reply outward] Dropped;
    /// A message of type error, where messages are not relayed, or to the presence domain.
    ErrorIgnored = "error-ignored" [Message] Dropped, quiet;
    /// A message of type error to an address without an alias: it answers nothing that a resource wrote.
    ErrorUnrouted = "error-unrouted" [Message inward] Dropped, quiet;
    /// Presence that is neither relayed nor tells which resources of the target are online.
    PresenceIgnored = "presence-ignored" [Presence] Dropped, quiet;
    /// Presence of type error that is not relayed: of the target, or of somebody whom initiate does not name.
    PresenceError = "presence-error" [Presence] Dropped, quiet;
    /// A start tag that is itself over a limit, or has an id too long for an answer.
    HeadTooLarge = "head-too-large" [Request, Reply, Message, Presence, Other inward]
        Dropped;
    /// A top-level element that is not a stanza, or a stanza in a foreign namespace.
    NotAStanza = "not-a-stanza" [Other inward] Dropped;
    /// Arrived from somebody else after we had closed the stream.
    ArrivedAfterClose = "arrived-after-close" [Request, Reply, Message, Presence, Other inward]
        Dropped, quiet;
}

/// The numbers in the texts of [`Reason::TooLong`], [`Reason::MirrorTooLong`] and
/// [`Reason::NoReplyAddress`].
const _: () = {
    assert!(MAX_CLAIM_BYTES == 611);
    assert!(mirror::MAX_NODE_BYTES == 1023);
    assert!(alias::MAX_RESOURCE_BYTES == 620);
};

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::traffic::{TARGET_REPLY, USER_REQUEST};
    use super::*;

    #[test]
    fn names_are_distinct_and_descriptions_are_sentences() {
        let names: HashSet<_> = Reason::ALL.iter().map(|r| r.name()).collect();
        assert_eq!(names.len(), Reason::ALL.len());
        for (place, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, place);
            assert!(reason.describe().ends_with('.'), "{}", reason.describe());
        }
    }

    #[test]
    fn the_columns_of_the_table_go_together() {
        for reason in Reason::ALL {
            let somewhere = |of: &dyn Fn(Traffic) -> bool| Traffic::all().any(of);
            assert!(somewhere(&|traffic| reason.occurs_in(traffic)), "{reason:?}");
            if let Outcome::Answered(Answer::Error { text, .. }) = reason.outcome() {
                assert!(text.ends_with('.') && !text.contains("  "), "{text}");
            }
            // Relayed and consumed stanzas are not logged anyway.
            assert!(reason.is_refusal() || !somewhere(&|traffic| reason.is_quiet(traffic)));
        }
        assert!(Reason::OwnAddress.is_quiet(Class::Message.inward()));
        assert!(
            !Reason::OwnAddress.is_quiet(USER_REQUEST) && !Reason::Offline.is_quiet(USER_REQUEST)
        );
        assert!(Reason::NoId.occurs_in(Class::Request.outward()));
        assert!(!Reason::Offline.occurs_in(TARGET_REPLY) && !Reason::Echo.occurs_in(USER_REQUEST));
    }
}
