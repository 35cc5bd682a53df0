//! Which senders' stanzas are judged: those that the lists allow, and that are within the limit.

use fastrand::Rng;

use crate::jat::access::Mode;
use crate::jat::incoming::Incoming;
use crate::jat::limit::Askers;
use crate::jat::now::Now;
use crate::jat::route::{Route, Sender};
use crate::jat::settings::Settings;
use crate::jat::traffic::Class;

use super::Translator;

impl Translator {
    /// Whether the lists allow this sender's stanza. They apply only to stanzas that begin something.
    pub(super) fn permits(
        &mut self,
        service: Option<usize>,
        route: &Route<'_>,
        stanza: &Incoming<'_>,
    ) -> bool {
        let Settings { access, two_way, own_answers, .. } = &self.services[route.service];
        let access = match (service, own_answers) {
            (None, Some(own)) => own.access(),
            _ => access,
        };
        if !self.begins(route, stanza) || access.permits(&route.from) {
            return true;
        }
        let observes = access.mode == Mode::Observe;
        // A subscription that is refused anyway is not checked against them.
        if observes && (route.traffic.class != Class::Presence || two_way.is_some()) {
            self.observed.note(&route.from);
        }
        observes
    }

    /// Whether the sender is within its limit. Only stanzas that begin something count, and none of the
    /// target.
    pub(super) fn admits(
        &mut self,
        service: Option<usize>,
        route: &Route<'_>,
        stanza: &Incoming<'_>,
        now: Now,
        rng: &mut Rng,
    ) -> bool {
        // Our own answers without a service are limited nevertheless, like errors.
        let Some(limit) = service.and_then(|service| self.services[service].limit) else {
            return true;
        };
        if route.sender == Sender::Target || !self.begins(route, stanza) {
            return true;
        }
        let known = self.askers.iter().position(|(of, _)| *of == limit);
        let place = known.unwrap_or_else(|| {
            self.askers.push((limit, Askers::default()));
            self.askers.len() - 1
        });
        self.askers[place].1.admit(&limit, &route.from, now.mono, rng)
    }

    /// Whether the stanza begins something, rather than answers: requests, messages, and subscriptions of
    /// others than the target. Where more is relayed, also all presence except errors, and nothing of
    /// the target.
    fn begins(&self, route: &Route<'_>, stanza: &Incoming<'_>) -> bool {
        let two_way = &self.services[route.service].two_way;
        let is_target = route.sender == Sender::Target;
        match (route.traffic.class, stanza.type_()) {
            (Class::Request, _) => two_way.is_none() || !is_target,
            (Class::Message, type_) => type_ != Some("error") && (two_way.is_none() || !is_target),
            (Class::Presence, Some("error")) => false,
            (Class::Presence, type_) => {
                (type_ == Some("subscribe") || two_way.is_some()) && !is_target
            }
            (Class::Reply | Class::Other, _) => false,
        }
    }
}
