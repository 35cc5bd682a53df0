//! Why each stanza went the way it went, and how many did.

use crate::stanza::head::{Head, Kind};

macro_rules! directions {
    ($($(#[doc = $doc:literal])? $variant:ident $name:literal,)+) => {
        /// What a stanza was on its way to.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Direction { $($(#[doc = $doc])? $variant,)+ }

        impl Direction {
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// The value of the metric label.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

directions! {
    /// A request, from a user to the target.
    Forward "forward",
    /// A reply, from the target to a user.
    Revert "revert",
    Message "message",
    Presence "presence",
    /// A top-level element that is no stanza.
    Other "other",
}

impl Direction {
    /// Where a stanza with this start tag is going.
    pub fn of(head: &Head<'_>) -> Self {
        match (head.kind, head.type_.as_deref()) {
            (Kind::Iq, Some("result" | "error")) => Self::Revert,
            (Kind::Iq, _) => Self::Forward,
            (Kind::Message, _) => Self::Message,
            (Kind::Presence, _) => Self::Presence,
            (Kind::Other, _) => Self::Other,
        }
    }
}

/// What became of a stanza.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It went on to whom it was for.
    Relayed,
    /// Somebody got an error, or a refused subscription.
    Answered,
    /// It was for us.
    Consumed,
    /// Nobody was told.
    Dropped,
}

impl Outcome {
    /// The value of the metric label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Relayed => "relayed",
            Self::Answered => "answered",
            Self::Consumed => "consumed",
            Self::Dropped => "dropped",
        }
    }
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $variant:ident $outcome:ident $name:literal,)+) => {
        /// Why a stanza went the way it went. A new reason is one line here.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Reason { $($(#[doc = $doc])+ $variant,)+ }

        impl Reason {
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The value of the metric label, and the word in logs.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            pub fn outcome(self) -> Outcome {
                match self { $(Self::$variant => Outcome::$outcome,)+ }
            }

            /// Did a stanza go on to whom it was for?
            pub fn is_relay(self) -> bool {
                self.outcome() == Outcome::Relayed
            }

            /// Was a stanza answered or dropped for it?
            pub fn is_refusal(self) -> bool {
                matches!(self.outcome(), Outcome::Answered | Outcome::Dropped)
            }

            /// One sentence for people, as in the documentation.
            pub fn describe(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc,)+).trim_ascii(),)+ }
            }
        }
    };
}

