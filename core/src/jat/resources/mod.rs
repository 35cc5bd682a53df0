//! The online resources of the target.

use fastrand::Rng;

use super::address::Address;
use super::dispatch::{Dispatch, sticky_hash, sticky_weight};
use super::resourcepart;
use super::selection::{Selection, Standing};

mod resource;
mod view;

use resource::{MOST_DISPROVED, unless_normal};
use view::{Member, Position, View};

pub use resource::{Asked, Known, Resource};

/// The resources that are known to be online.
#[derive(Clone, Debug)]
pub struct Resources {
    /// In no order: when one is removed, the last one takes its place.
    online: Vec<Resource>,
    /// Their places in `online`, in the order of their normal forms.
    order: Vec<u32>,
    /// One for each of the target's services.
    views: Vec<View>,
    /// How many are in doubt.
    doubtful: usize,
}

impl Default for Resources {
    fn default() -> Self {
        let views = vec![View::default()];
        Self { online: Vec::new(), order: Vec::new(), views, doubtful: 0 }
    }
}

/// How many were removed because an answer did not name them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gone {
    pub all: usize,
    /// Those that had been online after several questions, so that presence in the wrong order can't be
    /// the reason.
    pub steady: usize,
}

impl Resources {
    /// Applies the configuration of resources, for each of the target's services.
    pub fn select(&mut self, selections: impl IntoIterator<Item = Selection>) {
        self.views = selections.into_iter().map(View::of).collect();
        for at in 0..self.online.len() {
            self.online[at].positions = positions(&self.views, name(&self.online[at].normal));
            self.rank(at);
        }
    }

