//! The online resources of the target.

use fastrand::Rng;

use super::address::Address;
use super::dispatch::{Dispatch, sticky_hash, sticky_weight};

/// Resources in the order of their normal forms.
#[derive(Clone, Debug, Default)]
pub struct Resources {
    online: Vec<Resource>,
    /// How many of them have each rank.
    ranked: [usize; RANKS],
}

/// One online resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its full JID as the server stamped it.
    pub address: String,
    normal: String,
    hash: u64,
    /// `show='dnd'`: it gets no new request while another one is online.
    pub dnd: bool,
    /// Was it told to be online since there was reason to doubt it? It gets no new request while
    /// one is online of which that is true.
    pub verified: bool,
    /// Was it heard of since the target was last asked?
    pub confirmed: bool,
    /// How many questions in a row it was missing from the answer to.
    missed: u8,
    /// Errors since it was heard of that servers send in the name of one that is not there.
    errors: u8,
    /// Does it send such errors itself? It was there after one.
    answers_so: bool,
}

impl Resource {
    /// The full JID in normal form.
    pub fn normal(&self) -> &str {
        &self.normal
    }

    /// How gladly it is given a request; only those of the highest rank get any. One that drains
    /// still serves, one in doubt may not be there.
    fn rank(&self) -> usize {
        2 * usize::from(self.verified) + usize::from(!self.dnd)
    }
}

impl Resources {
    /// A full JID is available; `dnd`: as in [`Resource::dnd`]. Says whether that is new. It is
    /// ignored if it is longer than any may be; or beyond a number that no service has in earnest,
    /// unless it can take the place of one in doubt: a server elsewhere could claim any.
    pub fn add(&mut self, address: &Address<'_>, dnd: bool) -> bool {
        let new = self.put(address, dnd, true, true);
        if let Ok(at) = self.find(&address.normal()) {
            let known = &mut self.online[at];
            known.answers_so |= known.errors > 0;
            (known.errors, known.missed) = (0, 0);
        }
        new
    }

    /// Like [`Self::add`], with what is known of [`Resource::verified`] and
    /// [`Resource::confirmed`].
    pub fn put(
        &mut self,
        address: &Address<'_>,
        dnd: bool,
        verified: bool,
        confirmed: bool,
    ) -> bool {
        let resource = address.resource().unwrap_or_default();
        if resource.len() > MAX_PART || address.as_str().len() > MAX_ADDRESS {
            return false;
        }
        let normal = address.normal();
        let address = address.as_str().to_owned();
        let found = self.find(&normal);
        match found {
            Ok(at) => {
                let known = &mut self.online[at];
                self.ranked[known.rank()] -= 1;
                (known.address, known.dnd) = (address, dnd);
                (known.verified, known.confirmed) = (verified, confirmed);
                self.ranked[known.rank()] += 1;
            }
            Err(at) => {
                let Some(at) = self.room_at(at) else { return false };
                let hash = sticky_hash(Address::new(&normal).resource().unwrap_or_default());
                let normal = normal.into_owned();
                let (missed, errors, answers_so) = (0, 0, false);
                let new = Resource {
                    address,
                    normal,
                    hash,
                    dnd,
                    verified,
                    confirmed,
                    missed,
                    errors,
                    answers_so,
                };
                self.ranked[new.rank()] += 1;
                self.online.insert(at, new);
            }
        }
        found.is_err()
    }

    /// Where one can be put in that belongs `at` this place.
    fn room_at(&mut self, at: usize) -> Option<usize> {
        if self.online.len() < MOST_ONLINE {
            return Some(at);
        }
        let stale = self.online.iter().position(|r| !r.verified)?;
        let gone = self.online.remove(stale);
        self.ranked[gone.rank()] -= 1;
        Some(at - usize::from(stale < at))
    }

    /// Is the resource with this full JID, in normal form, in the list?
    pub fn contains(&self, normal: &str) -> bool {
        self.find(normal).is_ok()
    }

    fn recount(&mut self) {
        self.ranked = [0; RANKS];
        self.online.iter().for_each(|r| self.ranked[r.rank()] += 1);
    }

    fn find(&self, normal: &str) -> Result<usize, usize> {
        self.online.binary_search_by(|r| r.normal.as_str().cmp(normal))
    }