reasons! {
    /// Relayed with its addresses translated.
    Relayed Relayed "relayed",
    /// A reply that is an error, relayed with its addresses translated.
    RelayedError Relayed "relayed-error",

    /// An IQ request without an id.
    NoId Answered "no-id",
    /// An IQ whose type is none of get, set, result and error.
    BadType Answered "bad-type",
    /// An IQ get or set without exactly one child element.
    ChildCount Answered "child-count",
    /// An XML prefix that is not declared, or a reserved namespace under another name: the server would end the stream of whoever sends it on.
    BadNamespace Answered "bad-namespace",
    /// An IQ request of the target to the address of a token.
    RequestToToken Answered "request-to-token",
    /// From somebody whom allow-from or deny-from keeps out.
    Forbidden Answered "forbidden",
    /// A message: only IQs are translated.
    MessageRefused Answered "message-refused",
    /// An IQ request or a message to the presence domain, which is for presence alone.
    PresenceDomain Answered "presence-domain",
    /// The user's address, the resource it wrote to and its id do not fit a token together.
    TooLong Answered "too-long",
    /// Over one of the limits on stanzas.
    OverLimit Answered "over-limit",
    /// Nobody to forward to: the subscription to the target's presence never came about.
    NeverSubscribed Answered "never-subscribed",
    /// Nobody to forward to: the target has not accepted the subscription yet.
    SubscriptionPending Answered "subscription-pending",
    /// Nobody to forward to: the target denied the subscription.
    SubscriptionDenied Answered "subscription-denied",
    /// Nobody to forward to: the target has no resource online.
    Offline Answered "offline",
    /// Nobody to forward to: resources are online, but none that the configuration lets us ask.
    NeverAsked Answered "never-asked",
    /// A presence subscription from anyone but the target.
    SubscriptionRefused Answered "subscription-refused",

    /// Presence of the target, or an answer to our subscription.
    PresenceUsed Consumed "presence-used",
    /// An echo that we sent to ourselves.
    Echo Consumed "echo",
    /// The time of the target's server, which we asked for.
    ServerTime Consumed "server-time",

    /// It would have been answered with an error, but its sender got too many of those within a short time.
    Throttled Dropped "throttled",
    /// From an address of our own that is no echo of ours: relaying it would make loops. In a fleet these messages are the echoes of the others.
    OwnAddress Dropped "own-address",
    /// Without a sender, or from one with an empty part, whom no answer would reach.
    NoFrom Dropped "no-from",
    /// To a domain that is not this stream's.
    NotOurDomain Dropped "not-our-domain",
    /// A reply that is not from the target.
    NotFromTarget Dropped "not-from-target",
    /// A reply to an address without a token.
    NoToken Dropped "no-token",
    /// A reply to an address whose resource has not the length of a token.
    TokenLength Dropped "token-length",
    /// A reply with a token that is not canonical base32.
    TokenEncoding Dropped "token-encoding",
    /// A reply with a token of an unknown version.
    TokenVersion Dropped "token-version",
    /// A reply with a token signed with a key that is not in the ring.
    UnknownKey Dropped "unknown-key",
    /// A reply with a token that was not made for this pair of addresses, or was tampered with.
    TokenSignature Dropped "token-signature",
    /// A reply with an authentic token whose fields do not add up.
    TokenMalformed Dropped "token-malformed",
    /// A reply with an authentic token of an unknown kind.
    TokenKind Dropped "token-kind",
    /// A reply that came after its token expired.
    TokenExpired Dropped "token-expired",
    /// A message of type error.
    ErrorIgnored Dropped "error-ignored",
    /// Presence that says nothing about the target.
    PresenceIgnored Dropped "presence-ignored",
    /// A start tag that is itself over a limit, or has an id that no answer has room for.
    HeadTooLarge Dropped "head-too-large",
    /// A top-level element that is no stanza, or a stanza in a foreign namespace.
    NotAStanza Dropped "not-a-stanza",
    /// Came from somebody else after we closed the stream.
    ArrivedAfterClose Dropped "arrived-after-close",
}

/// Counts of stanzas by direction and reason.
#[derive(Clone, Debug)]
pub struct Tally {
    counts: [[u64; Reason::ALL.len()]; Direction::ALL.len()],
    /// Of all kinds that were answered or dropped.
    refused: u64,
}

impl Default for Tally {
    fn default() -> Self {
        Self { counts: [[0; Reason::ALL.len()]; Direction::ALL.len()], refused: 0 }
    }
}

impl Tally {
    pub fn count(&mut self, direction: Direction, reason: Reason) {
        self.add(direction, reason, 1);
    }

    /// Counts several at once.
    pub fn add(&mut self, direction: Direction, reason: Reason, count: u64) {
        self.counts[direction as usize][reason as usize] += count;
        self.refused += if reason.is_refusal() { count } else { 0 };
    }

    pub fn of(&self, direction: Direction, reason: Reason) -> u64 {
        self.counts[direction as usize][reason as usize]
    }

    /// All that was neither relayed nor for us.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// All that went for this reason, whatever its direction.
    pub fn total(&self, reason: Reason) -> u64 {
        Direction::ALL.iter().map(|d| self.of(*d, reason)).sum()
    }

    /// Every count, zero or not.
    pub fn iter(&self) -> impl Iterator<Item = (Direction, Reason, u64)> {
        let of = move |d: Direction| Reason::ALL.iter().map(move |r| (d, *r, self.of(d, *r)));
        Direction::ALL.into_iter().flat_map(of)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

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
    fn each_stanza_counts_once() {
        let mut tally = Tally::default();
        tally.count(Direction::Revert, Reason::UnknownKey);
        tally.count(Direction::Forward, Reason::Relayed);
        tally.count(Direction::Revert, Reason::Relayed);
        assert_eq!(tally.total(Reason::Relayed), 2);
        assert_eq!(tally.iter().map(|(.., n)| n).sum::<u64>(), 3);
    }
}
