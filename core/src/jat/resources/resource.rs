//! One online resource, and its rank among the others.

use std::cmp::Reverse;

use crate::jat::dispatch::Dispatch;
use crate::jat::selection::Standing;
use crate::named;

use super::view::Position;

/// One online resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    pub(super) normal: Box<str>,
    /// Its full JID as the server passed it on, if that is not in normal form.
    pub(super) passed_on: Option<Box<str>>,
    pub(super) hash: u64,
    /// `show='dnd'`: it gets no new request while another one is online.
    pub dnd: bool,
    /// The priority of its presence (RFC 6121 section 4.7.2.3).
    pub priority: i8,
    /// Whether presence has shown it online since there was last a reason to doubt it. If not, it gets no
    /// new request while one is online of which that is true.
    pub verified: bool,
    /// Whether there was news of it since the last question to the target.
    pub confirmed: bool,
    /// In how many answers in a row it was missing.
    pub(super) missed: u8,
    /// How many answers have named it, up to [`STEADY`](super::STEADY).
    pub(super) found: u8,
    /// Errors, since the last news of it, that servers send for a resource that is gone.
    pub(super) errors: u8,
    /// Whether it sends such errors itself, as it was online after one.
    pub(super) answers_so: bool,
    /// How often it was found online after such errors had put it in doubt, up to [`MOST_DISPROVED`].
    pub(super) disproved: u8,
    /// Its position in each of [`Resources::views`](super::Resources::views).
    pub(super) positions: Box<[Position]>,
}

/// What is known of a resource, without its address: see [`Resource`].
#[derive(Clone, Copy, Debug)]
pub struct Known {
    pub dnd: bool,
    pub priority: i8,
    pub verified: bool,
    pub confirmed: bool,
}

impl Resource {
    /// The full JID as the server passed it on.
    pub fn address(&self) -> &str {
        self.passed_on.as_deref().unwrap_or(&self.normal)
    }

    pub(super) fn set_address(&mut self, address: &str) {
        if self.address() != address {
            self.passed_on = unless_normal(address, &self.normal);
        }
    }

    /// The full JID in normal form.
    pub fn normal(&self) -> &str {
        &self.normal
    }

    /// Its rank for the service with this number; `None` if that never asks it.
    pub(super) fn standing(&self, service: usize, dispatch: Dispatch) -> Option<Standing> {
        let priority = match dispatch {
            Dispatch::Priority => self.priority,
            Dispatch::Random | Dispatch::Sticky => 0,
        };
        let place = Reverse(self.positions[service].place.filter(|_| priority >= 0)?);
        Some(Standing { verified: self.verified, awake: !self.dnd, place, priority })
    }

    /// The number of such errors in a row that put it in doubt. With a fixed number anybody could make a
    /// client answer like this, and so move its sticky users, or those whom it should serve first.
    pub(super) fn errors_to_doubt(&self) -> u8 {
        if self.answers_so { MANY_ERRORS << self.disproved } else { 1 }
    }
}

/// [`Resource::passed_on`] of this address.
pub(super) fn unless_normal(address: &str, normal: &str) -> Option<Box<str>> {
    (address != normal).then(|| address.into())
}

named! {
    /// Whether a resource gets requests.
    pub enum Asked {
        Now = "now",
        /// When the preferred ones have left.
        Later = "later",
        /// The configuration excludes it.
        Never = "never",
    }
}

/// The number of such errors in a row that put a resource in doubt which sends them itself; doubled
/// each time that they prove to be its own.
const MANY_ERRORS: u8 = 3;
pub(super) const MOST_DISPROVED: u8 = 5;
