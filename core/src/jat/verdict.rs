//! What is to be done with one stanza.

use crate::stanza::compose::{self, Envelope, Refusal};
use crate::stanza::head::Rewrite;
use crate::stanza::presence_type::PresenceType;

use super::disguise::Disguise;
use super::presence::OwnPresence;
use super::reason::{Answer, Outcome, Reason};
use super::traffic::{Class, Traffic};

/// The translator's decision, and how the stanza is counted.
#[derive(Debug)]
pub struct Verdict<'t> {
    pub act: Act<'t>,
    pub traffic: Traffic,
    pub reason: Reason,
}

/// What is sent.
#[derive(Debug)]
pub enum Act<'t> {
    /// The stanza itself, with other addresses, also in its payload if there is a disguise.
    Relay(Rewrite<'t>, Option<Disguise<'t>>),
    /// The same to one address, once from each of these.
    RelayFromAll { to: &'t str, from: &'t [String], disguise: Option<Disguise<'t>> },
    /// An error instead.
    Refuse(Recipient<'t>, Refusal),
    /// A result to the sender, from the component's domain.
    AnswerRequest(compose::ResultContent<'t>),
    /// Presence of this type to the sender, from the bare address that it wrote to.
    AnswerPresence(PresenceType, SenderAddress),
    /// Own presence to the target's bare address.
    SendPresence { target: &'t str, presence: &'static [OwnPresence] },
    /// Nothing.
    Drop,
}

/// Who gets an error.
#[derive(Debug)]
pub enum Recipient<'t> {
    /// The sender, from the address that it wrote to.
    Sender(WithoutId),
    /// For a reply, the one who asked; with the reply's id if the envelope has none.
    Asker(Envelope<'t>),
}

/// The id of an error in answer to a stanza without an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithoutId {
    /// An empty one.
    Empty,
    /// An empty one for an IQ, otherwise none.
    EmptyForIq,
}

/// The address for presence in answer to presence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenderAddress {
    /// The address that its server set.
    Stamped,
    /// The same without a resource (RFC 6121 section 3.1.2).
    Bare,
}

impl<'t> Verdict<'t> {
    /// The stanza is relayed.
    pub fn relay(rewrite: Rewrite<'t>, traffic: Traffic, reason: Reason) -> Self {
        Self { act: Act::Relay(rewrite, None), traffic, reason }
    }

    /// The same, with the target's address removed from the payload.
    pub fn disguised(mut self, with: Option<Disguise<'t>>) -> Self {
        if let Act::Relay(_, disguise) = &mut self.act {
            *disguise = with;
        }
        self
    }

    /// A request is answered here.
    pub fn own_answer(answer: compose::ResultContent<'t>, traffic: Traffic) -> Self {
        Self { act: Act::AnswerRequest(answer), traffic, reason: Reason::OwnAnswer }
    }

    /// It is not relayed: the table of reasons decides, and an answer goes to its sender. Presence is never
    /// answered with an error.
    pub fn by_table(traffic: Traffic, reason: Reason) -> Self {
        debug_assert!(reason.outcome() != Outcome::Relayed, "{reason:?} needs its new addresses");
        let presence = |type_| Act::AnswerPresence(type_, SenderAddress::Stamped);
        let act = match (reason.outcome(), traffic.class) {
            (Outcome::Answered(Answer::Unavailable), _) => presence(PresenceType::Unavailable),
            (Outcome::Answered(Answer::Unsubscribed), _)
            | (Outcome::Answered(_), Class::Presence) => presence(PresenceType::Unsubscribed),
            (Outcome::Answered(Answer::Error { condition, error_type, text }), _) => Act::Refuse(
                Recipient::Sender(WithoutId::Empty),
                Refusal { condition, error_type, text: text.into() },
            ),
            (Outcome::Relayed | Outcome::Consumed | Outcome::Dropped, _) => Act::Drop,
        };
        Self { act, traffic, reason }
    }

    /// The same where more than users' requests is relayed. Then more stanzas must not be answered: replies,
    /// messages of type error, and presence except subscriptions and probes.
    pub fn refused(traffic: Traffic, type_: Option<&str>, reason: Reason) -> Self {
        let asks = match traffic.class {
            Class::Request => true,
            Class::Message => type_ != Some("error"),
            Class::Presence => matches!(type_, Some("subscribe" | "probe")),
            Class::Reply | Class::Other => false,
        };
        let mut verdict = Self::by_table(traffic, reason);
        let silent = match &mut verdict.act {
            _ if !asks => true,
            Act::AnswerPresence(answer, to) => {
                *to = SenderAddress::Bare;
                match answer {
                    PresenceType::Unavailable => type_ != Some("probe"),
                    // There is nothing at that address, or not for this sender.
                    _ => type_ != Some("subscribe") || reason.hides_from_presence(),
                }
            }
            Act::Refuse(Recipient::Sender(without_id), _) => {
                *without_id = WithoutId::EmptyForIq;
                false
            }
            _ => false,
        };
        if silent { Self { act: Act::Drop, ..verdict } } else { verdict }
    }

    /// The verdict on an element whose start tag was over a limit, so that nothing is known about it.
    pub fn unread() -> Self {
        Self::by_table(Class::Other.inward(), Reason::HeadTooLarge)
    }

    /// The same, but with an error for the one who asked.
    pub fn for_asker(self, asker: Envelope<'t>) -> Self {
        let act = match self.act {
            Act::Refuse(_, refusal) => Act::Refuse(Recipient::Asker(asker), refusal),
            act => act,
        };
        Self { act, ..self }
    }

    /// The same, with this text in the error.
    pub fn with_text(mut self, text: String) -> Self {
        if let Act::Refuse(_, refusal) = &mut self.act {
            refusal.text = text.into();
        }
        self
    }

    /// How many answers to the sender it counts as, since answers to errors must not lead to an endless
    /// loop; a long list counts as more than one.
    pub fn answers(&self) -> usize {
        match &self.act {
            Act::AnswerRequest(compose::ResultContent::Items(items)) => {
                (1 + items.len() / ITEMS_OF_ONE).min(MOST_OF_ONE)
            }
            Act::AnswerRequest(_)
            | Act::Refuse(Recipient::Sender(_), _)
            | Act::AnswerPresence(..) => 1,
            _ => 0,
        }
    }

    /// What is done instead if the sender got too many answers.
    pub fn withheld(&self) -> Self {
        Self::by_table(self.traffic, Reason::Throttled)
    }

    /// What is done instead if it would be too large for the server, because of longer addresses or an id
    /// full of quotes. `type_`: that of the stanza.
    pub fn too_large(&self, type_: Option<&str>) -> Self {
        let traffic = self.traffic;
        match self.act {
            Act::Relay(Rewrite { to, from, id }, _) if traffic.class == Class::Reply => {
                let refused = Self::by_table(traffic, Reason::OverLimit);
                // There is no token in what goes to a user.
                let id = id.map(|id| id.text);
                refused.for_asker(Envelope { to, from: from.text, id })
            }
            Act::Relay(..) | Act::RelayFromAll { .. } if traffic.class != Class::Request => {
                Self::refused(traffic, type_, Reason::OverLimit)
            }
            Act::Relay(..) => Self::by_table(traffic, Reason::OverLimit),
            _ => Self::by_table(traffic, Reason::HeadTooLarge),
        }
    }
}

/// So many items of a list have some hundred bytes, like the answer to a query for information.
const ITEMS_OF_ONE: usize = 16;
/// Less than what one sender may get at once, so that the longest list is sent, too.
const MOST_OF_ONE: usize = 100;
