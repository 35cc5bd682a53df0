//! Whom requests go to, and whether they are served there, as far as is known.

use super::address::Address;
use super::answers::{Record, Trouble};
use super::resources::{Asked, Resource};
use super::target::Target;
use super::translator::Translator;

/// One of those whom requests go to.
#[derive(Clone, Copy, Debug)]
pub struct Serving<'t> {
    /// The full JID.
    pub address: &'t str,
    /// What presence tells; `None` for a fixed destination.
    pub listed: Option<&'t Resource>,
    /// Whether it gets requests.
    pub asked: Asked,
    /// What it made of its requests; `None` before the first.
    pub record: Option<&'t Record>,
}

impl Serving<'_> {
    /// What is wrong with it. `hears_all`: whether all its answers come to us. `now` in Unix
    /// seconds. A resource that never gets a request has no troubles.
    pub fn trouble(&self, hears_all: bool, now: u64) -> Option<Trouble> {
        if self.asked == Asked::Never {
            return None;
        }
        let enough = if self.listed.is_some() { 1 } else { UNCONFIRMED };
        self.record?.trouble(enough, hears_all, now)
    }

    fn fails(&self, now: u64) -> bool {
        self.trouble(false, now).is_some_and(Trouble::is_missing)
    }
}

impl Translator {
    /// All of them: the resources that are online, or the fixed destination; as the service of this
    /// number sees them.
    pub fn serving(&self, service: usize) -> impl Iterator<Item = Serving<'_>> {
        let fixed = match &self.settings().target {
            Target::Resource { full, .. } => Some(Serving {
                address: full.as_str(),
                listed: None,
                asked: Asked::Now,
                record: self.answers().of(full.resource().as_str()),
            }),
            Target::Account(_) => None,
        };
        let listed = self.presence().resources.asked(service).map(|(listed, asked)| Serving {
            address: &listed.address,
            listed: Some(listed),
            asked,
            record: Address::new(listed.normal()).resource().and_then(|r| self.answers().of(r)),
        });
        fixed.into_iter().chain(listed)
    }

    /// The same of all services: each of them once, as the first one sees it that asks it, if any
    /// does.
    pub fn serving_all(&self) -> impl Iterator<Item = Serving<'_>> {
        let others = (1..self.services().len()).map(|service| self.serving(service));
        let mut others: Vec<_> = others.collect();
        self.serving(0).map(move |serving| {
            // All advance by one, whichever is taken.
            let seen: Vec<_> = others.iter_mut().filter_map(Iterator::next).collect();
            let asks = |it: &Serving<'_>| it.asked != Asked::Never;
            std::iter::once(serving).chain(seen).find(asks).unwrap_or(serving)
        })
    }

    /// Whether some service has anybody to forward to: somebody who may be asked.
    pub fn has_resources(&self) -> bool {
        (0..self.services().len()).any(|service| self.serves(service))
    }

    /// The same of the service of this number.
    pub fn serves(&self, service: usize) -> bool {
        self.settings().subscriber().is_none() || self.presence().resources.eligible(service) > 0
    }

    /// Whether there is anybody to forward to who is not known to fail. `now` in Unix seconds.
    pub fn is_ready(&self, now: u64) -> bool {
        (0..self.services().len()).any(|service| self.serves(service) && !self.fails(service, now))
    }

    /// Whether everybody that the service of this number forwards to is known to fail: by what they
    /// answer, they are not there.
    pub fn fails(&self, service: usize, now: u64) -> bool {
        // Called at each turn, and hardly ever true.
        self.answers().is_any_missing(now)
            && self.serves(service)
            && self.serving(service).all(|it| it.asked == Asked::Never || it.fails(now))
    }

    /// Whether everybody to forward to is known to fail.
    pub fn is_failing(&self, now: u64) -> bool {
        self.has_resources() && !self.is_ready(now)
    }
}

/// After so many errors as of a missing resource a fixed one is known to fail: no presence tells
/// whether they are its own.
const UNCONFIRMED: u64 = 3;
