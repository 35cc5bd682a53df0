//! One online resource, and how it stands among the others.

use std::cmp::Reverse;

use crate::jat::dispatch::Dispatch;
use crate::jat::selection::Standing;
use crate::named;

use super::view::Position;

/// One online resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its full JID as the server stamped it.
    pub address: String,
    pub(super) normal: String,
    pub(super) hash: u64,
    /// `show='dnd'`: it gets no new request while another one is online.
    pub dnd: bool,
    /// Of its presence (RFC 6121 section 4.7.2.3).
    pub priority: i8,
    /// Whether presence has said that it is online since there was reason to doubt it. It gets no
    /// new request while one is online of which that is true.
    pub verified: bool,
    /// Whether it was heard of since the target was last asked.
    pub confirmed: bool,
    /// How many questions in a row it was missing from the answer to.
    pub(super) missed: u8,
    /// How many it was there after, up to [`STEADY`](super::STEADY).
    pub(super) found: u8,
    /// Errors since it was heard of that servers send in the name of one that is not there.
    pub(super) errors: u8,
    /// Whether it sends such errors itself: it was there after one.
    pub(super) answers_so: bool,
    /// How often it was found online after they had put it in doubt since, up to
    /// [`MOST_DISPROVED`].
    pub(super) disproved: u8,
    /// In each of [`Resources::views`](super::Resources::views).
    pub(super) positions: Box<[Position]>,
}

/// What is known of a resource besides its address: see [`Resource`].
#[derive(Clone, Copy, Debug)]
pub struct Known {
    pub dnd: bool,
    pub priority: i8,
    pub verified: bool,
    pub confirmed: bool,
}

impl Resource {
    /// The full JID in normal form.
    pub fn normal(&self) -> &str {
        &self.normal
    }

    /// How it stands with the service of this number; `None`: that never asks it.
    pub(super) fn standing(&self, service: usize, dispatch: Dispatch) -> Option<Standing> {
        let priority = match dispatch {
            Dispatch::Priority => self.priority,
            Dispatch::Random | Dispatch::Sticky => 0,
        };
        let place = Reverse(self.positions[service].place.filter(|_| priority >= 0)?);
        Some(Standing { verified: self.verified, awake: !self.dnd, place, priority })
    }

    /// After how many such errors in a row it is in doubt. With a fixed number anybody could make a
    /// client answer like this, and move the users who stick to it, or whom it is to serve first.
    pub(super) fn errors_to_doubt(&self) -> u8 {
        if self.answers_so { MANY_ERRORS << self.disproved } else { 1 }
    }
}

named! {
    /// Whether a resource gets requests.
    pub enum Asked {
        Now = "now",
        /// When those that are preferred to it have gone.
        Later = "later",
        /// The configuration leaves it out.
        Never = "never",
    }
}

/// Such errors in a row that put a resource in doubt which sends them itself; twice as many each
/// time that they proved to be its own.
const MANY_ERRORS: u8 = 3;
pub(super) const MOST_DISPROVED: u8 = 5;
