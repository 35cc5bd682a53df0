//! What is done with each stanza: the table of rows that the first fit decides.

use std::time::Duration;

use fastrand::Rng;
use jid::DomainPart;

use crate::stanza::head::Head;
use crate::stanza::peek;

use super::address::{Address, normal_bare};
use super::now::Now;
use super::presence::{self, Action, Answer, Heard, Presence, Subscription};
use super::reason::{Direction, Reason};
use super::settings::{Settings, TokenIn};
use super::target::Target;
use super::token::{self, Binding, Claims, Token, TokenError};
use super::verdict::{Verdict, refusal};

/// The content of a stanza, as far as it matters to a verdict.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    Whole {
        /// Number of child elements.
        children: usize,
        /// May it be sent on? See [`crate::stanza::splitter::Element::sound`].
        sound: bool,
        /// The whole stanza.
        stanza: &'a [u8],
    },
    /// It was over a limit, and there is no more of it.
    OverLimit {
        /// Number of child elements until then.
        children: usize,
    },
}

/// One component's translator: its settings, and what presence told of its target.
#[derive(Debug)]
pub struct Translator {
    settings: Settings,
    presence: Presence,
    unlisted_replies: u64,
}

impl Translator {
    pub fn new(settings: Settings) -> Self {
        Self { settings, presence: Presence::new(), unlisted_replies: 0 }
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub fn presence(&self) -> &Presence {
        &self.presence
    }

    /// Takes new settings. Another target starts with an empty list; for another domain to
    /// subscribe from the list is in doubt. The next [`Self::tick`] requests the subscription.
    pub fn reconfigure(&mut self, settings: Settings) {
        let same_target = self.settings.target == settings.target;
        let same_subscriber = self.settings.subscriber() == settings.subscriber();
        self.settings = settings;
        if !same_target {
            self.presence = Presence::new();
        } else if !same_subscriber {
            self.presence.start_anew();
        }
    }

    /// Takes what another process knew of the target's presence, and counted.
    pub fn resume(&mut self, from: presence::Handover, unlisted_replies: u64, now: Now) {
        self.presence = Presence::resume(from, now);
        self.unlisted_replies = unlisted_replies;
    }

    /// The stream of the domain `at` is down.
    pub fn disconnected(&mut self, at: &DomainPart) {
        if self.subscribes_at(at) {
            self.presence.disconnected();
        }
    }

    /// Does what is due on the stream of the domain `at`, which is up.
    pub fn tick(&mut self, at: &DomainPart, now: Now, rng: &mut Rng) -> Option<Action> {
        if !self.subscribes_at(at) {
            return None;
        }
        self.presence.tick(now, rng)
    }

    /// When [`Self::tick`] has something to do on that stream.
    pub fn deadline(&self, at: &DomainPart) -> Option<Duration> {
        self.subscribes_at(at).then(|| self.presence.deadline()).flatten()
    }

    /// Is there anybody to forward to?
    pub fn is_ready(&self) -> bool {
        self.settings.subscriber().is_none() || !self.presence.resources.is_empty()
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
        let direction = Direction::of(head);
        if direction == Direction::Other {
            return Verdict::Drop(direction, Reason::NotAStanza);
        }
        let Some(from) = head.from.as_deref().filter(|from| !from.is_empty()) else {
            return Verdict::Drop(direction, Reason::NoFrom);
        };
        let from = Address::new(from);
        if self.is_own_domain(from.domain()) {
            return Verdict::Own(direction);
        }
        let to = Address::new(head.to.as_deref().unwrap_or_default());
        if !is_domain(to.domain(), at) {
            return Verdict::Drop(direction, Reason::NotOurDomain);
        }
        let for_presence_alone = *at != self.settings.domain;
        match direction {
            Direction::Message if head.type_.as_deref() == Some("error") => {
                Verdict::Drop(direction, Reason::ErrorIgnored)
            }
            Direction::Presence => self.judge_presence(at, head, body, &from, &to, now, rng),
            Direction::Revert if for_presence_alone => Verdict::Drop(direction, Reason::NoToken),
            Direction::Forward | Direction::Message if for_presence_alone => {
                answer(at, &to, direction, Reason::PresenceDomain, self.presence.subscription())
            }
            Direction::Forward => self.judge_request(head, body, &from, &to, now, rng),
            Direction::Revert => self.judge_reply(head, body, &from, &to, now),
            Direction::Message => self.answer(&to, direction, Reason::MessageRefused),
            Direction::Other => Verdict::Drop(direction, Reason::NotAStanza),
        }
    }

    fn judge_request(
        &self,
        head: &Head<'_>,
        body: Body<'_>,
        from: &Address<'_>,
        to: &Address<'_>,
        now: Now,
        rng: &mut Rng,
    ) -> Verdict<'_> {
        let refuse = |reason| self.answer(to, Direction::Forward, reason);
        let Some(id) = head.id.as_deref() else { return refuse(Reason::NoId) };
        if !matches!(head.type_.as_deref(), Some("get" | "set")) {
            return refuse(Reason::BadType);
        }
        let one_child = match body {
            Body::Whole { children, .. } => children == 1,
            // The first one may still have been to come.
            Body::OverLimit { children } => children <= 1,
        };
        if !one_child {
            return refuse(Reason::ChildCount);
        }
        if self.settings.target.owns(from) && self.find_token(head, from, to, now).is_ok() {
            return refuse(Reason::RequestToToken);
        }
        match body {
            Body::OverLimit { .. } => return refuse(Reason::OverLimit),
            Body::Whole { sound: false, .. } => return refuse(Reason::BadNamespace),
            Body::Whole { .. } => {}
        }
        let claims =
            Claims { user: from.as_str(), resource: to.resource().unwrap_or_default(), id };
        if claims.check_size().is_err() {
            return refuse(Reason::TooLong);
        }
        let Some(peer) = self.choose(from, rng) else {
            return refuse(self.presence.subscription().reason_for_nobody());
        };
        let asked = self.asked(to);
        let normal_peer = Address::new(peer).normal();
        let binding = Binding { asked: &asked, peer: &normal_peer };
        let key = self.settings.keyring.signing(now.unix);
        let expires = now.unix.saturating_add(self.settings.reply_ttl);
        let Ok(token) = token::seal(key, &claims, expires, &binding) else {
            return refuse(Reason::TooLong);
        };
        match self.settings.token_in {
            TokenIn::Resource => {
                Verdict::Forward { to: peer, from: self.at_home(to, Some(&token)), id: None }
            }
            // What fits a token fits a resource in clear.
            TokenIn::Id => {
                let from = self.at_home(to, Some(from.as_str()));
                Verdict::Forward { to: peer, from, id: Some(token) }
            }
        }
    }

