//! What is done with each stanza: the table of rows that the first fit decides.

use std::time::Duration;

use fastrand::Rng;
use jid::DomainPart;

use crate::stanza::head::Head;
use crate::stanza::peek;

use super::access::Mode;
use super::address::Address;
use super::answers::{self, Answers};
use super::exchange::{Exchange, Scratch};
use super::incoming::{Body, Incoming};
use super::now::Now;
use super::observed::Observed;
use super::presence::{self, Action, Answer, Heard, Hearing, Presence, Subscription};
use super::reason::Reason;
use super::settings::Settings;
use super::traffic::{Class, Traffic};
use super::verdict::Verdict;

/// One component's translator: its settings, and what presence told of its target.
#[derive(Debug)]
pub struct Translator {
    settings: Settings,
    presence: Presence,
    answers: Answers,
    unlisted_replies: u64,
    /// What its lists of senders would have refused.
    observed: Observed,
    scratch: Scratch,
}

impl Translator {
    pub fn new(settings: Settings) -> Self {
        let mut translator = Self {
            settings,
            presence: Presence::new(),
            answers: Answers::default(),
            unlisted_replies: 0,
            observed: Observed::default(),
            scratch: Scratch::default(),
        };
        translator.select();
        translator
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub fn presence(&self) -> &Presence {
        &self.presence
    }

    /// What users got.
    pub fn answers(&self) -> &Answers {
        &self.answers
    }

    /// The stanza that was judged last was relayed, at this Unix second.
    pub fn relayed(&mut self, now: u64) {
        self.answers.relayed(now);
    }

    /// Takes new settings. Another target starts with an empty list; for another domain to
    /// subscribe from the list is in doubt. The next [`Self::tick`] requests the subscription.
    pub fn reconfigure(&mut self, settings: Settings) {
        if self.settings.access != settings.access {
            self.observed.forget_domains();
        }
        let before = std::mem::replace(&mut self.settings, settings);
        let same_target = before.target == self.settings.target;
        self.outlive(same_target, before.subscriber() == self.settings.subscriber());
    }

    /// Keeps what is still true of what was known, which may be of another target, or have been told
    /// to another domain.
    pub fn outlive(&mut self, same_target: bool, same_subscriber: bool) {
        if !same_target {
            self.presence = Presence::new();
            self.answers = self.answers.of_another_target();
        } else if !same_subscriber {
            self.presence.start_anew();
        }
        self.select();
    }

    /// The next [`Self::tick`] requests the subscription, whatever was heard so far.
    pub fn ask_again(&mut self) {
        self.presence.ask_again();
    }

    /// Takes what another process knew of the target's presence, and counted.
    pub fn resume(
        &mut self,
        presence: presence::Handover,
        answers: answers::Handover,
        unlisted_replies: u64,
        now: Now,
    ) {
        self.presence = Presence::resume(presence, now);
        self.answers = Answers::resume(answers);
        self.unlisted_replies = unlisted_replies;
        self.select();
    }

    /// Goes on with what another process has counted.
    pub fn resume_observed(&mut self, observed: Observed) {
        self.observed = observed;
    }

    fn select(&mut self) {
        self.presence.resources.select(self.settings.selection());
    }

    /// The stream of the domain `at` is down.
    pub fn disconnected(&mut self, at: &DomainPart) {
        if *at == self.settings.domain {
            self.answers.disconnected();
        }
        if self.subscribes_at(at) {
            self.presence.disconnected();
        }
    }

    /// Notes whether another process has the domain `at` too.
    pub fn shares(&mut self, at: &DomainPart, shared: bool) {
        if self.subscribes_at(at) {
            self.presence.hears(match shared {
                true => Hearing::Part,
                false if self.settings.presence_domain.is_some() => Hearing::All,
                false => Hearing::Likely,
            });
        }
    }

    /// Does what is due on the stream of the domain `at`, which is up.
    pub fn tick(&mut self, at: &DomainPart, now: Now, rng: &mut Rng) -> Option<Action> {
        if !self.subscribes_at(at) {
            return None;
        }
        let before = self.presence.resources.len();
        let action = self.presence.tick(now, rng);
        self.note_unconfirmed(before, now);
        action
    }

    /// When [`Self::tick`] has something to do on that stream.
    pub fn deadline(&self, at: &DomainPart) -> Option<Duration> {
        self.subscribes_at(at).then(|| self.presence.deadline()).flatten()
    }

    /// Decides what is done with a stanza that arrived on the stream of the domain `at`: the
    /// component's, or its presence domain.
    pub fn judge(
        &mut self,
        at: &DomainPart,
        head: &Head<'_>,
        body: Body<'_>,
        now: Now,
        rng: &mut Rng,
    ) -> Verdict<'_> {
        self.answers.forget();
        let class = Class::of(head);
        if class == Class::Other {
            return Verdict::Drop(class.inward(), Reason::NotAStanza);
        }
        let Some(from) = head.from.as_deref().filter(|from| !from.is_empty()) else {
            return Verdict::Drop(class.inward(), Reason::NoFrom);
        };
        let from = Address::new(from);
        if self.is_own(&from) {
            return Verdict::Own(class.inward());
        }
        let traffic = class.by_sender(self.settings.target.owns(&from));
        if from.has_empty_part() {
            return Verdict::Drop(traffic, Reason::NoFrom);
        }
        let to = Address::new(head.to.as_deref().unwrap_or_default());
        if !to.is_at(at.as_str()) {
            return Verdict::Drop(traffic, Reason::NotOurDomain);
        }
        let for_presence_alone = *at != self.settings.domain;
        let stanza = Incoming { head, body, from, to };
        let permitted = self.is_permitted(class, &stanza);
        let refuse =
            |reason| Verdict::answer(at, &to, traffic, reason, self.presence.subscription());
        if !permitted {
            return match class {
                Class::Presence => Verdict::unsubscribe(at, &to, traffic, Reason::Forbidden),
                _ => refuse(Reason::Forbidden),
            };
        }
        match class {
            Class::Message if stanza.type_() == Some("error") => {
                Verdict::Drop(traffic, Reason::ErrorIgnored)
            }
            Class::Presence => self.judge_presence(at, &stanza, traffic, now, rng),
            Class::Reply if for_presence_alone => Verdict::Drop(traffic, Reason::NoToken),
            Class::Request | Class::Message if for_presence_alone => refuse(Reason::PresenceDomain),
            Class::Request => self.exchange().request(&stanza, now, rng),
            Class::Reply => self.exchange().reply(&stanza, now, rng),
            Class::Message => refuse(Reason::MessageRefused),
            Class::Other => Verdict::Drop(traffic, Reason::NotAStanza),
        }
    }

