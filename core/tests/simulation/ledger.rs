//! The checker: who asked what, who answered, what reached whom, and what happened to the rest.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use core_tests::xml::{Stanza, unescaped};
use jat_core::jat::address::Address;
use jat_core::jat::reason::Reason;
use jat_core::jat::settings::TokenIn;

use crate::names::Names;
use crate::talk::Talk;
use crate::traffic::DOMAIN;

/// What happened in a schedule, and what was wrong.
#[derive(Default)]
pub struct Ledger {
    pub asks: Vec<Ask>,
    pub forwarded: Vec<Forwarded>,
    pub replies: Vec<Reply>,
    pub talks: Vec<Talk>,
    pub names: Names,
    pub violations: Vec<Violation>,
}

/// A user's request.
pub struct Ask {
    pub user: &'static str,
    /// The address that was written to, at our domain as it is configured.
    pub asked: String,
    pub id: String,
    /// The number of the forwarded request.
    pub forwarded: Option<usize>,
    pub fate: Fate,
}

/// A request as the implementing client gets it, and what its token must contain.
pub struct Forwarded {
    pub ask: usize,
    pub peer: &'static str,
    pub encoded_from: String,
    pub id: String,
    pub token_in: TokenIn,
    /// The address that the user wrote to.
    pub asked: String,
    /// Whether it came from the user's mirror.
    pub mirrored: bool,
    pub key: u8,
    /// Unix second.
    pub expires: u64,
}

/// A reply that somebody sent to the address of a token.
pub struct Reply {
    pub forwarded: usize,
    pub how: How,
    pub error: bool,
    /// What the replica that read it had to do with it; `None` until it is read.
    pub due: Option<Reason>,
    pub fate: Fate,
}

/// The origin of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// From the resource that was asked.
    Honest,
    /// From the right resource, with another id.
    OtherId,
    /// An error from its server, for a resource that is gone.
    Missing,
    /// Forged: from another resource of the target.
    OtherResource,
    /// Forged: from a stranger.
    OtherAccount,
    /// Forged: a letter of the token changed.
    Tampered,
    /// Forged: to the same token at another node.
    OtherAddress,
}

impl How {
    pub fn is_forged(self) -> bool {
        !matches!(self, Self::Honest | Self::OtherId | Self::Missing)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Underway,
    /// The request reached the client, or the reply the user.
    Arrived,
    Lost(Loss),
}

/// The named events that excuse a request without a forward, or a reply that nobody gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// A replica was killed with it inside.
    Killed,
    /// The stream was lost while a replica had it.
    StreamLost,
    /// No replica had a stream.
    NobodyConnected,
    /// It came to a replica that had closed its stream.
    AfterClose,
    /// The user was told that nobody is online.
    NobodyOnline,
    /// The token had expired by the clocks of the replicas that it met.
    Expired,
    /// The operator dropped a key while its tokens were alive.
    KeyPrunedEarly,
    /// The operator gave this replica a key after it was in use elsewhere.
    KeyLate,
    /// The client threw away the id that was the token.
    IdThrownAway,
    /// It was no reply of the client, or to nothing that the client wrote.
    ForgeryRefused,
    /// The client got the error that the user has another address now.
    OldMirror,
}

impl Loss {
    pub const ALL: [Self; 11] = [
        Self::Killed,
        Self::StreamLost,
        Self::NobodyConnected,
        Self::AfterClose,
        Self::NobodyOnline,
        Self::Expired,
        Self::KeyPrunedEarly,
        Self::KeyLate,
        Self::IdThrownAway,
        Self::ForgeryRefused,
        Self::OldMirror,
    ];
}

#[derive(Clone, Debug)]
pub struct Violation {
    pub broken: Invariant,
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}, but\n    {}", self.broken, self.broken, self.text)
    }
}

/// What must be true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invariant {
    Accounted,
    Authentic,
    InTime,
    User,
    Address,
    Id,
    Payload,
    Once,
    Resource,
    Hidden,
    Dispatch,
    Served,
    Found,
    Stale,
    Tally,
    Cause,
    Alone,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accounted => "a named event accounts for every missing stanza",
            Self::Authentic => "no forged reply reaches a user",
            Self::InTime => "no reply reaches a user after its token expired or its key went",
            Self::User => "a reply reaches the user who asked and nobody else",
            Self::Address => "a reply comes from the address that was asked",
            Self::Id => "a reply has the id that was asked under",
            Self::Payload => "a payload arrives as it was sent",
            Self::Once => "each answer arrives at most once",
            Self::Resource => "a stanza reaches the resource that it was written to",
            Self::Hidden => "nothing that a user gets names the target",
            Self::Dispatch => "a request goes to a resource known to be online, if there is one",
            Self::Served => "a resource that is online is served within a bounded time",
            Self::Found => "all resources that are online are known soon after a login",
            Self::Stale => "a resource that is gone is not asked for longer than a bounded time",
            Self::Tally => "a tally is what the stanzas that were read add up to",
            Self::Cause => "nothing is sent without a cause",
            Self::Alone => "a stream that is alone under its domain is not taken for shared",
        })
    }
}

impl Ledger {
    pub fn report(&mut self, broken: Invariant, text: impl Into<String>) {
        self.violations.push(Violation { broken, text: text.into() });
    }

