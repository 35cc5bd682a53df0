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
    /// A full JID is available; `dnd`: as in [`Resource::dnd`]. It is ignored if it is longer than
    /// any may be, or beyond a number that no service has in earnest: a server elsewhere could
    /// claim any.
    pub fn add(&mut self, address: &Address<'_>, dnd: bool) {
        self.put(address, dnd, true);
    }

    /// Like [`Self::add`], with what is known of [`Resource::verified`].
    pub fn put(&mut self, address: &Address<'_>, dnd: bool, verified: bool) {
        let resource = address.resource().unwrap_or_default();
        if resource.len() > MAX_PART || address.as_str().len() > MAX_ADDRESS {
            return;
        }
        let normal = address.normal();
        let address = address.as_str().to_owned();
        match self.find(&normal) {
            Ok(at) => {
                let known = &mut self.online[at];
                (known.address, known.dnd, known.verified) = (address, dnd, verified);
            }
            Err(_) if self.online.len() >= MOST_ONLINE => {}
            Err(at) => {
                let hash = sticky_hash(Address::new(&normal).resource().unwrap_or_default());
                let normal = normal.into_owned();
                self.online.insert(at, Resource { address, normal, hash, dnd, verified });
            }
        }
        self.recount();
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

    pub fn remove_unverified(&mut self) {
        self.online.retain(|r| r.verified);
        self.recount();
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
        addresses.iter().for_each(|(a, dnd)| resources.add(&Address::new(a), *dnd));
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
    fn what_is_not_confirmed_after_a_reconnect_goes() {
        let mut resources = online(&[("bot@s/a", false), ("bot@s/b", false)]);
        resources.doubt();
        resources.add(&Address::new("bot@s/b"), false);
        resources.remove_unverified();
        assert_eq!(resources.iter().map(|r| &*r.address).collect::<Vec<_>>(), ["bot@s/b"]);
        resources.remove(&Address::new("bot@s/unknown"));
        assert_eq!(resources.len(), 1);
        for dispatch in Dispatch::ALL {
            let mut rng = Rng::with_seed(1);
            assert!(online(&[]).choose(dispatch, &Address::new("u@s"), &mut rng).is_none());
        }
    }
}
