//! A stanza as a verdict sees it.

use crate::stanza::head::Head;

use super::address::Address;

/// A stanza with its addresses split.
#[derive(Clone, Debug)]
pub struct Incoming<'a> {
    pub head: &'a Head<'a>,
    pub body: Body<'a>,
    pub from: Address<'a>,
    pub to: Address<'a>,
}

/// The content of a stanza, as far as it matters to a verdict.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    Whole {
        /// Number of child elements.
        children: usize,
        /// [`crate::stanza::splitter::Element::namespaces_ok`]: else it may not be sent on.
        namespaces_ok: bool,
        /// The whole stanza.
        stanza: &'a [u8],
    },
    /// It was over a limit, and there is no more of it.
    OverLimit {
        /// Number of child elements until then.
        children: usize,
    },
    /// It was whole, and judged as that, but with the addresses that it gets it would be over a
    /// limit.
    Outgrown,
}

impl Incoming<'_> {
    pub fn id(&self) -> Option<&str> {
        self.head.id.as_deref()
    }

    pub fn type_(&self) -> Option<&str> {
        self.head.type_.as_deref()
    }
}
