//! What is done with one stanza: the translator decides, the session writes and counts it.

use std::time::Duration;

use crate::jat::address::Address;
use crate::jat::disguise::Disguise;
use crate::jat::incoming::{Body, Incoming, Ours};
use crate::jat::reason::Reason;
use crate::jat::traffic::Traffic;
use crate::jat::verdict::{Act, Recipient, SenderAddress, Verdict, WithoutId};
use crate::stanza::compose::{Authored, Envelope, Refusal};
use crate::stanza::head::{Head, Kind, Rewrite};
use crate::stanza::scrub::is_suspect;
use crate::stanza::splitter::Element;

use super::echo::EchoOrigin;
use super::output::TooLarge;
use super::witness::Proof;
use super::{Session, Turn};

impl Session {
    /// Has a stanza judged, does what the verdict says, and counts it.
    pub(super) fn handle(
        &mut self,
        head: &Head<'_>,
        body: Body<'_>,
        payload: Payload<'_>,
        turn: &mut Turn<'_>,
    ) {
        let ours = self.recognise(head, body, turn);
        let Turn { services, tally, rng, now, .. } = turn;
        let late = self.is_closed();
        let stanza = Incoming::new(&self.domain, head, body, ours, late);
        let mut verdict = services.judge(&stanza, *now, rng);
        match verdict.reason {
            Reason::ArrivedAfterClose => self.late += 1,
            Reason::Echo | Reason::OwnAddress | Reason::ServerTime => {}
            _ => self.echo.other_stanza(),
        }
        let (traffic, reason) = self.carry_out(&mut verdict, head, payload, now.mono);
        services.note_outcome(traffic, reason, now.unix);
        tally.count(traffic, reason);
    }

    /// Which of our own stanzas comes back in this one, if any; records it.
    fn recognise(&mut self, head: &Head<'_>, body: Body<'_>, turn: &mut Turn<'_>) -> Option<Ours> {
        if head.kind == Kind::Presence {
            return self.recognise_answer(head, turn);
        }
        let id = head.id.as_deref().filter(|id| id.starts_with(OUR_IDS))?;
        let Turn { services, witness, now, .. } = turn;
        let settings = services.settings();
        let server = settings.target.bare().domain().as_str();
        if let Body::Whole { stanza, .. } = body
            && self.server_time.hear(head, stanza, server, *now)
        {
            return Some(Ours::Time);
        }
        let from = Address::new(head.from.as_deref()?);
        if head.kind == Kind::Other || !settings.is_own(&from) {
            return None;
        }
        let echo = if let Some(proof) = Proof::parse(id) {
            witness.hear(proof);
            true
        } else {
            self.echo.hear(id) == EchoOrigin::Ours
        };
        echo.then_some(Ours::Echo)
    }

    /// The same for presence: the target may answer the probe of a process without a presence domain, this
    /// one or another.
    fn recognise_answer(&mut self, head: &Head<'_>, turn: &Turn<'_>) -> Option<Ours> {
        let to = Address::new(head.to.as_deref()?);
        let resource = to.resource().filter(|it| it.starts_with(OUR_IDS) && to.node().is_none())?;
        let from = Address::new(head.from.as_deref()?);
        let settings = turn.services.settings();
        let mut targets = turn.services.translators().iter();
        let is_answer = self.domain == settings.domain
            && to.is_at(self.domain.as_str())
            && targets.any(|it| it.settings().target.owns(&from))
            && self.other_node.hear(resource, turn.now.mono);
        is_answer.then_some(Ours::Answer)
    }

    /// Carries out the verdict on a stanza, or an alternative if that is not possible; returns how the stanza
    /// is counted then.
    fn carry_out(
        &mut self,
        verdict: &mut Verdict<'_>,
        head: &Head<'_>,
        payload: Payload<'_>,
        now: Duration,
    ) -> (Traffic, Reason) {
        let sender = head.from.as_deref().unwrap_or_default();
        loop {
            // If not all of several are released, those that are count as well, so that asking again at
            // once does not help.
            if !(0..verdict.answers()).all(|_| self.brake.releases(sender, head.kind, now)) {
                *verdict = verdict.withheld();
            }
            match self.write(&verdict.act, head, payload) {
                Ok(Written::Scrubbed) if verdict.reason == Reason::Relayed => {
                    return (verdict.traffic, Reason::Scrubbed);
                }
                Ok(_) => return (verdict.traffic, verdict.reason),
                Err(TooLarge) => *verdict = verdict.too_large(head.type_.as_deref()),
            }
        }
    }

