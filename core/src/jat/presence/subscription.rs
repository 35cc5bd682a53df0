//! The state of our subscription to the target's presence.

use serde::{Deserialize, Serialize};

use crate::jat::reason::Reason;
use crate::named;

named! {
    /// What the target's server last said about our subscription.
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    pub enum Subscription with fields {
        /// It was never requested.
        Never = "never",
        /// A server refused it with this stanza error condition.
        Failed(String) = "failed",
        /// No answer yet: somebody has to accept it.
        Pending = "pending",
        Denied = "denied",
        Subscribed = "subscribed",
    }
}

impl Subscription {
    /// Why nobody is online, for the error to a user.
    pub fn reason_for_nobody(&self) -> Reason {
        match self {
            Self::Never | Self::Failed(_) => Reason::NeverSubscribed,
            Self::Pending => Reason::SubscriptionPending,
            Self::Denied => Reason::SubscriptionDenied,
            Self::Subscribed => Reason::Offline,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handover_has_the_same_names() {
        let all = [
            Subscription::Never,
            Subscription::Failed("gone".to_owned()),
            Subscription::Pending,
            Subscription::Denied,
            Subscription::Subscribed,
        ];
        assert_eq!(all.each_ref().map(Subscription::name), Subscription::NAMES);
        for subscription in all {
            let text = serde_json::to_string(&subscription).unwrap();
            assert!(text.contains(&format!("{:?}", subscription.name())), "{text}");
        }
    }
}
