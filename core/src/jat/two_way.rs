//! What a component relays besides the requests of users.

use std::sync::Arc;

use crate::named;

use super::access::Senders;
use super::glob::Glob;
use super::name_keys::NameKeys;

/// The settings of a component that relays more than requests of users.
#[derive(Clone, Debug)]
pub struct TwoWay {
    /// Messages, both ways.
    pub messages: bool,
    /// Presence, both ways: the target's roster is the list of subscribers.
    pub presence: bool,
    /// The target's own requests.
    pub requests: bool,
    pub faces: Faces,
    /// The domains whose users the target may write to first.
    pub initiate: Arc<Senders>,
    pub messages_to: MessagesTo,
    /// Namespaces of requests that the target's server answers for it.
    pub account_queries: Arc<[String]>,
    pub names: Arc<NameKeys>,
}

/// The nodes of addresses that there are beside the domain itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faces(pub Arc<[Glob]>);

impl Faces {
    /// Whether there is a face with this node, which is in normal form; empty for the domain
    /// itself, which is always there.
    pub fn has(&self, node: &str) -> bool {
        node.is_empty() || self.0.iter().any(|glob| glob.fits(node))
    }
}

named! {
    /// Where messages of users go that do not name a resource.
    #[derive(Default)]
    pub enum MessagesTo {
        /// To a resource that serves, as requests do; to the account if there is none.
        #[default]
        Resource = "resource",
        /// To the account: its server decides.
        Account = "account",
    }
}
