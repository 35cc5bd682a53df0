//! What a component relays in addition to users' requests.

use std::borrow::Cow;
use std::sync::Arc;

use crate::named;

use super::access::Senders;
use super::address::Address;
use super::glob::Glob;
use super::name_keys::NameKeys;
use super::own_addresses::OwnAddresses;
use super::prepared;

/// The settings of a component that relays more than users' requests.
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
    /// Addresses that no target may write to.
    pub own: Arc<OwnAddresses>,
}

impl TwoWay {
    /// What is relayed, in the words of the configuration.
    pub fn relayed(&self) -> impl Iterator<Item = &'static str> {
        let words = [
            ("iq", true),
            ("messages", self.messages),
            ("presence", self.presence),
            ("requests", self.requests),
        ];
        words.into_iter().filter(|(_, is_relayed)| *is_relayed).map(|(word, _)| word)
    }
}

/// The nodes of addresses that exist in addition to the domain itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faces(pub Arc<[Glob]>);

impl Faces {
    /// Whether there is a face with this node, which is in normal form. The empty node is the domain
    /// itself, which always exists.
    pub fn has(&self, node: &str) -> bool {
        node.is_empty() || self.0.iter().any(|glob| glob.fits(node))
    }
}

/// The node of an address in normal form, which identifies its face; empty if there is none.
pub(super) fn normal_node<'a>(address: &Address<'a>) -> Cow<'a, str> {
    let node = address.node().unwrap_or_default();
    // What is plain is in the normal form of every profile.
    if address.is_plain() { Cow::Borrowed(node) } else { prepared::node_or_as_it_stands(node) }
}

/// Appends the bare address of the face with this node at `domain`.
pub fn write_face(node: &str, domain: &str, output: &mut String) {
    if !node.is_empty() {
        output.push_str(node);
        output.push('@');
    }
    output.push_str(domain);
}

named! {
    /// Where users' messages without an alias go.
    #[derive(Default)]
    pub enum MessagesTo {
        /// To a resource that serves, as requests do; to the account if there is none.
        #[default]
        Resource = "resource",
        /// To the account: its server decides.
        Account = "account",
    }
}
