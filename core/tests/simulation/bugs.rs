//! Planted bugs. The replicas of one machine have one: the bytes between the server and the program
//! are changed so that it all behaves like a program with the bug.

use core_tests::xml::{Stanza, unescaped, with_id};
use jat_core::jat::address::Address;
use jat_core::jat::keyring::{Key, Keyring};
use jat_core::jat::settings::Settings;
use jat_core::jat::token::{self, Binding, Claims, Token};
use zeroize::Zeroizing;

use crate::ledger::NOT_THERE;
use crate::replica::START;
use crate::stream::What;
use crate::traffic::{DOMAIN, NODES, TARGET_RESOURCES};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// Verifies with active keys only.
    FutureKeysRefused,
    /// The resource that answers is not in the MAC.
    PeerNotBound,
    /// The address that was asked is not in the MAC.
    AskedNotBound,
    /// Adds the seconds that clocks may differ to the expiry.
    ExpiryOffBySkew,
    /// Keeps the id of the reply.
    IdFromReply,
    /// Asks for presence once on each stream.
    NeverAsksAgain,
    /// Ignores the alias that a message is written to.
    AliasIgnored,
    /// Leaves the face out of mirrors.
    FaceForgotten,
    /// Leaves the user's node out of mirrors.
    NodeForgotten,
    /// Relays a message twice.
    SaysTwice,
    /// Leaves the target's address in what its server wrote.
    NotScrubbed,
    /// Takes an error that a server sends for a resource that is gone for the resource's own reply.
    NeverDoubts,
}

impl Bug {
    /// Whether it shows only where more than users' requests is relayed.
    pub fn concerns_talk(self) -> bool {
        matches!(
            self,
            Self::AliasIgnored
                | Self::FaceForgotten
                | Self::NodeForgotten
                | Self::SaysTwice
                | Self::NotScrubbed
        )
    }

    /// Whether stanzas like this are treated differently.
    pub fn concerns(self, what: What) -> bool {
        match what {
            What::Reply(_) => !self.concerns_talk(),
            What::Talk(_) => self.concerns_talk(),
            _ => false,
        }
    }

    /// A reply, changed so that the real program does what one with the bug would.
    pub fn inward(self, reply: &str, settings: &Settings, now: u64) -> String {
        match self {
            Self::NeverDoubts => return reply.replace(NOT_THERE, ""),
            Self::SaysTwice | Self::NotScrubbed => return reply.to_owned(),
            Self::AliasIgnored | Self::FaceForgotten | Self::NodeForgotten => {
                return self.misread(reply);
            }
            _ => {}
        }
        let Stanza { to, from, id, .. } = Stanza::read(reply);
        let [to, from, id] = [to, from, id].map(unescaped);
        let (asked, resource) = to.split_once('/').unwrap();
        let Some(text) = [resource, &id].into_iter().find(|t| token::inspect(t).is_ok()) else {
            return reply.to_owned();
        };
        let asked = Address::new(asked).normal_bare();
        let peer = Address::new(&from).normal();
        let open = |asked: &str, peer: &str, now| {
            token::open(&settings.keyring, text, &Binding { asked, peer }, now).ok()
        };
        let accepted = match self {
            Self::FutureKeysRefused => {
                let key = token::inspect(text).ok().map(|t| t.kid());
                let key = key.and_then(|id| settings.keyring.verifying(id));
                let in_future = key.and_then(Key::not_before).is_some_and(|from| from > now);
                return if in_future { reply.replace(text, &unknown()) } else { reply.to_owned() };
            }
            Self::PeerNotBound => TARGET_RESOURCES
                .iter()
                .find_map(|peer| open(&asked, &Address::new(peer).normal(), now)),
            Self::AskedNotBound => NODES.iter().find_map(|node| {
                let asked = [node, DOMAIN].concat();
                open(&Address::new(&asked).normal_bare(), &peer, now)
            }),
            Self::ExpiryOffBySkew => open(&asked, &peer, now - 30),
            _ => None,
        };
        let binding = Binding { asked: &asked, peer: &peer };
        let sealed = accepted.map(|token| sealed(&token, &settings.keyring, &binding, now + 1));
        sealed.map_or_else(|| reply.to_owned(), |token| reply.replace(text, &token))
    }

    /// Whether it does not send a presence query of this type. `asked`: the earlier ones on the stream.
    pub fn keeps(self, question: &str, asked: &[String]) -> bool {
        self == Self::NeverAsksAgain && asked.iter().any(|before| before == question)
    }

    /// The output of the real program, changed to what it would be with the bug.
    pub fn outward(self, out: String, reply: &str) -> String {
        match self {
            Self::IdFromReply => with_id(&out, &unescaped(Stanza::read(reply).id)),
            Self::SaysTwice if out.starts_with("<message") => out.repeat(2),
            Self::NotScrubbed => {
                let begin = "<delay xmlns='urn:xmpp:delay'";
                let whose = format!("{begin} from='{}'", Stanza::read(reply).from);
                if reply.contains(&whose) { out.replace(begin, &whose) } else { out }
            }
            _ => out,
        }
    }
}

impl Bug {
    /// A message of a user, with the wrong addresses.
    fn misread(self, message: &str) -> String {
        let Stanza { to, from, .. } = Stanza::read(message);
        if !message.starts_with("<message") || to.contains("\\40") {
            return message.to_owned();
        }
        let at = |address: &str, other: &str| {
            message.replacen(&format!("='{address}'"), &format!("='{other}'"), 1)
        };
        match self {
            Self::AliasIgnored => at(to, to.split('/').next().unwrap_or_default()),
            Self::FaceForgotten => at(to, to.split_once('@').map_or(to, |(_, domain)| domain)),
            _ => at(from, from.split_once('@').map_or(from, |(_, domain)| domain)),
        }
    }
}

/// The token's claims with another binding, valid at least `until` this Unix second.
fn sealed(token: &Token, ring: &Keyring, binding: &Binding<'_>, until: u64) -> String {
    let key = ring.verifying(token.kid()).expect("it was verified");
    token::seal(key, &token.claims(), token.expires().max(until), binding)
}

/// A token with a key that no ring has.
fn unknown() -> String {
    let key = Key::new(255, &Zeroizing::new(vec![255; 32]), None).expect("long enough");
    let claims = Claims::new("u@some.example/r", "", "1").expect("short enough");
    token::seal(&key, &claims, START, &Binding { asked: "", peer: "" })
}
