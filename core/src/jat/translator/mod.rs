//! What is done with each stanza: a table, of which the first matching row decides, and the rules that
//! it leads to, by kind of stanza, and by way where more than users' requests is relayed.

mod inward;
mod iq;
mod message;
mod outward;
mod own_answers;
mod presence;
mod senders;
#[cfg(test)]
mod testing;

use std::time::Duration;

use fastrand::Rng;
use jid::DomainPart;

use super::answers::{Answers, AnswersSnapshot, Event};
use super::incoming::{Incoming, Ours};
use super::limit::{Askers, Limit};
use super::now::Now;
use super::observed::Observed;
use super::presence::{Hearing, OwnPresence, Presence, PresenceSnapshot, Subscription};
use super::reason::{Answer, Outcome, Reason};
use super::recent_aliases::RecentAliases;
use super::route::{Place, Route, Sender};
use super::scratch::Scratch;
use super::settings::Settings;
use super::traffic::{Class, Traffic};
use super::verdict::Verdict;

/// The translator of one target: the settings of its services, and its presence.
#[derive(Debug)]
pub struct Translator {
    /// The services of one component that lead to this target, at least one.
    services: Vec<Settings>,
    presence: Presence,
    answers: Answers,
    unlisted_replies: u64,
    /// Stanzas that the lists of senders would have refused.
    observed: Observed,
    /// The askers' use of each limit of some service; limits are independent of each other.
    askers: Vec<(Limit, Askers)>,
    /// The target's recent aliases, with the key that makes names.
    aliases: RecentAliases,
    scratch: Scratch,
}

/// Which of the known facts no longer hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stale {
    /// Everything: the target is another one.
    Target,
    /// Whether we get all of the target's presence, since another domain got it.
    Subscription,
    Nothing,
}

impl Translator {
    /// With one service.
    pub fn new(settings: Settings) -> Self {
        Self::with_services(vec![settings])
    }

    /// With several services, at least one, of the same component and the same target.
    pub fn with_services(services: Vec<Settings>) -> Self {
        debug_assert!(services.iter().all(|it| it.target == services[0].target));
        let mut translator = Self {
            services,
            presence: Presence::new(),
            answers: Answers::default(),
            unlisted_replies: 0,
            observed: Observed::default(),
            askers: Vec::new(),
            aliases: RecentAliases::default(),
            scratch: Scratch::default(),
        };
        translator.select();
        translator
    }

    /// The settings of the first service. Those of the component, the target and the keys are the same in
    /// all.
    pub fn settings(&self) -> &Settings {
        &self.services[0]
    }

    /// The settings of each service.
    pub fn services(&self) -> &[Settings] {
        &self.services
    }

    pub fn presence(&self) -> &Presence {
        &self.presence
    }

    /// What users got.
    pub fn answers(&self) -> &Answers {
        &self.answers
    }

    /// Changes to new settings. A new target starts with an empty list; if another domain subscribes, the
    /// list is in doubt. The next [`Self::tick`] requests the subscription.
    pub fn reconfigure(&mut self, services: Vec<Settings>) {
        let same_access = self.services.len() == services.len()
            && self.services.iter().zip(&services).all(|(old, new)| old.access == new.access);
        if !same_access {
            self.observed.forget_domains();
        }
        if !self.services.iter().map(|it| it.limit).eq(services.iter().map(|it| it.limit)) {
            self.askers.clear();
        }
        self.aliases = RecentAliases::default();
        let before = std::mem::replace(&mut self.services, services);
        let (before, settings) = (&before[0], self.settings());
        self.drop_stale(match () {
            () if before.target != settings.target => Stale::Target,
            () if before.subscriber() != settings.subscriber() => Stale::Subscription,
            () => Stale::Nothing,
        });
    }

    /// Discards what is no longer true.
    pub fn drop_stale(&mut self, stale: Stale) {
        match stale {
            Stale::Target => {
                let before = std::mem::take(&mut self.presence);
                self.presence.inherit(&before);
                self.answers = self.answers.totals_only();
            }
            Stale::Subscription => self.presence.start_over(),
            Stale::Nothing => {}
        }
        self.select();
    }

