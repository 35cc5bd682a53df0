//! What the proxy answers itself at the component's domain, in place of the target: pings
//! (XEP-0199) and service discovery (XEP-0030).

use crate::stanza::compose::ResultContent;
use crate::stanza::discovery::{INFO, ITEMS, Identity, Item, PING};
use crate::stanza::payload::Payload;

use super::access::Access;
use super::incoming::{Body, Incoming};
use super::reason::Reason;

/// Which requests are answered, and with what, for a component that answers any. The answers are the
/// same for every stanza.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnAnswers {
    ping: bool,
    discovery: Option<Discovery>,
    access: Access,
}

/// What service discovery reports about the component's domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovery {
    pub identity: Identity,
    /// Features that the target serves at the domain, in addition to the proxy's own answers.
    pub features: Vec<String>,
    /// The listed addresses.
    pub items: Vec<Item>,
}

/// A request that the proxy answers itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    Ping,
    Info,
    Items,
    /// It is answered with an error.
    Wrong(Reason),
}

impl OwnAnswers {
    /// `None` if the target gets all requests.
    pub fn new(ping: bool, discovery: Option<Discovery>) -> Option<Self> {
        let discovery = discovery.map(|told| {
            let own = [Some(INFO), Some(ITEMS), ping.then_some(PING)];
            let own = own.into_iter().flatten().map(str::to_owned);
            Discovery { features: own.chain(told.features).collect(), ..told }
        });
        let access = Access::default();
        (ping || discovery.is_some()).then_some(Self { ping, discovery, access })
    }

    /// With the lists of who may ask, for a domain without a service of its own, whose lists would apply.
    pub fn with_access(self, access: Access) -> Self {
        Self { access, ..self }
    }

    /// Who may ask, if the domain has no service of its own.
    pub(super) fn access(&self) -> &Access {
        &self.access
    }

    /// Which words of the configuration key `answer` it has.
    pub fn words(&self) -> impl Iterator<Item = &'static str> {
        let words = [("disco", self.discovery.is_some()), ("ping", self.ping)];
        words.into_iter().filter(|(_, is_answered)| *is_answered).map(|(word, _)| word)
    }

    /// What service discovery lists.
    pub fn items(&self) -> &[Item] {
        self.discovery.as_ref().map(|told| &*told.items).unwrap_or_default()
    }

    /// Which own answer a request to the domain needs, if any. A request that no server may relay, or that
    /// is over a limit, is refused as everywhere.
    pub(super) fn question(&self, iq: &Incoming<'_>) -> Option<Question> {
        let Body::Whole { children: 1, namespaces_ok: true, stanza } = iq.body else { return None };
        let type_ = iq.type_().filter(|type_| matches!(*type_, "get" | "set"))?;
        iq.id()?;
        let payload = Payload::of(stanza)?;
        let (question, name) = match &*payload.namespace()? {
            PING if self.ping => (Question::Ping, "ping"),
            INFO if self.discovery.is_some() => (Question::Info, "query"),
            ITEMS if self.discovery.is_some() => (Question::Items, "query"),
            _ => return None,
        };
        // Both protocols have a get with this element only; other content is ignored (RFC 6120
        // section 8.4).
        if type_ != "get" || payload.name() != name {
            return Some(Question::Wrong(Reason::MalformedQuery));
        }
        let of_node = || payload.attribute("node").is_some_and(|node| !node.is_empty());
        match question {
            Question::Info | Question::Items if of_node() => {
                Some(Question::Wrong(Reason::UnknownNode))
            }
            question => Some(question),
        }
    }

    /// The answer to a question, or the reason for an error.
    pub(super) fn answer(&self, question: Question) -> Result<ResultContent<'_>, Reason> {
        match (question, &self.discovery) {
            (Question::Info, Some(Discovery { identity, features, .. })) => {
                Ok(ResultContent::Info { identity, features })
            }
            (Question::Items, Some(Discovery { items, .. })) => Ok(ResultContent::Items(items)),
            (Question::Wrong(reason), _) => Err(reason),
            (Question::Ping | Question::Info | Question::Items, _) => Ok(ResultContent::Empty),
        }
    }
}
