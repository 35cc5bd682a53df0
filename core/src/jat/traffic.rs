//! The class of a stanza and its way, by which stanzas are counted.

use std::fmt;

use crate::named;
use crate::stanza::head::{Head, Kind};

named! {
    /// The class of a stanza, by its name and type.
    pub enum Class {
        /// An IQ that is neither a result nor an error.
        Request = "request",
        /// An IQ of type result or error.
        Reply = "reply",
        /// A message of any type.
        Message = "message",
        /// Presence of any type.
        Presence = "presence",
        /// A top-level element that is not a stanza.
        Other = "other",
    }
}

named! {
    /// The way of a stanza between users and the target.
    pub enum Way {
        /// From a user to the target, and everything that is not from the target.
        Inward = "inward",
        /// From the target to a user.
        Outward = "outward",
    }
}

/// A class of stanzas that go one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traffic {
    pub class: Class,
    pub way: Way,
}

/// A request of a user.
pub const USER_REQUEST: Traffic = Class::Request.inward();
/// A reply of the target.
pub const TARGET_REPLY: Traffic = Class::Reply.outward();

impl Class {
    /// The traffic of a stanza with this start tag.
    pub fn of(head: &Head<'_>) -> Self {
        match (head.kind, head.type_.as_deref()) {
            (Kind::Iq, Some("result" | "error")) => Self::Reply,
            (Kind::Iq, _) => Self::Request,
            (Kind::Message, _) => Self::Message,
            (Kind::Presence, _) => Self::Presence,
            (Kind::Other, _) => Self::Other,
        }
    }

    pub const fn inward(self) -> Traffic {
        Traffic { class: self, way: Way::Inward }
    }

    pub const fn outward(self) -> Traffic {
        Traffic { class: self, way: Way::Outward }
    }
}

impl Traffic {
    /// How many there are.
    pub const COUNT: usize = Class::ALL.len() * Way::ALL.len();

    /// All of them, each at its [`Self::index`].
    pub fn all() -> impl Iterator<Item = Self> {
        let ways = |class| Way::ALL.into_iter().map(move |way| Self { class, way });
        Class::ALL.into_iter().flat_map(ways)
    }

    pub const fn index(self) -> usize {
        self.class as usize * Way::ALL.len() + self.way as usize
    }
}

/// For people, and for the next program: `request inward`.
impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.class.name(), self.way.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_an_index_of_its_own() {
        assert!(Traffic::all().map(Traffic::index).eq(0..Traffic::COUNT));
    }
}