    /// The next [`Self::tick`] requests the subscription, whatever its state.
    pub fn ask_again(&mut self) {
        self.presence.ask_again();
    }

    /// Continues with what another process knew of the target's presence, and counted.
    pub fn resume(
        &mut self,
        presence: PresenceSnapshot,
        answers: AnswersSnapshot,
        unlisted_replies: u64,
        now: Now,
    ) {
        self.presence = Presence::resume(presence, now);
        self.answers = Answers::resume(answers);
        self.unlisted_replies = unlisted_replies;
        self.select();
    }

    /// Continues with the counts of another one, whose target was removed.
    pub fn inherit(&mut self, from: &Self) {
        self.answers.add_totals(&from.answers);
        self.presence.inherit(&from.presence);
        self.unlisted_replies += from.unlisted_replies;
        self.observed.inherit(&from.observed);
    }

    /// Continues with what another process has counted.
    pub fn resume_observed(&mut self, observed: Observed) {
        self.observed = observed;
    }

    fn select(&mut self) {
        self.presence.resources.select(self.services.iter().map(Settings::selection));
    }

    /// The stream of the domain `at` is down.
    pub fn disconnected(&mut self, at: &DomainPart) {
        if *at == self.settings().domain {
            self.answers.disconnected();
        }
        if self.subscribes_at(at) {
            self.presence.disconnected();
        }
    }

    /// Records whether another process has the domain `at` too.
    pub fn shares(&mut self, at: &DomainPart, shared: bool) {
        if self.subscribes_at(at) {
            self.presence.set_hearing(match shared {
                true => Hearing::Part,
                false if self.settings().presence_domain.is_some() => Hearing::All,
                false => Hearing::Likely,
            });
        }
    }

    /// Does what is due on the stream of the domain `at`, which is up.
    pub fn tick(&mut self, at: &DomainPart, now: Now, rng: &mut Rng) -> Option<OwnPresence> {
        if !self.subscribes_at(at) {
            return None;
        }
        let before = self.presence.resources.len();
        let presence = self.presence.tick(now, rng);
        self.note_unconfirmed(before, now);
        presence
    }

    /// When [`Self::tick`] has something to do on that stream.
    pub fn deadline(&self, at: &DomainPart) -> Option<Duration> {
        self.subscribes_at(at).then(|| self.presence.deadline()).flatten()
    }

