//! What a stream sends by itself: presence, echoes, and requests for the time.

use std::time::Duration;

use jid::DomainPart;

use crate::jat::now::Now;
use crate::jat::presence::{OwnPresence, Subscription};
use crate::jat::services::Services;
use crate::jat::translator::Translator;
use crate::stanza::compose::{Authored, Envelope};
use crate::stanza::presence_type::PresenceType;

use super::echo::Sharing;
use super::witness::Proof;
use super::{Session, Turn};

impl Session {
    /// Sends presence to the target's bare address.
    pub(super) fn send_presence(&mut self, presence: &[OwnPresence], target: &str) {
        for one in presence {
            let stanza = Authored::Presence(match one {
                OwnPresence::Subscribe => PresenceType::Subscribe,
                OwnPresence::Probe => PresenceType::Probe,
                OwnPresence::Subscribed => PresenceType::Subscribed,
                OwnPresence::Available => PresenceType::Available,
            });
            self.say(&stanza, target, None);
        }
    }

    /// Sends the presence that is due to the targets.
    pub(super) fn send_due_presence(&mut self, turn: &mut Turn<'_>) {
        for (number, presence) in turn.services.tick(&self.domain, turn.now, turn.rng) {
            let target = turn.services.translators()[number].settings().target.bare();
            self.send_presence(&[presence], target.as_str());
        }
    }

    /// Sends messages with these ids to ourselves.
    pub(super) fn send_echoes(&mut self, ids: &[String], now: Duration) {
        let domain = self.domain.clone();
        for id in ids {
            self.say(&Authored::Echo, domain.as_str(), Some(id));
        }
        self.echo.asked(self.output.said(), now);
    }

    /// Sends a proof that this stream works to the presence domain, whose stream receives it.
    pub(super) fn prove(&mut self, proof: Proof, services: &Services, now: Duration) {
        if let Some(witness) = &services.settings().presence_domain {
            self.say(&Authored::Echo, witness.as_str(), Some(&proof.id()));
            self.echo.asked_witness(self.output.said(), now);
        }
    }

    /// Asks the target's server for its time, when that is due.
    pub(super) fn ask_time(&mut self, turn: &Turn<'_>) {
        if !asks_time(&self.domain, turn.services) {
            return;
        }
        if let Some(id) = self.server_time.tick(turn.now) {
            let server = turn.services.settings().target.bare().domain();
            self.say(&Authored::TimeRequest, server.as_str(), Some(&id));
        }
    }

    /// Probes a target from an address of our own, when that is due: its answers show other
    /// processes that we are here.
    pub(super) fn ask_from_own_address(&mut self, turn: &mut Turn<'_>) {
        let Now { unix, mono } = turn.now;
        let asks = self.other_node.is_due(mono) && self.asks_from_own_address(turn.services);
        let Some(resource) = self.other_node.tick(asks, unix, mono) else { return };
        let targets: Vec<_> = subscribed(turn.services).collect();
        if let Some(translator) = turn.rng.choice(targets) {
            let from = format!("{}/{resource}", self.domain);
            let target = translator.settings().target.bare();
            let envelope = Envelope { to: target.as_str(), from: &from, id: None };
            self.write_own(&Authored::Presence(PresenceType::Probe), &envelope);
        }
    }

    /// Whether it does so: no other process on this node has the domain, and presence comes on this
    /// stream.
    pub(super) fn asks_from_own_address(&self, services: &Services) -> bool {
        let settings = services.settings();
        settings.presence_domain.is_none()
            && self.domain == settings.domain
            && self.sharing() == Sharing::Alone
            && subscribed(services).next().is_some()
    }

    /// Sends a stanza of our own, which is short.
    fn say(&mut self, stanza: &Authored<'_>, to: &str, id: Option<&str>) {
        let domain = self.domain.clone();
        self.write_own(stanza, &Envelope { to, from: domain.as_str(), id });
    }

    fn write_own(&mut self, stanza: &Authored<'_>, envelope: &Envelope<'_>) {
        let said = self.output.say(usize::MAX, |output| stanza.write(envelope, output));
        debug_assert!(said.is_ok(), "there is no limit");
    }
}

/// The targets that may be probed: without a subscription a probe is not answered, or does harm
/// (docs/servers.md#pending-probe).
fn subscribed(services: &Services) -> impl Iterator<Item = &Translator> {
    let all = services.translators().iter();
    all.filter(|it| it.subscription() == Some(&Subscription::Subscribed))
}

/// Whether the stream of `domain` asks for the time. One stream of each component does: that of
/// its presence domain if it has one, since that is never shared.
pub(super) fn asks_time(domain: &DomainPart, services: &Services) -> bool {
    let settings = services.settings();
    settings.presence_domain.as_ref().unwrap_or(&settings.domain) == domain
}
