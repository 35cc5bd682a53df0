//! Why each stanza went the way it went, and how many did.

use crate::named;

use super::traffic::{Class, Traffic, Way};

named! {
    /// What became of a stanza.
    pub enum Outcome {
        /// It went on to whom it was for.
        Relayed = "relayed",
        /// Somebody got an error, or a refused subscription.
        Answered = "answered",
        /// It was for us.
        Consumed = "consumed",
        /// Nobody was told.
        Dropped = "dropped",
    }
}

/// Bits for the ways of a class; without a name both.
macro_rules! ways {
    ($class:ident) => {
        0b11
    };
    ($class:ident inward) => {
        1 << Way::Inward as u16
    };
    ($class:ident outward) => {
        1 << Way::Outward as u16
    };
}

macro_rules! reasons {
    ($(
        $(#[doc = $doc:literal])+
        $variant:ident $outcome:ident [$($class:ident $($way:ident)?),+] $name:literal,
    )+) => {
        named! {
            /// Why a stanza went the way it went. A new reason is one line here.
            pub enum Reason { $($(#[doc = $doc])+ $variant = $name,)+ }
        }

        impl Reason {
            pub fn outcome(self) -> Outcome {
                match self { $(Self::$variant => Outcome::$outcome,)+ }
            }

            /// Whether such a stanza can go that way for it.
            pub fn occurs_in(self, traffic: Traffic) -> bool {
                let bits: u16 = match self {
                    $(Self::$variant => 0 $(| ways!($class $($way)?) << Class::$class.inward().index())+,)+
                };
                bits & 1 << traffic.index() != 0
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
    Relayed Relayed [Request inward, Reply outward] "relayed",
    /// A reply that is an error, relayed with its addresses translated.
    RelayedError Relayed [Reply outward] "relayed-error",

    /// An IQ request without an id.
    NoId Answered [Request inward] "no-id",
    /// An IQ whose type is none of get, set, result and error.
    BadType Answered [Request inward] "bad-type",
    /// An IQ get or set without exactly one child element.
    ChildCount Answered [Request inward] "child-count",
    /// An XML prefix that is not declared, or a reserved namespace under another name: the server would end the stream of whoever sends it on.
    BadNamespace Answered [Request inward, Reply outward] "bad-namespace",
    /// An IQ request of the target to the address of a token.
    RequestToToken Answered [Request outward] "request-to-token",
    /// From somebody whom allow-from or deny-from keeps out.
    Forbidden Answered [Request inward, Message, Presence inward] "forbidden",
    /// A message: only IQs are translated.
    MessageRefused Answered [Message] "message-refused",
    /// An IQ request or a message to the presence domain, which is for presence alone.
    PresenceDomain Answered [Request inward, Message] "presence-domain",
    /// The user's address, the resource it wrote to and its id do not fit a token together.
    TooLong Answered [Request inward] "too-long",
    /// Over one of the limits on stanzas.
    OverLimit Answered [Request inward, Reply outward] "over-limit",
    /// Nobody to forward to: the subscription to the target's presence never came about.
    NeverSubscribed Answered [Request inward] "never-subscribed",
    /// Nobody to forward to: the target has not accepted the subscription yet.
    SubscriptionPending Answered [Request inward] "subscription-pending",
    /// Nobody to forward to: the target denied the subscription.
    SubscriptionDenied Answered [Request inward] "subscription-denied",
    /// Nobody to forward to: the target has no resource online.
    Offline Answered [Request inward] "offline",
    /// Nobody to forward to: resources are online, but none that the configuration lets us ask.
    NeverAsked Answered [Request inward] "never-asked",
    /// A presence subscription from anyone but the target.
    SubscriptionRefused Answered [Presence] "subscription-refused",

    /// Presence of the target, or an answer to our subscription.
    PresenceUsed Consumed [Presence outward] "presence-used",
    /// An echo that we sent to ourselves.
    Echo Consumed [Message inward] "echo",
    /// The time of the target's server, which we asked for.
    ServerTime Consumed [Reply inward] "server-time",

    /// It would have been answered with an error, but its sender got too many of those within a short time.
    Throttled Dropped [Request, Message, Presence] "throttled",
    /// From an address of our own that is no echo of ours: relaying it would make loops. In a fleet these messages are the echoes of the others.
    OwnAddress Dropped [Request inward, Reply inward, Message inward, Presence inward] "own-address",
    /// Without a sender, or from one with an empty part, whom no answer would reach.
    NoFrom Dropped [Request inward, Reply, Message, Presence] "no-from",
    /// To a domain that is not this stream's.
    NotOurDomain Dropped [Request inward, Reply, Message, Presence] "not-our-domain",
    /// A reply that is not from the target.
    NotFromTarget Dropped [Reply inward] "not-from-target",
    /// A reply to an address without a token.
    NoToken Dropped [Reply] "no-token",
    /// A reply to an address whose resource has not the length of a token.
    TokenLength Dropped [Reply outward] "token-length",
    /// A reply with a token that is not canonical base32.
    TokenEncoding Dropped [Reply outward] "token-encoding",
    /// A reply with a token of an unknown version.
    TokenVersion Dropped [Reply outward] "token-version",
    /// A reply with a token signed with a key that is not in the ring.
    UnknownKey Dropped [Reply outward] "unknown-key",
    /// A reply with a token that was not made for this pair of addresses, or was tampered with.
    TokenSignature Dropped [Reply outward] "token-signature",
    /// A reply with an authentic token whose fields do not add up.
    TokenMalformed Dropped [Reply outward] "token-malformed",
    /// A reply with an authentic token of an unknown kind.
    TokenKind Dropped [Reply outward] "token-kind",
    /// A reply that came after its token expired.
    TokenExpired Dropped [Reply outward] "token-expired",
    /// A message of type error.
    ErrorIgnored Dropped [Message] "error-ignored",
    /// Presence that says nothing about the target.
    PresenceIgnored Dropped [Presence] "presence-ignored",
    /// A start tag that is itself over a limit, or has an id that no answer has room for.
    HeadTooLarge Dropped [Request, Reply outward, Message, Presence, Other inward] "head-too-large",
    /// A top-level element that is no stanza, or a stanza in a foreign namespace.
    NotAStanza Dropped [Other inward] "not-a-stanza",
    /// Came from somebody else after we closed the stream.
    ArrivedAfterClose Dropped [Request inward, Reply, Message, Presence, Other inward] "arrived-after-close",
}

/// Counts of stanzas by traffic and reason.
#[derive(Clone, Debug)]
pub struct Tally {
    counts: [[u64; Reason::ALL.len()]; Traffic::COUNT],
    /// Of all kinds that were answered or dropped.
    refused: u64,
}

impl Default for Tally {
    fn default() -> Self {
        Self { counts: [[0; Reason::ALL.len()]; Traffic::COUNT], refused: 0 }
    }
}

impl Tally {
    pub fn count(&mut self, traffic: Traffic, reason: Reason) {
        self.add(traffic, reason, 1);
    }

    /// Counts several at once.
    pub fn add(&mut self, traffic: Traffic, reason: Reason, count: u64) {
        self.counts[traffic.index()][reason as usize] += count;
        self.refused += if reason.is_refusal() { count } else { 0 };
    }

    pub fn of(&self, traffic: Traffic, reason: Reason) -> u64 {
        self.counts[traffic.index()][reason as usize]
    }

    /// All that was neither relayed nor for us.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// All that went for this reason, whatever it was.
    pub fn total(&self, reason: Reason) -> u64 {
        Traffic::all().map(|traffic| self.of(traffic, reason)).sum()
    }

    /// Every count, zero or not.
    pub fn iter(&self) -> impl Iterator<Item = (Traffic, Reason, u64)> {
        let of = move |t: Traffic| Reason::ALL.iter().map(move |r| (t, *r, self.of(t, *r)));
        Traffic::all().flat_map(of)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::traffic::{FORWARD, REVERT};
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
        tally.count(REVERT, Reason::UnknownKey);
        tally.count(FORWARD, Reason::Relayed);
        tally.count(REVERT, Reason::Relayed);
        assert_eq!(tally.total(Reason::Relayed), 2);
        assert_eq!(tally.iter().map(|(.., n)| n).sum::<u64>(), 3);
    }
}