    fn judge_reply(
        &mut self,
        head: &Head<'_>,
        body: Body<'_>,
        from: &Address<'_>,
        to: &Address<'_>,
        now: Now,
    ) -> Verdict<'static> {
        let drop = |reason| Verdict::Drop(Direction::Revert, reason);
        if !self.settings.target.owns(from) {
            return drop(Reason::NotFromTarget);
        }
        let token = match self.find_token(head, from, to, now) {
            Ok(token) => Box::new(token),
            Err(reason) => return drop(reason),
        };
        let result = head.type_.as_deref() == Some("result");
        if result && self.presence.is_settled() && self.settings.subscriber().is_some() {
            let listed = self.presence.resources.contains(&from.normal());
            self.unlisted_replies += u64::from(!listed);
        }
        let from = self.at_home(to, Some(token.claims().resource));
        match body {
            Body::OverLimit { .. } => {
                Verdict::RevertError { token, from, reason: Reason::OverLimit }
            }
            Body::Whole { sound: false, .. } => {
                Verdict::RevertError { token, from, reason: Reason::BadNamespace }
            }
            Body::Whole { .. } => Verdict::Revert { token, from },
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what there is to know of one stanza")]
    fn judge_presence(
        &mut self,
        at: &DomainPart,
        head: &Head<'_>,
        body: Body<'_>,
        from: &Address<'_>,
        to: &Address<'_>,
        now: Now,
        rng: &mut Rng,
    ) -> Verdict<'_> {
        let ignored = Verdict::Drop(Direction::Presence, Reason::PresenceIgnored);
        let stanza = match body {
            Body::Whole { stanza, .. } => stanza,
            Body::OverLimit { .. } => &[],
        };
        let type_ = head.type_.as_deref();
        let of_target = to.node().is_none()
            && self.settings.subscriber().is_some()
            && self.settings.target.owns(from);
        if !of_target {
            let subscribe = type_ == Some("subscribe");
            let from = || to.at_domain(at.as_str(), None);
            return if subscribe { Verdict::Unsubscribe { from: from() } } else { ignored };
        }
        if !self.subscribes_at(at) {
            // It belongs to the presence domain; one random replica would hear it here.
            return ignored;
        }
        let heard = match type_ {
            None => Heard::Available {
                dnd: peek::find(stanza, &["*", "show"]).is_some_and(|s| s.text.trim() == "dnd"),
            },
            Some("unavailable") => Heard::Unavailable,
            Some("subscribe") => Heard::Subscribe,
            Some("subscribed") => Heard::Subscribed,
            Some("unsubscribed") => Heard::Unsubscribed,
            Some("probe") => Heard::Probe,
            Some("error") => Heard::Error(
                peek::find(stanza, &["*", "error", "*"])
                    .map(|c| c.name)
                    .filter(|name| is_condition(name))
                    .unwrap_or_else(|| "undefined-condition".to_owned()),
            ),
            Some(_) => Heard::Other,
        };
        match self.presence.hear(from, heard, now, rng) {
            Answer::Used(actions) => Verdict::Presence(actions),
            Answer::Ignored => ignored,
        }
    }

