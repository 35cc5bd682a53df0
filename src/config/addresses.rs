//! The addresses that an operator gives: strict, unlike those that come from a server.

use jid::DomainPart;

use crate::jat::address::Address;
use crate::jat::target::Target;

/// Why an address can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddressError {
    #[error("{0:?} can't be the domain of a component")]
    Domain(String),
    #[error("{0:?} is not an address: {1}")]
    Target(String, String),
    #[error("the target {0:?} has no node")]
    NoNode(String),
}

impl AddressError {
    /// What to write instead.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Domain(_) => "a domain alone, for example: proxy.example",
            Self::Target(..) => "an account, for example: some-user@some-domain.example",
            Self::NoNode(_) => {
                "name an account, for example some-user@some-domain.example, or for a fixed \
                 destination a full address (domain/resource)"
            }
        }
    }
}

/// A component's domain in normal form (RFC 7622 section 3.2).
pub(crate) fn domain(text: &str) -> Result<DomainPart, AddressError> {
    let error = || AddressError::Domain(text.to_owned());
    // The library accepts some characters that no server accepts.
    if text.contains(['"', '&', '\'', '/', ':', '<', '>', '@']) {
        return Err(error());
    }
    let jid = Address::new(text).jid().map_err(|_| error())?;
    Ok(jid.domain().to_owned())
}

/// Whom requests go to: an account, or a fixed full address.
pub(crate) fn target(text: &str) -> Result<Target, AddressError> {
    let error = |error: jid::Error| AddressError::Target(text.to_owned(), error.to_string());
    let jid = Address::new(text).jid().map_err(error)?;
    if jid.node().is_none() && jid.resource().is_none() {
        return Err(AddressError::NoNode(text.to_owned()));
    }
    Ok(Target::new(jid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_a_domain_alone() {
        assert_eq!(domain("PROXY.example.").unwrap().as_str(), "proxy.example");
        assert_eq!(domain("ö.example").unwrap().as_str(), "ö.example");
        assert_eq!(domain("xn--nda.example.").unwrap().as_str(), "ö.example");
        for bad in
            ["", ".", "a..b", "a b", "node@a.example", "a.example/r", "a.example:5347", "a'b", "-"]
        {
            assert_eq!(domain(bad), Err(AddressError::Domain(bad.to_owned())), "{bad}");
        }
    }

    #[test]
    fn a_target_is_an_account_or_a_fixed_address() {
        assert_eq!(target("Bot@Some.example").unwrap().bare().as_str(), "bot@some.example");
        assert_eq!(target("bot@some.example.").unwrap().bare().as_str(), "bot@some.example");
        assert!(matches!(target("bot@some.example/a"), Ok(Target::Resource { .. })));
        assert!(matches!(target("focus.example/focus"), Ok(Target::Resource { .. })));
        assert!(matches!(target("some.example"), Err(AddressError::NoNode(_))));
        for bad in ["", "@a", "a@", "a@b/", "a b@c"] {
            assert!(matches!(target(bad), Err(AddressError::Target(..))), "{bad}");
        }
    }
}
