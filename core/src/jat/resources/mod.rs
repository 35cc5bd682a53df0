//! The online resources of the target.

use fastrand::Rng;

use crate::named;

use super::address::Address;
use super::dispatch::{Dispatch, sticky_hash, sticky_weight};
use super::resourcepart;
use super::selection::Selection;

mod resource;
mod view;

use resource::MOST_DISPROVED;
pub use resource::{Known, Resource};
use view::View;

/// Resources in the order of their normal forms.
#[derive(Clone, Debug)]
pub struct Resources {
    online: Vec<Resource>,
    /// One for each of the target's services.
    views: Vec<View>,
    /// How many are in doubt.
    doubtful: usize,
}

impl Default for Resources {
    fn default() -> Self {
        Self { online: Vec::new(), views: vec![View::default()], doubtful: 0 }
    }
}

/// How many went, since an answer did not name them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gone {
    pub all: usize,
    /// Those that had been there after some questions: no accident of presence that servers tell in
    /// the wrong order.
    pub steady: usize,
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

impl Resources {
    /// Takes what the configuration says of resources, for each of the target's services.
    pub fn select(&mut self, selections: impl IntoIterator<Item = Selection>) {
        self.views = selections.into_iter().map(View::of).collect();
        for resource in &mut self.online {
            resource.places = places(&self.views, name(&resource.normal));
        }
        self.rank();
    }

    /// A full JID is available; `dnd` and `priority`: as in [`Resource`]. Says whether that is new.
    /// It is ignored if it is longer than any may be; or if there are more than any real service
    /// has, unless it can replace one in doubt: a foreign server could claim any number.
    pub fn add(&mut self, address: &Address<'_>, dnd: bool, priority: i8) -> bool {
        let new = self.put(address, Known { dnd, priority, verified: true, confirmed: true });
        if let Ok(at) = self.find(&address.normal()) {
            let known = &mut self.online[at];
            if known.answers_so && known.errors >= known.errors_to_doubt() {
                known.disproved = (known.disproved + 1).min(MOST_DISPROVED);
            }
            known.answers_so |= known.errors > 0;
            (known.errors, known.missed) = (0, 0);
        }
        new
    }

    /// Like [`Self::add`], with all that is known of it.
    pub fn put(&mut self, address: &Address<'_>, known: Known) -> bool {
        let (new, ranks) = self.put_unranked(address, known);
        if ranks {
            self.rank();
        }
        new
    }