    fn answer(&self, to: &Address<'_>, direction: Direction, reason: Reason) -> Verdict<'_> {
        answer(&self.settings.domain, to, direction, reason, self.presence.subscription())
    }

    fn choose(&self, from: &Address<'_>, rng: &mut Rng) -> Option<&str> {
        match &self.settings.target {
            Target::Resource { full, .. } => Some(full.as_str()),
            Target::Account(_) => {
                let dispatch = self.settings.dispatch;
                let chosen = self.presence.resources.choose(dispatch, &from.normal_bare(), rng)?;
                Some(&chosen.address)
            }
        }
    }

    /// Opens the token of a reply: in the resource it was sent to, else in its id, whatever
    /// the setting is now.
    fn find_token(
        &self,
        head: &Head<'_>,
        from: &Address<'_>,
        to: &Address<'_>,
        now: Now,
    ) -> Result<Token, Reason> {
        let (asked, peer) = (self.asked(to), from.normal());
        let binding = Binding { asked: &asked, peer: &peer };
        let open = |text: Option<&str>| {
            let text = text.filter(|t| !t.is_empty()).ok_or(Reason::NoToken)?;
            token::open(&self.settings.keyring, text, &binding, now.unix).map_err(reason_of)
        };
        open(to.resource()).or_else(|reason| {
            let looks_like_none =
                |r| matches!(r, Reason::NoToken | Reason::TokenLength | Reason::TokenEncoding);
            open(head.id.as_deref())
                .map_err(|other| if looks_like_none(other) { reason } else { other })
        })
    }

    /// The bare address that was written to, in normal form.
    fn asked(&self, to: &Address<'_>) -> String {
        match to.node() {
            None => self.settings.domain.as_str().to_owned(),
            Some(_) => normal_bare(&self.at_home(to, None)).into_owned(),
        }
    }

    /// `to` with our domain as it is configured: another spelling ends the stream on Prosody.
    fn at_home(&self, to: &Address<'_>, resource: Option<&str>) -> String {
        to.at_domain(self.settings.domain.as_str(), resource)
    }

    fn is_own_domain(&self, domain: &str) -> bool {
        let Settings { domain: own, presence_domain, .. } = &self.settings;
        is_domain(domain, own) || presence_domain.as_ref().is_some_and(|own| is_domain(domain, own))
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

    /// What the subscription is worth; `None` for a fixed resource.
    pub fn subscription(&self) -> Option<&Subscription> {
        self.settings.subscriber().map(|_| self.presence.subscription())
    }
}

/// Is `text` the domain `own`, however it is spelled?
fn is_domain(text: &str, own: &DomainPart) -> bool {
    text == own.as_str() || normal_bare(text) == own.as_str()
}

/// An error from the address at `domain` that was written to.
fn answer<'t>(
    domain: &DomainPart,
    to: &Address<'_>,
    direction: Direction,
    reason: Reason,
    subscription: &Subscription,
) -> Verdict<'t> {
    let refusal = refusal(reason, subscription);
    Verdict::Answer {
        from: to.at_domain(domain.as_str(), to.resource()),
        direction,
        reason,
        refusal,
    }
}

/// Does it look like a stanza error condition (RFC 6120 section 8.3.3)? Users are told it.
fn is_condition(name: &str) -> bool {
    name.len() <= 32 && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
}

fn reason_of(error: TokenError) -> Reason {
    match error {
        TokenError::Length => Reason::TokenLength,
        TokenError::Encoding => Reason::TokenEncoding,
        TokenError::Version => Reason::TokenVersion,
        TokenError::UnknownKey => Reason::UnknownKey,
        TokenError::Signature => Reason::TokenSignature,
        TokenError::Malformed => Reason::TokenMalformed,
        TokenError::Kind => Reason::TokenKind,
        TokenError::Expired => Reason::TokenExpired,
    }
}
