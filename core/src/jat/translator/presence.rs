//! Presence that is for us, and presence that is not relayed.

use fastrand::Rng;

use crate::jat::address::Address;
use crate::jat::incoming::Incoming;
use crate::jat::now::Now;
use crate::jat::presence::{Reaction, TargetPresence};
use crate::jat::reason::Reason;
use crate::jat::route::Route;
use crate::jat::verdict::{Act, Verdict};
use crate::stanza::peek;

use super::Translator;

impl Translator {
    /// Presence that is not relayed.
    pub(super) fn presence_not_relayed(
        &self,
        route: &Route<'_>,
        stanza: &Incoming<'_>,
    ) -> Verdict<'_> {
        let reason = match stanza.type_() {
            Some("subscribe") => Reason::SubscriptionRefused,
            _ => Reason::PresenceIgnored,
        };
        Verdict::by_table(route.traffic, reason)
    }

    /// Presence of the target to one of our domains, which shows who is online.
    pub(super) fn presence_of_target(
        &mut self,
        route: &Route<'_>,
        stanza: &Incoming<'_>,
        now: Now,
        rng: &mut Rng,
    ) -> Verdict<'_> {
        let Route { from, traffic, .. } = *route;
        if self.settings().subscriber().is_none() {
            return self.presence_not_relayed(route, stanza);
        }
        let ignored = Verdict::by_table(traffic, Reason::PresenceIgnored);
        if !self.subscribes_at(stanza.at) {
            // It should go to the presence domain; here only one random replica would get it.
            return ignored;
        }
        let bytes = stanza.body.bytes();
        let heard = match stanza.type_() {
            None => TargetPresence::Available {
                dnd: peek::find(bytes, &["*", "show"]).is_some_and(|s| s.text.trim() == "dnd"),
                priority: peek::find(bytes, &["*", "priority"]).map_or(0, |p| priority(&p.text)),
            },
            Some("unavailable") => TargetPresence::Unavailable,
            Some("subscribe") => TargetPresence::Subscribe,
            Some("subscribed") => TargetPresence::Subscribed,
            Some("unsubscribed") => TargetPresence::Unsubscribed,
            Some("probe") => TargetPresence::Probe,
            Some("error") => TargetPresence::Error(
                peek::find(bytes, &["*", "error", "*"])
                    .map(|c| c.name)
                    .filter(|name| is_condition(name))
                    .unwrap_or_else(|| "undefined-condition".to_owned()),
            ),
            Some(_) => TargetPresence::Other,
        };
        if let (TargetPresence::Available { .. }, Some(_)) = (&heard, from.resource()) {
            let normal = from.normal();
            let new = !self.presence.resources.contains(&normal);
            self.answers.seen(Address::new(&normal).resource().unwrap_or_default(), new);
        }
        let nobody = heard == TargetPresence::Unavailable && from.resource().is_none();
        let before = self.presence.resources.len();
        let answer = self.presence.hear(&from, heard, now, rng);
        if nobody {
            self.note_unconfirmed(before, now);
        }
        match answer {
            Reaction::Used(presence) => {
                let target = self.settings().target.bare().as_str();
                let act = Act::SendPresence { target, presence };
                Verdict { act, traffic, reason: Reason::PresenceUsed }
            }
            Reaction::Ignored => ignored,
        }
    }
}

/// The priority; 0 if it is not an integer from -128 to 127 (RFC 6121 section 4.7.2.3).
fn priority(text: &str) -> i8 {
    text.trim().parse().unwrap_or_default()
}

/// Whether it looks like a stanza error condition (RFC 6120 section 8.3.3), which users get to see.
fn is_condition(name: &str) -> bool {
    name.len() <= 32 && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
}