    /// Like [`Self::put`], for all at once: there may be thousands.
    pub fn put_all<'a>(&mut self, all: impl IntoIterator<Item = (&'a str, Known)>) {
        for (address, known) in all {
            self.put_unranked(&Address::new(address), known);
        }
        self.rank();
    }

    /// [`Self::rank`] has to follow, unless the second that it says is false.
    fn put_unranked(&mut self, address: &Address<'_>, known: Known) -> (bool, bool) {
        let Known { dnd, priority, verified, confirmed } = known;
        let resource = address.resource().unwrap_or_default();
        if resource.len() > resourcepart::MAX_BYTES || address.as_str().len() > MAX_ADDRESS {
            return (false, false);
        }
        let normal = address.normal();
        let address = address.as_str().to_owned();
        match self.find(&normal) {
            Ok(at) => {
                let known = &mut self.online[at];
                let counts = |it: &Resource| (it.verified, it.dnd, it.priority);
                let before = counts(known);
                (known.address, known.dnd, known.priority) = (address, dnd, priority);
                (known.verified, known.confirmed) = (verified, confirmed);
                (false, counts(known) != before)
            }
            Err(at) => {
                let Some(at) = self.room_at(at) else { return (false, false) };
                let new = Resource {
                    hash: sticky_hash(name(&normal)),
                    places: places(&self.views, name(&normal)),
                    normal: normal.into_owned(),
                    address,
                    dnd,
                    priority,
                    verified,
                    confirmed,
                    missed: 0,
                    found: 0,
                    errors: 0,
                    answers_so: false,
                    disproved: 0,
                };
                self.online.insert(at, new);
                (true, true)
            }
        }
    }

    /// Where one can be put in that belongs `at` this place.
    fn room_at(&mut self, at: usize) -> Option<usize> {
        if self.online.len() < MOST_ONLINE {
            return Some(at);
        }
        if self.doubtful == 0 {
            return None;
        }
        let stale = self.online.iter().position(|r| !r.verified)?;
        self.online.remove(stale);
        Some(at - usize::from(stale < at))
    }

    /// Whether the resource with this full JID, in normal form, is in the list.
    pub fn contains(&self, normal: &str) -> bool {
        self.find(normal).is_ok()
    }

    /// Finds out who gets the next requests.
    fn rank(&mut self) {
        let Self { online, views, doubtful } = self;
        *doubtful = online.iter().filter(|resource| !resource.verified).count();
        for (service, view) in views.iter_mut().enumerate() {
            view.rank(service, online);
        }
    }

    fn find(&self, normal: &str) -> Result<usize, usize> {
        self.online.binary_search_by(|r| r.normal.as_str().cmp(normal))
    }

    /// A full JID is unavailable.
    pub fn remove(&mut self, address: &Address<'_>) {
        if let Ok(at) = self.find(&address.normal()) {
            self.online.remove(at);
            self.rank();
        }
    }

    pub fn clear(&mut self) {
        self.online.clear();
        self.rank();
    }

    /// Our stream was down: what is in the list may have gone meanwhile.
    pub fn doubt(&mut self) {
        self.online.iter_mut().for_each(|r| (r.verified, r.found) = (false, 0));
        self.rank();
    }

    /// The target is asked who is online.
    pub fn begin_round(&mut self) {
        self.online.iter_mut().for_each(|r| r.confirmed = false);
    }

    /// The answer is complete: what it did not name is in doubt, and is removed when that happened
    /// `limit` times in a row. Returns how many are removed.
    pub fn end_round(&mut self, limit: Option<u8>) -> Gone {
        for known in &mut self.online {
            if known.confirmed {
                known.found = (known.found + 1).min(STEADY);
            } else {
                (known.verified, known.missed) = (false, known.missed.saturating_add(1));
            }
        }
        let mut gone = Gone::default();
        self.online.retain(|r| {
            let stays = r.confirmed || limit.is_none_or(|limit| r.missed < limit);
            gone.all += usize::from(!stays);
            gone.steady += usize::from(!stays && r.found == STEADY);
            stays
        });
        self.rank();
        gone
    }

    /// A result came from a full JID, in normal form: it is there.
    pub fn vouch(&mut self, normal: &str) {
        let Ok(at) = self.find(normal) else { return };
        let known = &mut self.online[at];
        known.errors = 0;
        known.confirmed = true;
        if !std::mem::replace(&mut known.verified, true) {
            self.rank();
        }
    }

    /// An error came from a full JID, in normal form, that servers send in the name of one that is
    /// not there. Clients may send the same, so it is only put in doubt. Returns whether it was not
    /// in doubt before; `None` if it is not listed.
    pub fn suspect(&mut self, normal: &str) -> Option<bool> {
        let at = self.find(normal).ok()?;
        let known = &mut self.online[at];
        known.errors = known.errors.saturating_add(1);
        let doubted = known.errors >= known.errors_to_doubt()
            && std::mem::replace(&mut known.verified, false);
        if doubted {
            self.rank();
        }
        Some(doubted)
    }

    /// Whether one of them is in doubt.
    pub fn has_doubtful(&self) -> bool {
        self.doubtful > 0
    }

    /// The resource that gets the next request of `user` to the service of this number; `None`
    /// when nobody is online who may be asked.
    pub fn choose(&self, service: usize, user: &Address<'_>, rng: &mut Rng) -> Option<&Resource> {
        let View { selection, first, .. } = &self.views[service];
        let all = || first.iter().map(|at| &self.online[*at]);
        match selection.dispatch {
            Dispatch::Random if first.is_empty() => None,
            Dispatch::Random => Some(&self.online[first[rng.usize(..first.len())]]),
            Dispatch::Priority if first.len() <= 1 => all().next(),
            Dispatch::Sticky | Dispatch::Priority => {
                let user = sticky_hash(&user.normal_bare());
                // Equal weights would need equal hashes; then the name decides.
                all().max_by_key(|r| (sticky_weight(user, r.hash), &r.normal))
            }
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Resource> {
        self.online.iter()
    }

    /// Every resource, and whether it gets requests to the service of this number.
    pub fn asked(&self, service: usize) -> impl Iterator<Item = (&Resource, Asked)> {
        let View { selection, first, .. } = &self.views[service];
        let mut first = first.iter().peekable();
        self.online.iter().enumerate().map(move |(at, resource)| {
            let asked = match resource.standing(service, selection.dispatch) {
                _ if first.next_if_eq(&&at).is_some() => Asked::Now,
                Some(_) => Asked::Later,
                None => Asked::Never,
            };
            (resource, asked)
        })
    }

    /// A number for which resources these are: the same for all who know the same. `None`: there may be
    /// more, of which others know others.
    pub fn fingerprint(&self) -> Option<u64> {
        let all = self.online.iter().fold(0, |all, it| all ^ it.hash);
        (self.online.len() < MOST_ONLINE).then_some(all)
    }

    /// How many are online.
    pub fn len(&self) -> usize {
        self.online.len()
    }

    pub fn is_empty(&self) -> bool {
        self.online.is_empty()
    }

    /// How many are online that the service of this number may ask.
    pub fn eligible(&self, service: usize) -> usize {
        self.views[service].eligible
    }
}

fn places(views: &[View], name: &str) -> Vec<Option<usize>> {
    views.iter().map(|view| view.selection.place(name)).collect()
}

/// The resource of a full JID.
fn name(normal: &str) -> &str {
    Address::new(normal).resource().unwrap_or_default()
}

const MOST_ONLINE: usize = 2_000;
/// What came out of order during a question is gone after the next one.
const STEADY: u8 = 2;
/// Bytes of an address: of its three parts, of which none may be longer than a resource (RFC 7622
/// sections 3.2 to 3.4), and what stands between them.
const MAX_ADDRESS: usize = 3 * resourcepart::MAX_BYTES + 2;

#[cfg(test)]
mod tests;
