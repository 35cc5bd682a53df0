//! The resources that requests go to, and whether they serve them, as far as is known.

use super::address::Address;
use super::answers::{Record, Trouble};
use super::resources::{Asked, Resource};
use super::target::Target;
use super::translator::Translator;

/// A resource that requests go to.
#[derive(Clone, Copy, Debug)]
pub struct Serving<'t> {
    /// The full JID.
    pub address: &'t str,
    /// Its presence; `None` for a fixed destination.
    pub listed: Option<&'t Resource>,
    /// Whether it gets requests.
    pub asked: Asked,
    /// What happened to its requests; `None` before the first.
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
    /// All of them, the online resources or the fixed destination, as the service with this number sees
    /// them.
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
            address: listed.address(),
            listed: Some(listed),
            asked,
            record: Address::new(listed.normal()).resource().and_then(|r| self.answers().of(r)),
        });
        fixed.into_iter().chain(listed)
    }

    /// The same for all services: each once, as seen by the first service that asks it, if any does.
    pub fn serving_all(&self) -> impl Iterator<Item = Serving<'_>> {
        let others = (1..self.services().len()).map(|service| self.serving(service));
        let mut others: Vec<_> = others.collect();
        self.serving(0).map(move |serving| {
            // All advance by one, whichever is used.
            let seen: Vec<_> = others.iter_mut().filter_map(Iterator::next).collect();
            let asks = |it: &Serving<'_>| it.asked != Asked::Never;
            std::iter::once(serving).chain(seen).find(asks).unwrap_or(serving)
        })
    }

    /// Whether some service has a resource to forward to.
    pub fn has_resources(&self) -> bool {
        (0..self.services().len()).any(|service| self.serves(service))
    }

    /// The same for the service with this number.
    pub fn serves(&self, service: usize) -> bool {
        self.settings().subscriber().is_none() || self.presence().resources.eligible(service) > 0
    }

    /// Whether there is a resource to forward to that is not known to fail. `now` in Unix seconds.
    pub fn is_ready(&self, now: u64) -> bool {
        (0..self.services().len()).any(|service| self.serves(service) && !self.fails(service, now))
    }

    /// Whether all resources of the service with this number are known to fail: by their answers they are
    /// gone.
    pub fn fails(&self, service: usize, now: u64) -> bool {
        // Called at each turn, and hardly ever true.
        self.answers().is_any_missing(now)
            && self.serves(service)
            && self.serving(service).all(|it| it.asked == Asked::Never || it.fails(now))
    }

    /// Whether all resources to forward to are known to fail.
    pub fn is_failing(&self, now: u64) -> bool {
        self.has_resources() && !self.is_ready(now)
    }
}

/// After so many errors for a missing resource a fixed destination is known to fail: no presence shows
/// whether they are its own.
const UNCONFIRMED: u64 = 3;