    /// A full JID is unavailable.
    pub fn remove(&mut self, address: &Address<'_>) {
        if let Ok(at) = self.find(&address.normal()) {
            self.online.remove(at);
            self.recount();
        }
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// We were away: what is in the list may have gone meanwhile.
    pub fn doubt(&mut self) {
        self.online.iter_mut().for_each(|r| r.verified = false);
        self.recount();
    }

    /// The target is asked who is online.
    pub fn begin_round(&mut self) {
        self.online.iter_mut().for_each(|r| r.confirmed = false);
    }

    /// The answer is complete: what it did not name is in doubt, and goes when that was so `limit`
    /// times in a row. Says how many go.
    pub fn end_round(&mut self, limit: Option<u8>) -> usize {
        let before = self.online.len();
        for missed in self.online.iter_mut().filter(|r| !r.confirmed) {
            (missed.verified, missed.missed) = (false, missed.missed.saturating_add(1));
        }
        self.online.retain(|r| r.confirmed || limit.is_none_or(|limit| r.missed < limit));
        self.recount();
        before - self.online.len()
    }

    /// A result came from a full JID, in normal form: it is there.
    pub fn vouch(&mut self, normal: &str) {
        let Ok(at) = self.find(normal) else { return };
        let known = &mut self.online[at];
        known.errors = 0;
        known.confirmed = true;
        if !std::mem::replace(&mut known.verified, true) {
            self.recount();
        }
    }

    /// An error came from a full JID, in normal form, that servers send in the name of one that
    /// is not there. Clients may send the same, so it is in doubt and no more. Says whether it is
    /// listed.
    pub fn suspect(&mut self, normal: &str) -> bool {
        let Ok(at) = self.find(normal) else { return false };
        let known = &mut self.online[at];
        known.errors = known.errors.saturating_add(1);
        // Else anybody could make a client answer so, and move the users who stick to it.
        let suffices = if known.answers_so { MANY_ERRORS } else { 1 };
        if known.errors >= suffices {
            (known.verified, known.confirmed) = (false, false);
            self.recount();
        }
        true
    }

    /// Is one of them in doubt?
    pub fn has_doubtful(&self) -> bool {
        self.ranked[0] + self.ranked[1] > 0
    }

    /// The resource that gets the next request of `user`; `None` when nobody is online.
    pub fn choose(
        &self,
        dispatch: Dispatch,
        user: &Address<'_>,
        rng: &mut Rng,
    ) -> Option<&Resource> {
        let rank = (0..RANKS).rev().find(|rank| self.ranked[*rank] > 0)?;
        let count = self.ranked[rank];
        let mut ready = self.online.iter().filter(|r| r.rank() == rank);
        match dispatch {
            Dispatch::Random if count == self.online.len() => {
                Some(&self.online[rng.usize(..count)])
            }
            Dispatch::Random => ready.nth(rng.usize(..count)),
            Dispatch::Sticky => {
                let user = sticky_hash(&user.normal_bare());
                // Equal weights would need equal hashes; the name decides even then.
                ready.max_by_key(|r| (sticky_weight(user, r.hash), &r.normal))
            }
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Resource> {
        self.online.iter()
    }

    pub fn len(&self) -> usize {
        self.online.len()
    }

    pub fn is_empty(&self) -> bool {
        self.online.is_empty()
    }
}

const MOST_ONLINE: usize = 2_000;
/// Such errors in a row that speak against one which answers so itself.
const MANY_ERRORS: u8 = 3;
/// Of [`Resource::rank`].
const RANKS: usize = 4;
/// Bytes of a resource, and of each other part of an address (RFC 7622 sections 3.2 to 3.4).
const MAX_PART: usize = 1023;
/// All three, and what stands between them.
const MAX_ADDRESS: usize = 3 * MAX_PART + 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn online(addresses: &[(&str, bool)]) -> Resources {
        let mut resources = Resources::default();
        addresses.iter().for_each(|(a, dnd)| {
            resources.add(&Address::new(a), *dnd);
        });
        resources
    }

    fn chosen(resources: &Resources, dispatch: Dispatch) -> Vec<&str> {
        let mut rng = Rng::with_seed(1);
        let mut chosen: Vec<&str> = (0..200)
            .filter_map(|i| {
                let user = format!("u{i}@s.example");
                resources.choose(dispatch, &Address::new(&user), &mut rng)
            })
            .map(|r| r.address.as_str())
            .collect();
        chosen.sort_unstable();
        chosen.dedup();
        chosen
    }

    #[test]
    fn both_ways_of_dispatch_reach_every_resource() {
        let resources = online(&[("bot@s/a", false), ("bot@s/b", false), ("BOT@s/b", false)]);
        assert_eq!(chosen(&resources, Dispatch::Random), ["BOT@s/b", "bot@s/a"]);
        assert_eq!(chosen(&resources, Dispatch::Sticky), ["BOT@s/b", "bot@s/a"]);
    }

    #[test]
    fn a_resource_that_drains_gets_requests_only_when_all_do() {
        let resources = online(&[("bot@s/a", true), ("bot@s/b", false)]);
        assert_eq!(chosen(&resources, Dispatch::Random), ["bot@s/b"]);
        assert_eq!(chosen(&resources, Dispatch::Sticky), ["bot@s/b"]);
        let resources = online(&[("bot@s/a", true), ("bot@s/b", true)]);
        assert_eq!(chosen(&resources, Dispatch::Random), ["bot@s/a", "bot@s/b"]);
    }

    #[test]
    fn a_resource_in_doubt_gets_requests_only_when_all_are() {
        let mut resources = online(&[("bot@s/a", false), ("bot@s/b", false), ("bot@s/c", false)]);
        resources.doubt();
        for dispatch in Dispatch::ALL {
            assert_eq!(chosen(&resources, dispatch), ["bot@s/a", "bot@s/b", "bot@s/c"]);
        }
        // Even one that drains is better than one that may not be there.
        resources.add(&Address::new("bot@s/b"), true);
        for dispatch in Dispatch::ALL {
            assert_eq!(chosen(&resources, dispatch), ["bot@s/b"]);
        }
    }

    #[test]
    fn sticky_is_the_same_in_every_replica() {
        let one = online(&[("bot@s/a", false), ("bot@s/b", false), ("bot@s/c", false)]);
        let other = online(&[("bot@s/c", false), ("BOT@s/a", false), ("bot@s/b", false)]);
        for user in (0..100).map(|i| format!("u{i}@s.example")) {
            let pick = |r: &Resources| {
                let user = Address::new(&user);
                let chosen = r.choose(Dispatch::Sticky, &user, &mut Rng::with_seed(1)).unwrap();
                chosen.normal.clone()
            };
            assert_eq!(pick(&one), pick(&other));
        }
    }

    #[test]
    fn what_a_list_holds_is_bounded_in_bytes() {
        let mut resources = Resources::default();
        let longest = "r".repeat(MAX_PART - 4);
        for number in 0..MOST_ONLINE + 100 {
            resources.add(&Address::new(&format!("bot@s/{longest}{number:04}")), false);
            resources.add(&Address::new(&format!("bot@s/{longest}{number:05}")), false);
        }
        assert_eq!(resources.len(), MOST_ONLINE);
        let bytes = |r: &Resource| r.address.len() + r.normal.len();
        assert_eq!(resources.iter().map(bytes).sum::<usize>(), 2 * MOST_ONLINE * (6 + MAX_PART));
        let long_bare = format!("{}@s/a", "B".repeat(MAX_ADDRESS));
        let mut resources = Resources::default();
        resources.add(&Address::new(&long_bare), false);
        assert!(resources.is_empty());
    }

    #[test]
    fn what_a_question_does_not_confirm_goes() {
        let mut resources = online(&[("bot@s/a", false), ("bot@s/b", false)]);
        resources.doubt();
        resources.begin_round();
        resources.add(&Address::new("bot@s/b"), false);
        assert_eq!(resources.end_round(Some(1)), 1);
        assert_eq!(resources.iter().map(|r| &*r.address).collect::<Vec<_>>(), ["bot@s/b"]);
        resources.remove(&Address::new("bot@s/unknown"));
        assert_eq!(resources.len(), 1);
        for dispatch in Dispatch::ALL {
            let mut rng = Rng::with_seed(1);
            assert!(online(&[]).choose(dispatch, &Address::new("u@s"), &mut rng).is_none());
        }
    }
}