    /// A full JID is available; `dnd` and `priority`: as in [`Resource`]. Returns whether it is new.
    /// It is ignored if it is too long for an address, or if there are more than any real service has,
    /// unless it can replace one in doubt: another server could report any number.
    pub fn add(&mut self, address: &Address<'_>, dnd: bool, priority: i8) -> bool {
        let new = self.put(address, Known { dnd, priority, verified: true, confirmed: true });
        if let Some(at) = self.locate(&address.normal()) {
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
        let resource = address.resource().unwrap_or_default();
        if resource.len() > resourcepart::MAX_BYTES || address.as_str().len() > MAX_ADDRESS {
            return false;
        }
        let normal = address.normal();
        let Known { dnd, priority, verified, confirmed } = known;
        match self.find(&normal) {
            Ok(index) => {
                self.change(self.at(index), |resource| {
                    resource.set_address(address.as_str());
                    (resource.dnd, resource.priority) = (dnd, priority);
                    (resource.verified, resource.confirmed) = (verified, confirmed);
                });
                false
            }
            Err(index) => {
                let Some(index) = self.room_at(index) else { return false };
                let at = self.online.len();
                self.online.push(Resource {
                    hash: sticky_hash(name(&normal)),
                    positions: positions(&self.views, name(&normal)),
                    passed_on: unless_normal(address.as_str(), &normal),
                    normal: normal.into(),
                    dnd,
                    priority,
                    verified,
                    confirmed,
                    missed: 0,
                    found: 0,
                    errors: 0,
                    answers_so: false,
                    disproved: 0,
                });
                self.order.insert(index, u32::try_from(at).expect("there are not so many"));
                self.doubtful += usize::from(!verified);
                self.rank(at);
                true
            }
        }
    }

    /// Like [`Self::put`], for all of these.
    pub fn put_all<'a>(&mut self, all: impl IntoIterator<Item = (&'a str, Known)>) {
        for (address, known) in all {
            self.put(&Address::new(address), known);
        }
    }

    /// The place in the order to insert one that belongs at this `index`.
    fn room_at(&mut self, index: usize) -> Option<usize> {
        if self.online.len() < MOST_ONLINE {
            return Some(index);
        }
        if self.doubtful == 0 {
            return None;
        }
        let stale = self.online.iter().position(|r| !r.verified)?;
        let before = self.find(&self.online[stale].normal).is_ok_and(|stale| stale < index);
        self.take_out(stale);
        Some(index - usize::from(before))
    }

    /// Whether the resource with this full JID, in normal form, is in the list.
    pub fn contains(&self, normal: &str) -> bool {
        self.find(normal).is_ok()
    }

    /// The place in the order of the resource with this full JID, in normal form, or where it would be.
    fn find(&self, normal: &str) -> Result<usize, usize> {
        self.order.binary_search_by(|at| (*self.online[*at as usize].normal).cmp(normal))
    }

    /// The place in the list of the one with this place in the order.
    fn at(&self, index: usize) -> usize {
        self.order[index] as usize
    }

    /// The place in the list of the resource with this full JID, in normal form.
    fn locate(&self, normal: &str) -> Option<usize> {
        self.find(normal).ok().map(|index| self.at(index))
    }

    /// Changes one, and updates who gets the next requests.
    fn change<T>(&mut self, at: usize, change: impl FnOnce(&mut Resource) -> T) -> T {
        let resource = &mut self.online[at];
        self.doubtful -= usize::from(!resource.verified);
        let changed = change(resource);
        self.doubtful += usize::from(!resource.verified);
        self.rank(at);
        changed
    }

    /// Updates the rank of one for each service.
    fn rank(&mut self, at: usize) {
        for service in 0..self.views.len() {
            let dispatch = self.views[service].selection.dispatch;
            let standing = self.online[at].standing(service, dispatch);
            self.rank_as(at, service, standing);
        }
    }

    fn rank_as(&mut self, at: usize, service: usize, standing: Option<Standing>) {
        let resource = &mut self.online[at];
        let member = Member { at, hash: resource.hash };
        let moved = self.views[service].rank(member, &mut resource.positions[service], standing);
        if let Some((other, index)) = moved {
            self.online[other].positions[service].index = index;
        }
    }

    fn take_out(&mut self, at: usize) {
        (0..self.views.len()).for_each(|service| self.rank_as(at, service, None));
        let last = self.online.len() - 1;
        let [index, of_last] = [at, last].map(|at| self.find(&self.online[at].normal));
        let (index, of_last) = (index.expect("it is listed"), of_last.expect("it is listed"));
        self.order[of_last] = self.order[index];
        self.order.remove(index);
        for (view, position) in self.views.iter_mut().zip(&self.online[last].positions) {
            view.relocate(position, at);
        }
        let gone = self.online.swap_remove(at);
        self.doubtful -= usize::from(!gone.verified);
    }

    /// A full JID is unavailable.
    pub fn remove(&mut self, address: &Address<'_>) {
        if let Some(at) = self.locate(&address.normal()) {
            self.take_out(at);
        }
    }

    pub fn clear(&mut self) {
        self.online.clear();
        self.order.clear();
        self.views.iter_mut().for_each(View::clear);
        self.doubtful = 0;
    }

    /// Our stream was down: listed resources may have left meanwhile.
    pub fn doubt(&mut self) {
        (0..self.online.len())
            .for_each(|at| self.change(at, |r| (r.verified, r.found) = (false, 0)));
    }

    /// The target is asked who is online.
    pub fn begin_round(&mut self) {
        self.online.iter_mut().for_each(|r| r.confirmed = false);
    }

    /// The answer is complete: removes resources that were missing `limit` times in a row, and returns how
    /// many.
    pub fn end_round(&mut self, limit: u8) -> Gone {
        let mut gone = Gone::default();
        // From the end, as the last one takes the place of a removed one.
        for at in (0..self.online.len()).rev() {
            if self.online[at].confirmed {
                let found = &mut self.online[at].found;
                *found = (*found + 1).min(STEADY);
                continue;
            }
            let (missed, found) = self.change(at, |resource| {
                resource.verified = false;
                resource.missed = resource.missed.saturating_add(1);
                (resource.missed, resource.found)
            });
            if missed >= limit {
                gone.all += 1;
                gone.steady += usize::from(found == STEADY);
                self.take_out(at);
            }
        }
        gone
    }

    /// A result came from a full JID, in normal form, so it is online.
    pub fn vouch(&mut self, normal: &str) {
        let Some(at) = self.locate(normal) else { return };
        let known = &mut self.online[at];
        known.errors = 0;
        known.confirmed = true;
        if !known.verified {
            self.change(at, |resource| resource.verified = true);
        }
    }

    /// An error came from a full JID, in normal form, that servers send for a resource that is gone.
    /// Clients may send the same, so it is only put in doubt. Returns whether this is new; `None` if it
    /// is not listed.
    pub fn suspect(&mut self, normal: &str) -> Option<bool> {
        let at = self.locate(normal)?;
        let known = &mut self.online[at];
        known.errors = known.errors.saturating_add(1);
        let doubted = known.verified && known.errors >= known.errors_to_doubt();
        if doubted {
            self.change(at, |resource| resource.verified = false);
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
        let view = &self.views[service];
        let first = view.first();
        let chosen = match view.selection.dispatch {
            Dispatch::Random if first.is_empty() => None,
            Dispatch::Random => Some(&first[rng.usize(..first.len())]),
            Dispatch::Priority if first.len() <= 1 => first.first(),
            Dispatch::Sticky | Dispatch::Priority => {
                let user = sticky_hash(&user.normal_bare());
                let weighed = first.iter().map(|member| (sticky_weight(user, member.hash), member));
                weighed.reduce(|best, next| self.heavier(best, next)).map(|(_, member)| member)
            }
        };
        chosen.map(|member| &self.online[member.at])
    }

    /// Equal weights need equal hashes; the name decides even then.
    fn heavier<'a>(&self, one: (u64, &'a Member), other: (u64, &'a Member)) -> (u64, &'a Member) {
        let name = |member: &Member| &self.online[member.at].normal;
        let order = one.0.cmp(&other.0).then_with(|| name(one.1).cmp(name(other.1)));
        if order.is_lt() { other } else { one }
    }

    /// In the order of their normal forms.
    pub fn iter(&self) -> impl Iterator<Item = &Resource> {
        self.order.iter().map(|at| &self.online[*at as usize])
    }

    /// Every resource, and whether it gets requests to the service of this number.
    pub fn asked(&self, service: usize) -> impl Iterator<Item = (&Resource, Asked)> {
        let view = &self.views[service];
        self.iter().map(move |resource| {
            let asked = match resource.standing(service, view.selection.dispatch) {
                None => Asked::Never,
                standing if standing == view.best() => Asked::Now,
                Some(_) => Asked::Later,
            };
            (resource, asked)
        })
    }

    /// A number that is the same for replicas that know the same resources. `None` if there may be more
    /// than are listed.
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

fn positions(views: &[View], name: &str) -> Box<[Position]> {
    views.iter().map(|view| Position::of(view.selection.place(name))).collect()
}

/// The resource of a full JID.
fn name(normal: &str) -> &str {
    Address::new(normal).resource().unwrap_or_default()
}

/// More sessions than servers give to one account.
pub(super) const MOST_ONLINE: usize = 10_000;
/// A resource listed by mistake is removed after the next question.
const STEADY: u8 = 2;
/// The maximum length of an address: three parts, none longer than a resource (RFC 7622 sections 3.2
/// to 3.4), and the separators.
const MAX_ADDRESS: usize = 3 * resourcepart::MAX_BYTES + 2;

#[cfg(test)]
mod tests;
