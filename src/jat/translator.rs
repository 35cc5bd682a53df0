//! What is done with each stanza: the table of rows that the first fit decides.

use std::borrow::Cow;
use std::time::Duration;

use fastrand::Rng;
use jid::DomainPart;

use crate::stanza::authored::Envelope;
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
    scratch: Scratch,
}

/// Memory for what a verdict says, used again for each stanza.
#[derive(Debug, Default)]
struct Scratch {
    from: String,
    id: String,
    asked: String,
    token: Option<Token>,
}

impl Translator {
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            presence: Presence::new(),
            unlisted_replies: 0,
            scratch: Scratch::default(),
        }
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
        if self.is_own(&from) {
            return Verdict::Own(direction);
        }
        let to = Address::new(head.to.as_deref().unwrap_or_default());
        if !to.is_at(at.as_str()) {
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
            Direction::Message => {
                let subscription = self.presence.subscription();
                answer(at, &to, direction, Reason::MessageRefused, subscription)
            }
            Direction::Other => Verdict::Drop(direction, Reason::NotAStanza),
        }
    }

    fn judge_request(
        &mut self,
        head: &Head<'_>,
        body: Body<'_>,
        from: &Address<'_>,
        to: &Address<'_>,
        now: Now,
        rng: &mut Rng,
    ) -> Verdict<'_> {
        let Self { settings, presence, scratch, .. } = self;
        let subscription = presence.subscription();
        let refuse =
            |reason| answer(&settings.domain, to, Direction::Forward, reason, subscription);
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
        let asked = asked(settings, to, &mut scratch.asked);
        if settings.target.owns(from) && find_token(settings, head, from, to, &asked, now).is_ok() {
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
        let Some((peer, normal_peer)) = choose(settings, presence, from, rng) else {
            return refuse(subscription.reason_for_nobody());
        };
        let binding = Binding { asked: &asked, peer: &normal_peer };
        let key = settings.keyring.signing(now.unix);
        let expires = now.unix.saturating_add(settings.reply_ttl);
        let home = settings.domain.as_str();
        let Scratch { from: written, id: token, .. } = scratch;
        written.clear();
        token.clear();
        let (sealed, id) = match settings.token_in {
            TokenIn::Resource => {
                to.write_at_domain(home, None, written);
                written.push('/');
                (token::write_sealed(key, &claims, expires, &binding, written), None)
            }
            // What fits a token fits a resource in clear.
            TokenIn::Id => {
                to.write_at_domain(home, Some(from.as_str()), written);
                (token::write_sealed(key, &claims, expires, &binding, token), Some(&**token))
            }
        };
        match sealed {
            Ok(()) => Verdict::Forward { to: peer, from: written, id },
            Err(_) => refuse(Reason::TooLong),
        }
    }

    fn judge_reply(
        &mut self,
        head: &Head<'_>,
        body: Body<'_>,
        from: &Address<'_>,
        to: &Address<'_>,
        now: Now,
    ) -> Verdict<'_> {
        let Self { settings, presence, unlisted_replies, scratch } = self;
        let drop = |reason| Verdict::Drop(Direction::Revert, reason);
        if !settings.target.owns(from) {
            return drop(Reason::NotFromTarget);
        }
        let asked = asked(settings, to, &mut scratch.asked);
        let token = match find_token(settings, head, from, to, &asked, now) {
            Ok(token) => scratch.token.insert(token),
            Err(reason) => return drop(reason),
        };
        let result = head.type_.as_deref() == Some("result");
        if result && presence.is_settled() && settings.subscriber().is_some() {
            let listed = presence.resources.contains(&from.normal());
            *unlisted_replies += u64::from(!listed);
        }
        let claims = token.claims();
        let written = &mut scratch.from;
        written.clear();
        to.write_at_domain(settings.domain.as_str(), Some(claims.resource), written);
        let envelope = Envelope { to: claims.user, from: written, id: claims.id };
        let refuse = |reason| {
            let refusal = refusal(reason, presence.subscription());
            Verdict::RevertError { envelope, reason, refusal }
        };
        match body {
            Body::OverLimit { .. } => refuse(Reason::OverLimit),
            Body::Whole { sound: false, .. } => refuse(Reason::BadNamespace),
            Body::Whole { .. } => Verdict::Revert(envelope),
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

    /// What the subscription is worth; `None` for a fixed resource.
    pub fn subscription(&self) -> Option<&Subscription> {
        self.settings.subscriber().map(|_| self.presence.subscription())
    }
}

/// The resource that gets a request of this user: its address, and that in normal form.
fn choose<'t>(
    settings: &'t Settings,
    presence: &'t Presence,
    user: &Address<'_>,
    rng: &mut Rng,
) -> Option<(&'t str, Cow<'t, str>)> {
    match &settings.target {
        Target::Resource { full, .. } => {
            Some((full.as_str(), Address::new(full.as_str()).normal()))
        }
        Target::Account(_) => {
            let chosen = presence.resources.choose(settings.dispatch, user, rng)?;
            Some((&chosen.address, Cow::Borrowed(chosen.normal())))
        }
    }
}

/// Opens the token of a reply: in the resource it was sent to, else in its id, whatever the
/// setting is now.
fn find_token(
    settings: &Settings,
    head: &Head<'_>,
    from: &Address<'_>,
    to: &Address<'_>,
    asked: &str,
    now: Now,
) -> Result<Token, Reason> {
    let binding = Binding { asked, peer: &from.normal() };
    let open = |text: Option<&str>| {
        let text = text.filter(|t| !t.is_empty()).ok_or(Reason::NoToken)?;
        token::open(&settings.keyring, text, &binding, now.unix).map_err(reason_of)
    };
    open(to.resource()).or_else(|reason| {
        let looks_like_none =
            |r| matches!(r, Reason::NoToken | Reason::TokenLength | Reason::TokenEncoding);
        open(head.id.as_deref())
            .map_err(|other| if looks_like_none(other) { reason } else { other })
    })
}

/// The bare address that was written to, in normal form; `room` holds it if need be.
fn asked<'a>(settings: &'a Settings, to: &Address<'_>, room: &'a mut String) -> Cow<'a, str> {
    let home = settings.domain.as_str();
    if to.node().is_none() {
        return Cow::Borrowed(home);
    }
    room.clear();
    // Our domain as it is configured, since another spelling ends the stream on Prosody.
    to.write_at_domain(home, None, room);
    normal_bare(room)
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
