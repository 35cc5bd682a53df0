//! What is done with one stanza: the translator decides, the session says and counts it.

use crate::jat::incoming::Body;
use crate::jat::presence::Action;
use crate::jat::reason::Reason;
use crate::jat::traffic::Class;
use crate::jat::translator::Translator;
use crate::jat::verdict::Verdict;
use crate::stanza::compose::{Authored, Envelope, PresenceType, Refusal};
use crate::stanza::head::{Head, Kind, Rewrite};
use crate::stanza::splitter::Element;

use super::echo::Heard;
use super::witness::Proof;
use super::{Session, Turn};

impl Session {
    /// Does what the translator's verdict on a stanza says, and counts it once.
    pub(super) fn stanza(
        &mut self,
        head: &Head<'_>,
        body: Body<'_>,
        payload: Payload<'_>,
        turn: &mut Turn<'_>,
    ) {
        let Turn { translator, tally, now, .. } = turn;
        if let Body::Whole { stanza, .. } = body {
            let server = translator.settings().target.bare().domain();
            if self.server_time.hear(head, stanza, server.as_str(), *now) {
                tally.count(Class::Reply.inward(), Reason::ServerTime);
                return;
            }
        }
        // Echoes that come late are nobody's loss.
        if self.is_closed() && !translator.is_from_us(head) {
            tally.count(translator.traffic(head), Reason::ArrivedAfterClose);
            self.late += 1;
            return;
        }
        if !self.carry_out(head, body, payload, turn) {
            self.carry_out(head, Body::Outgrown, Payload::default(), turn);
        }
    }

    /// Has a stanza judged, does what the verdict says, and counts it; unless it can't be relayed,
    /// since it would be too large then.
    fn carry_out(
        &mut self,
        head: &Head<'_>,
        body: Body<'_>,
        payload: Payload<'_>,
        turn: &mut Turn<'_>,
    ) -> bool {
        let Turn { translator, tally, rng, witness, now } = turn;
        let verdict = translator.judge(&self.domain, head, body, *now, rng);
        if !matches!(verdict, Verdict::Own(_)) {
            self.echo.other_stanza();
        }
        let (traffic, mut reason) = verdict.counts_as();
        let for_resource = verdict.counts_for_resource();
        let limit = self.bounds.limits.max_bytes;
        let sender = head.from.as_deref().unwrap_or_default();
        let mut fits = true;
        match verdict {
            Verdict::Forward { to, from, id } => {
                let rewrite = Rewrite { to, from, id };
                fits = self.output.relay(limit, |to| relay(head, payload, &rewrite, to));
            }
            Verdict::Revert { envelope: Envelope { to, from, id }, .. } => {
                let rewrite = Rewrite { to, from, id };
                fits = self.output.relay(limit, |to| relay(head, payload, &rewrite, to));
            }
            Verdict::RevertError { envelope, refusal, .. } => {
                fits = self.refuse(head.kind, &envelope, &refusal);
            }
            Verdict::Answer { .. } | Verdict::Unsubscribe { .. }
                if !self.brake.releases(sender, head.kind, now.mono) =>
            {
                reason = Reason::Throttled;
            }
            Verdict::Answer { from, refusal, .. } => {
                let envelope = Envelope { to: sender, from: &from, id: head.id.as_deref() };
                fits = self.refuse(head.kind, &envelope, &refusal);
            }
            Verdict::Unsubscribe { from, .. } => {
                let envelope = Envelope { to: sender, from: &from, id: None };
                let refusal = Authored::Presence(PresenceType::Unsubscribed);
                fits = self.output.say(limit, |to| refusal.write(&envelope, to));
            }
            Verdict::Presence(actions) => self.act(actions, translator),
            Verdict::Own(_) => {
                let id = head.id.as_deref().unwrap_or_default();
                if let Some(proof) = Proof::parse(id) {
                    witness.hear(proof);
                    reason = Reason::Echo;
                } else if self.echo.hear(id) == Heard::Ours {
                    reason = Reason::Echo;
                }
            }
            Verdict::Drop(..) => {}
        }
        if !fits {
            // Longer addresses, or an id full of quotes, made it too large for the server, which
            // may count what has to wait behind a tag as well (docs/servers.md#counts-what-waits).
            if reason.is_relay() {
                return false;
            }
            reason = Reason::HeadTooLarge;
        } else if for_resource {
            translator.relayed(now.unix);
        }
        tally.count(traffic, reason);
        true
    }

    /// Says whether it could.
    fn refuse(&mut self, kind: Kind, envelope: &Envelope<'_>, refusal: &Refusal) -> bool {
        let limit = self.bounds.limits.max_bytes;
        let error = Authored::Error { kind, by: self.domain.as_str(), refusal };
        self.output.say(limit, |to| error.write(envelope, to))
    }

    /// Sends presence to the target.
    pub(super) fn act(&mut self, actions: &[Action], translator: &Translator) {
        for action in actions {
            let presence = Authored::Presence(match action {
                Action::Subscribe => PresenceType::Subscribe,
                Action::Probe => PresenceType::Probe,
                Action::Subscribed => PresenceType::Subscribed,
                Action::Available => PresenceType::Available,
            });
            self.say(&presence, translator.settings().target.bare().as_str(), None);
        }
    }
}

/// What stands behind the start tag.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Payload<'a> {
    bytes: &'a [u8],
    /// [`Element::reach`], from its beginning on.
    reach: usize,
}

impl<'a> Payload<'a> {
    /// That of an element in `input`.
    pub(super) fn of(element: &Element<'_>, input: &'a [u8]) -> Self {
        let Element { tag, end, reach, .. } = element;
        Self { bytes: &input[tag.end..*end], reach: reach.saturating_sub(tag.end - tag.start) }
    }
}

/// Appends a stanza with other addresses, and its payload as it is; gives its
/// [`Element::reach`].
fn relay(head: &Head<'_>, payload: Payload<'_>, with: &Rewrite<'_>, output: &mut Vec<u8>) -> usize {
    let begin = output.len();
    head.rewrite(with, output);
    let length = output.len() - begin;
    output.extend(payload.bytes);
    (2 * length).max(length + payload.reach)
}
