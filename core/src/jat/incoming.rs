//! A stanza as it comes in.

use std::borrow::Cow;

use jid::DomainPart;

use crate::stanza::head::Head;

use super::address::Address;
use super::reason::Reason;

/// A stanza, and what its stream knows about it.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// The domain of the stream: the component's, or its presence domain.
    pub at: &'a DomainPart,
    pub head: &'a Head<'a>,
    /// The addresses in its head; empty where there is none.
    pub from: Address<'a>,
    pub to: Address<'a>,
    pub body: Body<'a>,
    /// Which of our own stanzas it is, come back.
    pub ours: Option<Ours>,
    /// Whether it arrived after we had closed the stream.
    pub late: bool,
}

/// The content of a stanza, as far as it matters for a verdict.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    Whole {
        /// Number of child elements.
        children: usize,
        /// [`crate::stanza::splitter::Element::namespaces_ok`]: if not, it may not be sent on.
        namespaces_ok: bool,
        /// The whole stanza.
        stanza: &'a [u8],
    },
    /// It was over a limit, and the rest was skipped.
    OverLimit {
        /// Number of child elements until then.
        children: usize,
    },
}

/// Stanzas that we send to ourselves and get back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ours {
    /// A message to ourselves.
    Echo,
    /// The answer to a time query.
    Time,
    /// The target's answer to a probe that shows other processes with our domain.
    Answer,
}

impl<'a> Body<'a> {
    /// The whole stanza; empty for one over a limit.
    pub fn bytes(&self) -> &'a [u8] {
        match self {
            Self::Whole { stanza, .. } => stanza,
            Self::OverLimit { .. } => &[],
        }
    }

    /// Why it may not be sent on, if it may not.
    pub fn fault(&self) -> Option<Reason> {
        match self {
            Self::OverLimit { .. } => Some(Reason::OverLimit),
            Self::Whole { namespaces_ok: false, .. } => Some(Reason::BadNamespace),
            Self::Whole { .. } => None,
        }
    }
}

impl<'a> Incoming<'a> {
    pub fn new(
        at: &'a DomainPart,
        head: &'a Head<'a>,
        body: Body<'a>,
        ours: Option<Ours>,
        late: bool,
    ) -> Self {
        let address =
            |text: &'a Option<Cow<'_, str>>| Address::new(text.as_deref().unwrap_or_default());
        Self { at, head, from: address(&head.from), to: address(&head.to), body, ours, late }
    }

    pub fn id(&self) -> Option<&str> {
        self.head.id.as_deref()
    }

    pub fn type_(&self) -> Option<&str> {
        self.head.type_.as_deref()
    }
}
