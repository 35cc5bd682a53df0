//! What the traffic consists of: requests and their replies, and messages and their answers.

use core_tests::xml::Stanza;
use test_support::daemon::{DOMAIN, TARGET};

use crate::traffic::USERS;

/// One of the two kinds, each with its own users, implementing client and account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Talk {
    /// To the domain itself.
    Requests,
    /// To a face whose target is another one, with more than requests relayed.
    Messages,
}

/// The content of a stanza.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    pub number: usize,
    pub step: Step,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Ask,
    Answer,
    /// An answer that the implementing client did not write.
    Forgery,
    /// An error from a replica, instead of an answer.
    Refusal,
}

impl Talk {
    pub const ALL: [Self; 2] = [Self::Requests, Self::Messages];

    /// How many are sent in a second, by all users.
    pub fn rate(self) -> f64 {
        match self {
            Self::Requests => 2_000.0,
            Self::Messages => 200.0,
        }
    }

    /// The full address of a user.
    pub fn user(self, user: usize) -> String {
        match self {
            Self::Requests => format!("user-{user}@some-domain.example/abc"),
            Self::Messages => format!("chatter-{user}@some-domain.example/abc"),
        }
    }

    /// The account of the implementing client.
    pub fn target(self) -> &'static str {
        match self {
            Self::Requests => TARGET,
            Self::Messages => CHAT_TARGET,
        }
    }

    pub fn ask(self, number: usize) -> String {
        match self {
            Self::Requests => {
                format!("<iq type='get' id='{number}' to='{DOMAIN}'><ask n='{number}'/></iq>")
            }
            Self::Messages => format!(
                "<message type='chat' id='{number}' to='{NODE}@{DOMAIN}'><ask n='{number}'/>\
                 </message>"
            ),
        }
    }

    /// The answer to a user's request or message, or a forged one.
    pub fn answer(self, asked: &Stanza<'_>, number: usize, step: Step) -> String {
        let Stanza { id, from, .. } = asked;
        let name = if step == Step::Forgery { FORGED } else { ANSWER };
        match self {
            Self::Requests => {
                format!("<iq type='result' id='{id}' to='{from}'><{name} n='{number}'/></iq>")
            }
            Self::Messages => format!(
                "<message type='chat' id='{id}' to='{from}'><{name} n='{number}'/></message>"
            ),
        }
    }

    /// The number of a user's request or message, as the implementing client gets it.
    pub fn asked(self, stanza: &Stanza<'_>) -> Option<usize> {
        payload(stanza.content, ASK)
    }

    /// Whether a stanza between the server and a replica belongs to this talk, and not to the replica's
    /// own traffic.
    pub fn has(self, xml: &str) -> bool {
        match self {
            Self::Requests if xml.starts_with("<iq") => {
                let stanza = Stanza::read(xml);
                ![stanza.from, stanza.to].contains(&HOST) || !stanza.id.starts_with("jat-time-")
            }
            Self::Messages if xml.starts_with("<message") => {
                // Echoes are headlines.
                Stanza::read(xml).type_ != "headline"
            }
            Self::Requests | Self::Messages => false,
        }
    }

    /// `None` for stanzas that nobody sends.
    pub fn read(self, stanza: &Stanza<'_>) -> Option<Said> {
        let of = |name| payload(stanza.content, name);
        let steps = [(Step::Ask, ASK), (Step::Answer, ANSWER), (Step::Forgery, FORGED)];
        let said = steps.into_iter().find_map(|(step, name)| Some((step, of(name)?)));
        match (self, stanza.type_, said) {
            (Self::Requests, "error", _) => {
                Some(Said { number: stanza.id.parse().ok()?, step: Step::Refusal })
            }
            // The id is the user's in each part of the exchange.
            (Self::Requests, "get", Some((step @ Step::Ask, number)))
            | (Self::Requests, "result", Some((step @ (Step::Answer | Step::Forgery), number)))
            | (Self::Messages, "chat", Some((step, number)))
                if stanza.id == number.to_string() =>
            {
                Some(Said { number, step })
            }
            _ => None,
        }
    }

    /// Whether this is the address that users wrote to.
    pub fn is_address(self, from: &str) -> bool {
        match self {
            Self::Requests => from == DOMAIN,
            // With an alias of the client's resource.
            Self::Messages => {
                let bare = from.split('/').next().unwrap_or_default();
                bare.strip_suffix(DOMAIN).and_then(|rest| rest.strip_suffix('@')) == Some(NODE)
                    && from.len() > bare.len() + 1
            }
        }
    }

    /// Its part of a replica's configuration.
    pub fn service(self) -> String {
        match self {
            Self::Requests => String::new(),
            // Quoted in another way than what a reload changes.
            Self::Messages => format!(
                "[[component.face]]\nnode = \"{NODE}\"\ntarget-address = \"{CHAT_TARGET}\"\n\
                 relay = [\"iq\", \"messages\"]\nallow-from = [\"{HOST}\"]\ndispatch = 'sticky'\n"
            ),
        }
    }
}

/// The user of a number.
pub fn user_of(number: usize) -> usize {
    number % USERS
}

/// The number in the payload of a stanza that has only this payload.
fn payload(content: &str, name: &str) -> Option<usize> {
    let rest = content.strip_prefix('<')?.strip_prefix(name)?.strip_prefix(" n='")?;
    let number = rest.strip_suffix("'/></iq>").or_else(|| rest.strip_suffix("'/></message>"));
    number?.parse().ok()
}

const NODE: &str = "chat";
const CHAT_TARGET: &str = "chat-bot@some-domain.example";
/// The server of the targets, and of the users.
const HOST: &str = "some-domain.example";
const ASK: &str = "ask";
const ANSWER: &str = "answer";
const FORGED: &str = "forged";