    /// Writes the output, if it is not too large for the server, which may also count what has to wait
    /// after a tag (docs/servers.md#counts-what-waits).
    fn write(
        &mut self,
        act: &Act<'_>,
        head: &Head<'_>,
        payload: Payload<'_>,
    ) -> Result<Written, TooLarge> {
        let limit = self.bounds.limits.max_bytes;
        let sender = head.from.as_deref().unwrap_or_default();
        let asked = || Address::new(head.to.as_deref().unwrap_or_default());
        match act {
            Act::Relay(rewrite, disguise) => {
                return self.relay(head, payload, rewrite, disguise.as_ref());
            }
            Act::RelayFromAll { to, from, disguise } => {
                let mut written = Written::AsItWas;
                for from in *from {
                    let rewrite = Rewrite { to, from: from.as_str().into(), id: None };
                    written = self.relay(head, payload, &rewrite, disguise.as_ref())?;
                }
                return Ok(written);
            }
            Act::Refuse(Recipient::Asker(envelope), refusal) => {
                let id = envelope.id.or(head.id.as_deref());
                self.refuse(head.kind, &Envelope { id, ..*envelope }, refusal)?;
            }
            Act::Refuse(Recipient::Sender(without_id), refusal) => {
                let from = asked().at_domain(self.domain.as_str(), asked().resource());
                let id = match without_id {
                    WithoutId::Empty => head.id.as_deref().or(Some("")),
                    WithoutId::EmptyForIq => head.id.as_deref(),
                };
                self.refuse(head.kind, &Envelope { to: sender, from: &from, id }, refusal)?;
            }
            Act::AnswerRequest(answer) => {
                let from = self.domain.as_str();
                let envelope = Envelope { to: sender, from, id: head.id.as_deref() };
                self.output.say(limit, |to| Authored::Result(*answer).write(&envelope, to))?;
            }
            Act::AnswerPresence(type_, address) => {
                let from = asked().at_domain(self.domain.as_str(), None);
                let to = match address {
                    SenderAddress::Stamped => sender,
                    SenderAddress::Bare => Address::new(sender).bare(),
                };
                let envelope = Envelope { to, from: &from, id: None };
                self.output.say(limit, |to| Authored::Presence(*type_).write(&envelope, to))?;
            }
            Act::SendPresence { target, presence } => self.send_presence(presence, target),
            Act::Drop => {}
        }
        Ok(Written::AsItWas)
    }

    /// Writes a stanza with other addresses, and its payload unchanged, or without the target's address.
    fn relay(
        &mut self,
        head: &Head<'_>,
        payload: Payload<'_>,
        with: &Rewrite<'_>,
        disguise: Option<&Disguise<'_>>,
    ) -> Result<Written, TooLarge> {
        let Self { output, scrubber, bounds, .. } = self;
        let mut written = Written::AsItWas;
        output.relay(bounds.limits.max_bytes, |to| {
            let begin = to.len();
            head.rewrite(with, to);
            let length = to.len() - begin;
            let reach = match disguise.filter(|it| is_suspect(payload.bytes, it.account())) {
                None => {
                    to.extend(payload.bytes);
                    payload.reach
                }
                Some(disguise) => {
                    let replace = |text: &str, to: &mut String| disguise.replace(text, to);
                    let tag = head.tag().as_bytes();
                    let scrubbed = scrubber.write(tag, payload.bytes, replace, to);
                    if scrubbed.changed {
                        written = Written::Scrubbed;
                    }
                    scrubbed.reach
                }
            };
            // [`Element::reach`] of what was written.
            (2 * length).max(length + reach)
        })?;
        Ok(written)
    }

    fn refuse(
        &mut self,
        kind: Kind,
        envelope: &Envelope<'_>,
        refusal: &Refusal,
    ) -> Result<(), TooLarge> {
        let limit = self.bounds.limits.max_bytes;
        let error = Authored::Error { kind, by: self.domain.as_str(), refusal };
        self.output.say(limit, |to| error.write(envelope, to))
    }
}

/// How the payload of a stanza was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    AsItWas,
    /// Without the target's address.
    Scrubbed,
}

/// What follows the start tag.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Payload<'a> {
    bytes: &'a [u8],
    /// [`Element::reach`], counted from its beginning.
    reach: usize,
}

impl<'a> Payload<'a> {
    /// The payload of an element in `input`.
    pub(super) fn of(element: &Element<'_>, input: &'a [u8]) -> Self {
        let Element { tag, end, reach, .. } = element;
        Self { bytes: &input[tag.end..*end], reach: reach.saturating_sub(tag.end - tag.start) }
    }
}

/// The ids of all our own stanzas that come back begin with these.
const OUR_IDS: &str = "jat-";

#[cfg(test)]
mod tests;
