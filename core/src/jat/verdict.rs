//! What is to be done with one stanza.

use crate::stanza::compose::{Envelope, Refusal};
use crate::stanza::head::Rewrite;

use super::presence::OwnPresence;
use super::reason::{Answer, Outcome, Reason};
use super::traffic::{Class, TARGET_REPLY, Traffic};

/// The translator's decision, and what the stanza counts as.
#[derive(Debug)]
pub struct Verdict<'t> {
    pub act: Act<'t>,
    pub traffic: Traffic,
    pub reason: Reason,
}

/// What goes out.
#[derive(Debug)]
pub enum Act<'t> {
    /// The stanza itself, with other addresses.
    Relay(Rewrite<'t>),
    /// An error in its place.
    Refuse(Recipient<'t>, Refusal),
    /// Unsubscribed to the sender, who wants to subscribe, from the address that it asked.
    RefuseSubscription,
    /// Presence of our own to the target's bare address.
    SendPresence { target: &'t str, presence: &'static [OwnPresence] },
    /// Nothing.
    Drop,
}

/// Who gets an error.
#[derive(Debug)]
pub enum Recipient<'t> {
    /// The sender, from the address that it wrote to.
    Sender,
    /// The user who asked, as the token says.
    User(Envelope<'t>),
}

impl<'t> Verdict<'t> {
    /// The stanza is relayed.
    pub fn relay(rewrite: Rewrite<'t>, traffic: Traffic, reason: Reason) -> Self {
        Self { act: Act::Relay(rewrite), traffic, reason }
    }

    /// It is not relayed: what the table of reasons says is done, and what is answered goes to its
    /// sender. Presence is never answered with an error.
    pub fn by_table(traffic: Traffic, reason: Reason) -> Self {
        debug_assert!(reason.outcome() != Outcome::Relayed, "{reason:?} needs its new addresses");
        let act = match (reason.outcome(), traffic.class) {
            (Outcome::Answered(Answer::Unsubscribed), _)
            | (Outcome::Answered(_), Class::Presence) => Act::RefuseSubscription,
            (Outcome::Answered(Answer::Error(condition, text)), _) => {
                Act::Refuse(Recipient::Sender, Refusal { condition, text: text.into() })
            }
            (Outcome::Relayed | Outcome::Consumed | Outcome::Dropped, _) => Act::Drop,
        };
        Self { act, traffic, reason }
    }

    /// Of something whose start tag was over a limit, so that nothing is known of it.
    pub fn unread() -> Self {
        Self::by_table(Class::Other.inward(), Reason::HeadTooLarge)
    }

    /// The same, but an error goes to the user who asked.
    pub fn for_user(self, user: Envelope<'t>) -> Self {
        let act = match self.act {
            Act::Refuse(_, refusal) => Act::Refuse(Recipient::User(user), refusal),
            act => act,
        };
        Self { act, ..self }
    }

    /// Whether the sender gets an answer: no error in answer to such an answer may go on for ever.
    pub fn answers_sender(&self) -> bool {
        matches!(self.act, Act::Refuse(Recipient::Sender, _) | Act::RefuseSubscription)
    }

    /// What is done instead, since the sender got too many answers.
    pub fn withheld(self) -> Self {
        Self::by_table(self.traffic, Reason::Throttled)
    }

    /// What is done instead, since it would be too large for the server: longer addresses, or an id
    /// full of quotes, can make it so.
    pub fn too_large(self) -> Self {
        let traffic = self.traffic;
        match self.act {
            Act::Relay(Rewrite { to, from, id }) => {
                let refused = Self::by_table(traffic, Reason::OverLimit);
                match traffic {
                    TARGET_REPLY => refused.for_user(Envelope { to, from, id }),
                    _ => refused,
                }
            }
            _ => Self::by_table(traffic, Reason::HeadTooLarge),
        }
    }
}
