//! The checker: who asked what, who answered, what reached whom, and what became of the rest.

use std::collections::BTreeMap;

use jat_proxy::jat::reason::Reason;
use jat_proxy::jat::settings::TokenIn;

use crate::xml;

/// What a schedule did and what was wrong with it.
#[derive(Default)]
pub struct Ledger {
    pub asks: Vec<Ask>,
    pub forwarded: Vec<Forwarded>,
    pub replies: Vec<Reply>,
    pub violations: Vec<Violation>,
}

/// A user's request.
pub struct Ask {
    pub user: &'static str,
    /// The address that was written to, at our domain as it is configured.
    pub asked: String,
    pub id: String,
    pub fate: Fate,
}

/// A request as the implementing client has it, and what its token must hold.
pub struct Forwarded {
    pub ask: usize,
    pub peer: String,
    pub encoded_from: String,
    pub id: String,
    pub token_in: TokenIn,
    pub key: u8,
    /// Unix second.
    pub expires: u64,
}

/// A reply that somebody sent to the address of a token.
pub struct Reply {
    pub forwarded: usize,
    pub how: How,
    /// What the replica that read it had to do with it; `None` until one has.
    pub due: Option<Reason>,
    pub fate: Fate,
}

/// How a reply comes to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// From the resource that was asked; or its server says in its name that it has gone.
    Honest,
    /// From the right resource, under an id of its own.
    OtherId,
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
        !matches!(self, Self::Honest | Self::OtherId)
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
    /// The server went away while a replica had it.
    StreamLost,
    /// No replica had a stream.
    NobodyConnected,
    /// It came to a replica that had said goodbye.
    AfterClose,
    /// The user was told that nobody is online.
    NobodyOnline,
    /// The token had expired by the clocks of the replicas that it met.
    Expired,
    /// The operator dropped a key while its tokens were alive.
    KeyPrunedEarly,
    /// The operator gave a replica a key after it was in use elsewhere.
    KeyLate,
    /// The client threw away the id that was the token.
    IdThrownAway,
    /// It was no reply of the client.
    ForgeryRefused,
}

impl Loss {
    pub const ALL: [Self; 10] = [
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
    ];
}

#[derive(Clone, Debug)]
pub struct Violation {
    pub wrong: Wrong,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// A stanza is missing, and no named event explains it.
    Unaccounted,
    /// A forged reply reached a user.
    Forgery,
    /// A reply reached a user after its token had expired, or under a key that had gone.
    Overdue,
    User,
    /// Not the address that was asked.
    Address,
    Id,
    Payload,
    Twice,
    /// A request went to somebody who was not known to be online, or was refused though
    /// somebody was.
    Dispatch,
    /// A tally is not what the stanzas that were read add up to.
    Tally,
    /// Nobody had reason to send this.
    Stray,
}

impl Ledger {
    pub fn report(&mut self, wrong: Wrong, text: impl Into<String>) {
        self.violations.push(Violation { wrong, text: text.into() });
    }

    /// Checks a request that a replica passes on against what the user sent.
    pub fn check_forward(&mut self, forwarded: &Forwarded, stanza: &str) {
        let ask = &self.asks[forwarded.ask];
        let (bare, resource) = forwarded.encoded_from.split_once('/').unwrap_or_default();
        let mut wrong = Vec::new();
        if bare != ask.asked.split('/').next().unwrap_or_default() {
            wrong.push(Wrong::Address);
        }
        match forwarded.token_in {
            TokenIn::Resource if forwarded.id != ask.id => wrong.push(Wrong::Id),
            TokenIn::Id if resource != ask.user => wrong.push(Wrong::User),
            _ => {}
        }
        if xml::content(stanza) != format!("{}</iq>", ask_payload(forwarded.ask)) {
            wrong.push(Wrong::Payload);
        }
        wrong.into_iter().for_each(|wrong| self.report(wrong, stanza));
    }

    /// Checks a refusal of a request.
    pub fn check_refusal(&mut self, ask: usize, stanza: &str) {
        let Ask { user, asked, id, .. } = &self.asks[ask];
        let wrong = wrong_addresses(stanza, user, asked, id);
        wrong.into_iter().for_each(|wrong| self.report(wrong, stanza));
    }

    /// A reply reaches whom it is addressed to.
    pub fn deliver(&mut self, stanza: &str) {
        let number = xml::attribute(xml::content(stanza), "reply").and_then(|n| n.parse().ok());
        let Some(number) = number.filter(|n: &usize| *n < self.replies.len()) else {
            return self.report(Wrong::Stray, stanza);
        };
        let reply = &self.replies[number];
        let Ask { user, asked, id, .. } = &self.asks[self.forwarded[reply.forwarded].ask];
        let mut wrong = wrong_addresses(stanza, user, asked, id);
        if !xml::content(stanza).starts_with(&reply_payload(number)) {
            wrong.push(Wrong::Payload);
        }
        if reply.fate == Fate::Arrived {
            wrong.push(Wrong::Twice);
        }
        match (reply.how, reply.due) {
            (how, _) if how.is_forged() => wrong.push(Wrong::Forgery),
            (_, Some(Reason::Relayed)) => {}
            (_, Some(_)) => wrong.push(Wrong::Overdue),
            (_, None) => wrong.push(Wrong::Stray),
        }
        let how = reply.how;
        self.replies[number].fate = Fate::Arrived;
        wrong.into_iter().for_each(|wrong| self.report(wrong, format!("{how:?}: {stanza}")));
    }

    /// At the end nothing may be underway; how often each event was the excuse.
    pub fn close(&mut self) -> BTreeMap<Loss, usize> {
        let mut losses = BTreeMap::new();
        let asks = self.asks.iter().enumerate().map(|(n, a)| (a.fate, format!("request {n}")));
        let replies = self
            .replies
            .iter()
            .enumerate()
            .map(|(n, r)| (r.fate, format!("reply {n}, {:?}, due {:?}", r.how, r.due)));
        let mut missing = Vec::new();
        for (fate, what) in asks.chain(replies) {
            match fate {
                Fate::Underway => missing.push(what),
                Fate::Arrived => {}
                Fate::Lost(loss) => *losses.entry(loss).or_default() += 1,
            }
        }
        missing.into_iter().for_each(|what| self.report(Wrong::Unaccounted, what));
        losses
    }
}

pub fn ask_payload(ask: usize) -> String {
    format!("<ask xmlns='urn:example:simulation' ask='{ask}'/>")
}

pub fn reply_payload(reply: usize) -> String {
    format!("<answer xmlns='urn:example:simulation' reply='{reply}'/>")
}

fn wrong_addresses(stanza: &str, user: &str, asked: &str, id: &str) -> Vec<Wrong> {
    let due = [("to", user, Wrong::User), ("from", asked, Wrong::Address), ("id", id, Wrong::Id)];
    let differs = |name, due| xml::attribute(stanza, name).as_deref() != Some(due);
    due.iter().filter(|(name, due, _)| differs(name, *due)).map(|(.., wrong)| *wrong).collect()
}
