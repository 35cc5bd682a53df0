//! `presence-domain`: a name for each replica, though all share one configuration.

use jid::DomainPart;

use super::addresses;
use super::placeholders::{self, PlaceholderError};

/// Why a presence domain can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PresenceDomainError {
    #[error(transparent)]
    Placeholder(#[from] PlaceholderError),
    #[error("{0:?} can't be the domain of a component{origin}", origin = placeholders::origin(.1))]
    Domain(String, String),
}

impl PresenceDomainError {
    /// What to write instead.
    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::Placeholder(error) => error.hint(),
            Self::Domain(..) => {
                "a domain alone, one for each replica, for example: {hostname}.proxy.example"
            }
        }
    }
}

/// The domain that `text` stands for on this machine.
pub(super) fn expand(text: &str) -> Result<DomainPart, PresenceDomainError> {
    let name = placeholders::expand(text)?;
    addresses::domain(&name).map_err(|_| PresenceDomainError::Domain(name, text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_domain_says_why() {
        let error = |text| expand(text).unwrap_err().to_string();
        assert_eq!(error("a b"), "\"a b\" can't be the domain of a component");
        let expanded = error("a b.{hostname}");
        assert!(expanded.ends_with("component, which \"a b.{hostname}\" stands for here"));
        assert_eq!(error("{host}.p"), "{host} is not known");
    }
}