    /// Checks a request that a replica passes on against what the user sent.
    /// `name_key`: the one that makes mirrors, if requests come from mirrors.
    pub fn check_forward(
        &mut self,
        forwarded: &Forwarded,
        stanza: &Stanza<'_>,
        name_key: Option<u8>,
    ) {
        let ask = &self.asks[forwarded.ask];
        if let Some(key) = name_key {
            let face = ask.asked.split('/').next().and_then(|bare| bare.strip_suffix(DOMAIN));
            let face = face.expect("an address of ours");
            let checks = [
                (
                    Invariant::Address,
                    self.names.is_mirror(&forwarded.encoded_from, ask.user, face, key),
                ),
                (Invariant::Payload, number(stanza.content, ASK) == Some(forwarded.ask)),
            ];
            return self.report_broken(&checks, || format!("Ask({}): {stanza:?}", forwarded.ask));
        }
        let (bare, resource) = forwarded.encoded_from.split_once('/').unwrap_or_default();
        let right_sender = match forwarded.token_in {
            TokenIn::Resource => (Invariant::Id, forwarded.id == ask.id),
            TokenIn::Id => (Invariant::User, resource == ask.user),
        };
        let checks = [
            (Invariant::Address, Some(bare) == ask.asked.split('/').next()),
            right_sender,
            (Invariant::Payload, number(stanza.content, ASK) == Some(forwarded.ask)),
        ];
        self.report_broken(&checks, || format!("Ask({}): {stanza:?}", forwarded.ask));
    }

    /// Checks a refusal of a request.
    pub fn check_refusal(&mut self, ask: usize, stanza: &Stanza<'_>) {
        let checks = self.asks[ask].envelope(stanza, unescaped(stanza.from));
        self.report_broken(&checks, || format!("Ask({ask}): {stanza:?}"));
    }

    /// A reply reaches its addressee.
    pub fn deliver(&mut self, xml: &str) {
        let stanza = Stanza::read(xml);
        let known = number(stanza.content, REPLY).filter(|n| *n < self.replies.len());
        let Some(number) = known else {
            return self.report(Invariant::Cause, xml);
        };
        let Reply { forwarded, how, due, fate, .. } = self.replies[number];
        let Forwarded { ask, mirrored, .. } = self.forwarded[forwarded];
        let ask = &self.asks[ask];
        let from = unescaped(stanza.from);
        // A mirror has the address that was asked in normal form.
        let same = mirrored && Address::new(&from).normal() == Address::new(&ask.asked).normal();
        let from = if same { Cow::Borrowed(&*ask.asked) } else { from };
        let [user, address, id] = ask.envelope(&stanza, from);
        let authentic = !how.is_forged();
        let checks = [
            user,
            address,
            id,
            (Invariant::Once, fate != Fate::Arrived),
            (Invariant::Authentic, authentic),
            (Invariant::Cause, due.is_some()),
            (Invariant::InTime, !authentic || due.is_none_or(Reason::is_relay)),
        ];
        self.replies[number].fate = Fate::Arrived;
        self.report_broken(&checks, || format!("Reply({number}), {how:?}: {xml}"));
    }

    pub fn report_broken(&mut self, checks: &[(Invariant, bool)], text: impl Fn() -> String) {
        for (broken, _) in checks.iter().filter(|(_, holds)| !holds) {
            self.report(*broken, text());
        }
    }

    /// Checks that nothing is under way at the end; returns how often each event was the reason.
    pub fn close(&mut self) -> BTreeMap<Loss, usize> {
        let mut losses = BTreeMap::new();
        let mut missing = Vec::new();
        let asks = self.asks.iter().map(|ask| (ask.fate, None));
        let replies = self.replies.iter().map(|reply| (reply.fate, Some(reply)));
        for (number, talk) in self.talks.iter().enumerate() {
            match talk.fate {
                Fate::Underway => missing.push(format!("Talk({number}) is missing: {talk:?}")),
                Fate::Arrived => {}
                Fate::Lost(loss) => *losses.entry(loss).or_default() += 1,
            }
        }
        for (number, (fate, reply)) in asks.enumerate().chain(replies.enumerate()) {
            match fate {
                Fate::Underway => missing.push(match reply {
                    None => format!("Ask({number}) is missing"),
                    Some(Reply { how, due, .. }) => {
                        format!("Reply({number}) is missing: {how:?}, due {due:?}")
                    }
                }),
                Fate::Arrived => {}
                Fate::Lost(loss) => *losses.entry(loss).or_default() += 1,
            }
        }
        missing.into_iter().for_each(|text| self.report(Invariant::Accounted, text));
        losses
    }
}

impl Ask {
    /// Whether a stanza is addressed as the answer must be.
    fn envelope(&self, stanza: &Stanza<'_>, from: Cow<'_, str>) -> [(Invariant, bool); 3] {
        [
            (Invariant::User, unescaped(stanza.to) == self.user),
            (Invariant::Address, from == self.asked),
            (Invariant::Id, unescaped(stanza.id) == self.id),
        ]
    }
}

/// The payload of a request. The number is in the name, which is faster to read than an attribute.
pub fn ask_payload(ask: usize) -> String {
    format!("{ASK}{ask}{END}")
}

/// The payload of a reply.
pub fn reply_payload(reply: usize) -> String {
    format!("{REPLY}{reply}{END}")
}

/// The number in the payload of an IQ that has only this payload, and maybe an error.
fn number(content: &str, begin: &str) -> Option<usize> {
    let content = content.strip_prefix(begin)?.strip_suffix("</iq>")?;
    content.strip_suffix(NOT_THERE).unwrap_or(content).strip_suffix(END)?.parse().ok()
}

/// What servers, and some clients, send for a resource that is not online.
pub const NOT_THERE: &str = "<error type='cancel'>\
    <service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
const ASK: &str = "<ask-";
const REPLY: &str = "<answer-";
const END: &str = "/>";
