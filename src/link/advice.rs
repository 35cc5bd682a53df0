//! Advice that several warnings end with.

use jid::DomainRef;

/// What to give each replica, and how.
pub(super) fn own_presence_domain(domain: &DomainRef) -> String {
    format!(
        "a presence domain of its own: add to the [[component]] of {domain}: presence-domain = \
         \"{{hostname}}.{domain}\" and configure that name on the server (on Prosody Component \
         \"NAME\", on ejabberd a line under hosts: if the listener has any); see \
         docs/replicas.md"
    )
}
