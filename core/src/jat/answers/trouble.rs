//! What is wrong with a resource, and what to do about it.

use crate::named;
use crate::stanza::condition::DefinedCondition;

named! {
    /// What is wrong with a resource, by what it answers. The error is the last one.
    #[derive(Copy)]
    pub enum Trouble with fields {
        /// Servers send this error for a resource that does not exist, and no presence has
        /// contradicted it.
        Missing(DefinedCondition) = "missing",
        /// It sent no result for a long time.
        OnlyErrors(DefinedCondition) = "only-errors",
        /// It answers nothing, not even with an error (docs/servers.md#sleeping-session).
        Silent { requests: u64, seconds: u64 } = "silent",
    }
}

impl Trouble {
    /// Whether it seems to be gone.
    pub fn is_missing(self) -> bool {
        matches!(self, Self::Missing(_))
    }

    /// What it does, as text that follows its name.
    pub fn describe(self) -> String {
        match self {
            Self::Missing(condition) => {
                format!("seems to be gone: requests to it end with {}", condition.name())
            }
            Self::OnlyErrors(condition) => {
                format!("answers only with errors, most recently {}", condition.name())
            }
            Self::Silent { requests, seconds } => {
                format!("has answered none of its last {requests} requests, for {seconds} s")
            }
        }
    }

    /// What to do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Missing(_) => {
                "is the implementing client still connected, and can its server be reached?"
            }
            Self::OnlyErrors(_) => {
                "does another program that does not know these requests use this account? Log it \
                 out, give it an account of its own, or list in `resources` those that serve"
            }
            Self::Silent { .. } => {
                "does it hang? After a connection breaks, a server keeps the session for some \
                 minutes (XEP-0198), and requests to it wait"
            }
        }
    }
}
