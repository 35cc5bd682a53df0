//! Messages where they are not relayed, or to the presence domain.

use crate::jat::incoming::Incoming;
use crate::jat::reason::Reason;
use crate::jat::route::{Place, Route};
use crate::jat::verdict::Verdict;

use super::Translator;

impl Translator {
    pub(super) fn message(&self, route: &Route<'_>, message: &Incoming<'_>) -> Verdict<'_> {
        let reason = match (message.type_(), route.place) {
            // No error is answered (RFC 6120 section 8.3.1).
            (Some("error"), _) => Reason::ErrorIgnored,
            (_, Place::Presence) => Reason::PresenceDomain,
            _ => Reason::MessageRefused,
        };
        Verdict::by_table(route.traffic, reason)
    }
}
