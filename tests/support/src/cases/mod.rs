//! Hostile stanzas, and how each must be counted. `core/tests/bad_inputs` checks the answers, too.

mod large;
mod servers;
mod service;
mod users;

use core_tests::xml::escaped;
use jat_core::jat::keyring::Key;
use jat_core::jat::reason::{Outcome, Reason};
use jat_core::jat::tally::Tally;
use jat_core::jat::token::{self, Binding, Claims, MAX_CLAIM_BYTES};
use jat_core::jat::traffic::Class::{self, Message, Other, Presence, Reply, Request};
use jat_core::jat::traffic::{TARGET_REPLY, Traffic, USER_REQUEST};
use zeroize::Zeroizing;

pub use large::{deepest, large, large_of_servers};
pub use servers::of_servers;
pub use service::of_service;
pub use users::of_users;

/// The participants.
pub struct Cast<'a> {
    /// The component's domain.
    pub domain: &'a str,
    /// The hostile user's full JID.
    pub user: &'a str,
    /// The implementing client's full JID.
    pub service: &'a str,
    /// Every byte of the secret of the key with the id 1.
    pub secret: u8,
}

impl Cast<'_> {
    /// A token for a request of the user with the id h, signed with the key with this id.
    fn token(&self, kid: u8, expires: u64, asked: &str, peer: &str) -> String {
        let key = Key::new(kid, &Zeroizing::new(vec![self.secret; 32]), None).unwrap();
        let claims = Claims::new(self.user, "", "h").unwrap();
        token::seal(&key, &claims, expires, &Binding { asked, peer })
    }
}

/// A hostile stanza, or several that belong together.
#[derive(Clone, Debug)]
pub struct Case {
    pub sender: Sender,
    /// As the sender writes it.
    pub xml: String,
    /// How it is counted.
    pub counts: Vec<(Traffic, Reason)>,
}

/// Who writes a hostile stanza.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    User,
    Service,
    /// The `from` in the stanza; only a server can send that.
    Server,
}

impl Case {
    fn new(sender: Sender, xml: String, traffic: Traffic, reason: Reason) -> Self {
        Self { sender, xml, counts: vec![(traffic, reason)] }
    }

    /// The stanza as a server sends it on the component's stream.
    pub fn stamped(&self, cast: &Cast<'_>) -> String {
        let from = match self.sender {
            Sender::User => cast.user,
            Sender::Service => cast.service,
            Sender::Server => return self.xml.clone(),
        };
        let name_end = self.xml.find([' ', '/', '>']).unwrap();
        let (name, rest) = self.xml.split_at(name_end);
        format!("{name} from='{}'{rest}", escaped(from))
    }

    /// Whether the service gets a request that it replies to.
    pub fn is_forwarded(&self) -> bool {
        self.counts.contains(&(USER_REQUEST, Reason::Relayed))
    }

    /// Whether its sender gets an error for it.
    pub fn is_refused(&self) -> bool {
        let refused = |(traffic, reason): &(Traffic, Reason)| {
            matches!(traffic.class, Class::Request | Class::Message)
                && matches!(reason.outcome(), Outcome::Answered(_))
        };
        self.counts.iter().any(refused)
    }

    /// Adds how it and the reply to it are counted.
    pub fn account(&self, tally: &mut Tally) {
        for (traffic, reason) in &self.counts {
            tally.count(*traffic, *reason);
        }
        if self.is_forwarded() {
            tally.count(TARGET_REPLY, Reason::Relayed);
        }
    }

    /// How many IQs and messages come back to the hostile user for it.
    pub fn answers(&self) -> usize {
        let told = |(traffic, reason): &&(Traffic, Reason)| {
            let told = matches!(reason.outcome(), Outcome::Answered(_) | Outcome::Relayed);
            told && match self.sender {
                Sender::User => traffic.class != Class::Presence,
                Sender::Service => *traffic == TARGET_REPLY,
                Sender::Server => false,
            }
        };
        self.counts.iter().filter(told).count()
    }
}

/// An element with so many levels.
pub fn nested(levels: usize) -> String {
    format!("<q xmlns='urn:q'>{}{}</q>", "<x>".repeat(levels - 1), "</x>".repeat(levels - 1))
}

const ERROR: &str = "<error/>";
const ASK: &str = "<ask xmlns='urn:example:ask'/>";