    /// May the sender have this judged? Only what it begins is held against the lists: requests,
    /// messages, and subscriptions of others than the target.
    fn is_permitted(&mut self, class: Class, stanza: &Incoming<'_>) -> bool {
        let Settings { access, target, .. } = &self.settings;
        let Incoming { from, .. } = stanza;
        let begins = match (class, stanza.type_()) {
            (Class::Request, _) => true,
            (Class::Message, type_) => type_ != Some("error"),
            (Class::Presence, type_) => type_ == Some("subscribe") && !target.owns(from),
            (Class::Reply | Class::Other, _) => false,
        };
        if !begins || access.permits(from) {
            return true;
        }
        let observes = access.mode == Mode::Observe;
        // A subscription is refused anyway, and what is judged once more was noted.
        let again = matches!(stanza.body, Body::Outgrown);
        if observes && class != Class::Presence && !again {
            self.observed.note(from);
        }
        observes
    }

    fn exchange(&mut self) -> Exchange<'_> {
        let Self { settings, presence, answers, scratch, unlisted_replies, .. } = self;
        Exchange { settings, presence, answers, scratch, unlisted_replies }
    }

    fn judge_presence(
        &mut self,
        at: &DomainPart,
        stanza: &Incoming<'_>,
        traffic: Traffic,
        now: Now,
        rng: &mut Rng,
    ) -> Verdict<'_> {
        let Incoming { from, to, .. } = stanza;
        let ignored = Verdict::Drop(traffic, Reason::PresenceIgnored);
        let of_target = to.node().is_none()
            && self.settings.subscriber().is_some()
            && self.settings.target.owns(from);
        if !of_target {
            return match stanza.type_() {
                Some("subscribe") => {
                    Verdict::unsubscribe(at, to, traffic, Reason::SubscriptionRefused)
                }
                _ => ignored,
            };
        }
        if !self.subscribes_at(at) {
            // It belongs to the presence domain; one random replica would hear it here.
            return ignored;
        }
        let bytes = match stanza.body {
            Body::Whole { stanza, .. } => stanza,
            Body::OverLimit { .. } | Body::Outgrown => &[],
        };
        let heard = match stanza.type_() {
            None => Heard::Available {
                dnd: peek::find(bytes, &["*", "show"]).is_some_and(|s| s.text.trim() == "dnd"),
                priority: peek::find(bytes, &["*", "priority"]).map_or(0, |p| priority(&p.text)),
            },
            Some("unavailable") => Heard::Unavailable,
            Some("subscribe") => Heard::Subscribe,
            Some("subscribed") => Heard::Subscribed,
            Some("unsubscribed") => Heard::Unsubscribed,
            Some("probe") => Heard::Probe,
            Some("error") => Heard::Error(
                peek::find(bytes, &["*", "error", "*"])
                    .map(|c| c.name)
                    .filter(|name| is_condition(name))
                    .unwrap_or_else(|| "undefined-condition".to_owned()),
            ),
            Some(_) => Heard::Other,
        };
        if let (Heard::Available { .. }, Some(_)) = (&heard, from.resource()) {
            let normal = from.normal();
            let new = !self.presence.resources.contains(&normal);
            self.answers.seen(Address::new(&normal).resource().unwrap_or_default(), new);
        }
        let nobody = heard == Heard::Unavailable && from.resource().is_none();
        let before = self.presence.resources.len();
        let answer = self.presence.hear(from, heard, now, rng);
        if nobody {
            self.note_unconfirmed(before, now);
        }
        match answer {
            Answer::Used(actions) => Verdict::Presence(actions),
            Answer::Ignored => ignored,
        }
    }

    /// There were so many resources before some went that did not say so themselves.
    fn note_unconfirmed(&mut self, before: usize, now: Now) {
        let gone = before.saturating_sub(self.presence.resources.len());
        self.answers.unconfirmed(gone, now.unix);
    }

    /// Does it come from an address of ours, so from this process or from a sibling that shares
    /// the domain?
    pub fn is_from_us(&self, head: &Head<'_>) -> bool {
        head.from.as_deref().is_some_and(|from| self.is_own(&Address::new(from)))
    }

    /// What a stanza counts as that is not judged.
    pub fn traffic(&self, head: &Head<'_>) -> Traffic {
        let from = head.from.as_deref().map(Address::new);
        Class::of(head).by_sender(from.is_some_and(|from| self.settings.target.owns(&from)))
    }

    fn is_own(&self, address: &Address<'_>) -> bool {
        let Settings { domain, presence_domain, .. } = &self.settings;
        [Some(domain), presence_domain.as_ref()]
            .into_iter()
            .flatten()
            .any(|own| address.is_at(own.as_str()))
    }

    fn subscribes_at(&self, at: &DomainPart) -> bool {
        self.settings.subscriber() == Some(at)
    }

    /// Results with a good token from resources that we were not told are online. Some come
    /// from resources that have just left; many mean that another process, on another node of
    /// the server's cluster perhaps, is told in our place.
    pub fn unlisted_replies(&self) -> u64 {
        self.unlisted_replies
    }

    /// What the lists of senders would have refused while they were only observed.
    pub fn observed(&self) -> &Observed {
        &self.observed
    }

    /// What the subscription is worth; `None` for a fixed resource.
    pub fn subscription(&self) -> Option<&Subscription> {
        self.settings.subscriber().map(|_| self.presence.subscription())
    }
}

/// What is no integer from -128 to 127 is none, so 0 (RFC 6121 section 4.7.2.3).
fn priority(text: &str) -> i8 {
    text.trim().parse().unwrap_or_default()
}

/// Does it look like a stanza error condition (RFC 6120 section 8.3.3)? Users are told it.
fn is_condition(name: &str) -> bool {
    name.len() <= 32 && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
}
