//! The state of our subscription to the target's presence.

use serde::{Deserialize, Serialize};

use crate::jat::reason::Reason;

/// What the target's server last said of our subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subscription {
    /// It was never requested.
    Never,
    /// It was refused with this stanza error condition, for reasons of the server's own.
    Failed(String),
    /// No answer yet: somebody has to accept it.
    Pending,
    Denied,
    Subscribed,
}

impl Subscription {
    /// Why nobody is online, for the user who asked.
    pub fn reason_for_nobody(&self) -> Reason {
        match self {
            Self::Never | Self::Failed(_) => Reason::NeverSubscribed,
            Self::Pending => Reason::SubscriptionPending,
            Self::Denied => Reason::SubscriptionDenied,
            Self::Subscribed => Reason::Offline,
        }
    }
}