    /// Decides what is done with a stanza for the first service.
    pub fn judge(&mut self, stanza: &Incoming<'_>, now: Now, rng: &mut Rng) -> Verdict<'_> {
        self.judge_for(Some(0), stanza, now, rng)
    }

    /// Decides what is done with a stanza for the service with this number, `None` if it is for none: the
    /// first matching row does.
    pub fn judge_for(
        &mut self,
        service: Option<usize>,
        stanza: &Incoming<'_>,
        now: Now,
        rng: &mut Rng,
    ) -> Verdict<'_> {
        self.answers.forget();
        let settings = &self.services[service.unwrap_or_default()];
        let route =
            Route::of(stanza, settings, service.unwrap_or_default(), now, &mut self.scratch);
        let Route { sender, place, traffic, .. } = route;
        // `None`: only users' requests are relayed.
        let two_way = settings.two_way.clone();
        let question = self.question(&route, stanza);
        let why = |reason| match two_way {
            None => Verdict::by_table(traffic, reason),
            Some(_) => Verdict::refused(traffic, stanza.type_(), reason),
        };
        match (traffic.class, sender, place, &two_way) {
            // Even if the server itself is the target.
            _ if stanza.ours == Some(Ours::Time) => {
                Verdict::by_table(Class::Reply.inward(), Reason::ServerTime)
            }
            // It has no news beyond the answers to other probes.
            _ if stanza.ours == Some(Ours::Answer) => {
                Verdict::by_table(Class::Presence.outward(), Reason::PresenceUsed)
            }
            // Late echoes do not matter.
            (_, Sender::Nobody | Sender::Target | Sender::Other, _, _) if stanza.late => {
                why(Reason::ArrivedAfterClose)
            }
            (Class::Other, ..) => why(Reason::NotAStanza),
            (_, Sender::Own, _, _) if stanza.ours == Some(Ours::Echo) => why(Reason::Echo),
            (_, Sender::Own, ..) => why(Reason::OwnAddress),
            (_, Sender::Nobody, ..) => why(Reason::NoFrom),
            (_, _, Place::Elsewhere, _) => why(Reason::NotOurDomain),
            // The presence domain has no faces.
            _ if service.is_none() && question.is_none() && place != Place::Presence => {
                let answers = traffic.class == Class::Reply;
                let reason = if answers { Reason::NotFromTarget } else { Reason::NoSuchFace };
                Verdict::refused(traffic, stanza.type_(), reason)
            }
            _ if !self.permits(service, &route, stanza) => why(Reason::Forbidden),
            _ if !self.admits(service, &route, stanza, now, rng) => why(Reason::OverRate),

            // The rows that are the same whatever else is relayed.
            _ if question.is_some() => self.own_answer(&route, question),
            (Class::Reply, Sender::Target, Place::Token(_) | Place::Bad(_), _) => {
                self.reply(&route, stanza, now, rng)
            }
            (Class::Presence, Sender::Target, ..) if route.to.node().is_none() => {
                self.presence_of_target(&route, stanza, now, rng)
            }
            (Class::Reply, _, Place::Presence, _) => why(Reason::NoToken),
            (Class::Request, _, Place::Presence, _) => why(Reason::PresenceDomain),

            // More is relayed than requests of users.
            (_, _, Place::Mirror, Some(two_way)) => self.outward(two_way, &route, stanza),
            (Class::Message | Class::Presence, Sender::Target, Place::Plain, Some(two_way)) => {
                self.outward(two_way, &route, stanza)
            }
            (_, _, Place::Plain, Some(two_way)) => self.inward(two_way, &route, stanza, now, rng),

            (Class::Message, ..) => self.message(&route, stanza),
            (Class::Presence, ..) => self.presence_not_relayed(&route, stanza),
            (Class::Reply, ..) => why(Reason::NotFromTarget),
            (Class::Request, ..) => self.request(&route, stanza, now, rng),
        }
    }

    /// The last verdict was carried out, with this result: it is counted for the resource that was asked or
    /// has answered.
    pub fn note_outcome(&mut self, traffic: Traffic, reason: Reason, now: u64) {
        match (traffic.class, reason.outcome()) {
            (_, Outcome::Relayed) => self.answers.relayed(now),
            (Class::Reply, Outcome::Answered(Answer::Error { condition, .. })) => {
                self.answers.instead(Event::Error(condition));
                self.answers.relayed(now);
            }
            _ => {}
        }
    }

    /// Called when resources were removed without presence of their own, with how many there were before.
    fn note_unconfirmed(&mut self, before: usize, now: Now) {
        let gone = before.saturating_sub(self.presence.resources.len());
        self.answers.unconfirmed(gone, now.unix);
    }

    /// When [`Self::tick`] has something to do, on the stream of the subscription.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.settings().subscriber().and_then(|_| self.presence.deadline())
    }

    /// Whether the subscription is on the stream of this domain.
    pub(super) fn subscribes_at(&self, at: &DomainPart) -> bool {
        self.settings().subscriber() == Some(at)
    }

    /// Results with a valid token from resources without presence. Some come from resources that have just
    /// left; many mean that another process, maybe on another node of the server's cluster, gets the
    /// target's presence instead of us.
    pub fn unlisted_replies(&self) -> u64 {
        self.unlisted_replies
    }

    /// Stanzas that the lists of senders would have refused while they were only observed.
    pub fn observed(&self) -> &Observed {
        &self.observed
    }

    /// The state of the subscription; `None` for a fixed resource.
    pub fn subscription(&self) -> Option<&Subscription> {
        self.settings().subscriber().map(|_| self.presence.subscription())
    }
}
