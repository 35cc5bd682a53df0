//! One entry of a list of senders.

use std::borrow::Cow;

use jid::BareJid;

use crate::jat::address::Address;

use super::sender::NormalSender;

/// One entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// An account, whatever its resource.
    Address(String),
    /// Everybody at a domain, and the domain itself.
    Domain(String),
    /// Everybody at the subdomains of a domain, at any depth; not at the domain itself.
    Subdomains(String),
    /// Everybody: `*`.
    Everybody,
}

/// Why a text is not a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    #[error("a pattern can't be empty")]
    Empty,
    #[error("a `*` is allowed at the beginning of a domain only, with a dot behind it")]
    Star,
    #[error("an entry can't have a resource")]
    Resource,
    #[error("this is neither a domain nor an account")]
    Address,
}

impl PatternError {
    /// What to write instead.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Empty | Self::Address => {
                "for example: \"some-domain.example\", \"*.partner.example\", \
                 \"admin@other.example\""
            }
            Self::Star => {
                "for example: \"*.partner.example\"; \"partner.example\" alone is everybody there, \
                 \"*\" alone is everybody everywhere"
            }
            Self::Resource => "name the account alone, for example: \"admin@other.example\"",
        }
    }
}

impl Pattern {
    pub fn new(text: &str) -> Result<Self, PatternError> {
        match text {
            "" => return Err(PatternError::Empty),
            "*" => return Ok(Self::Everybody),
            _ => (),
        }
        if text.contains('/') {
            return Err(PatternError::Resource);
        }
        let (parent, text) = match text.strip_prefix("*.") {
            Some(parent) => (true, parent),
            None => (false, text),
        };
        if text.contains('*') || parent && text.contains('@') {
            return Err(PatternError::Star);
        }
        // The library accepts some characters that no server accepts.
        if text.contains(['"', '&', '\'', ':', '<', '>']) {
            return Err(PatternError::Address);
        }
        let jid = BareJid::new(text).map_err(|_| PatternError::Address)?;
        let sender = NormalSender::of(&Address::new(jid.as_str())).ok_or(PatternError::Address)?;
        let name = |name: &Cow<'_, str>| name.clone().into_owned();
        Ok(match (parent, jid.node()) {
            (true, _) => Self::Subdomains(name(&sender.domain)),
            (false, None) => Self::Domain(name(&sender.domain)),
            (false, Some(_)) => Self::Address(name(&sender.bare)),
        })
    }

    /// Whether this one matches everybody that `other` matches.
    pub fn covers(&self, other: &Self) -> bool {
        let is_below = |domain: &str, parent: &str| {
            domain.strip_suffix(parent).is_some_and(|labels| labels.ends_with('.'))
        };
        match (self, other) {
            (Self::Everybody, _) => true,
            (Self::Subdomains(parent), Self::Domain(domain)) => is_below(domain, parent),
            (Self::Subdomains(parent), Self::Address(address)) => {
                is_below(domain_of(address), parent)
            }
            (Self::Subdomains(parent), Self::Subdomains(of)) => {
                of == parent || is_below(of, parent)
            }
            (Self::Domain(domain), Self::Address(address)) => domain_of(address) == domain,
            (Self::Domain(own), Self::Domain(other))
            | (Self::Address(own), Self::Address(other)) => own == other,
            (Self::Domain(_), Self::Subdomains(_))
            | (Self::Address(_), Self::Domain(_) | Self::Subdomains(_))
            | (_, Self::Everybody) => false,
        }
    }
}

/// The domain of a bare address in normal form; nothing else in it has an `@`.
fn domain_of(address: &str) -> &str {
    address.split_once('@').map_or(address, |(_, domain)| domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_could_be_misread_is_refused() {
        for (text, error) in [
            ("", PatternError::Empty),
            ("**", PatternError::Star),
            ("*@a.example", PatternError::Star),
            ("*a.example", PatternError::Star),
            ("a.*.example", PatternError::Star),
            ("*.u@a.example", PatternError::Star),
            ("u@a.example/r", PatternError::Resource),
            ("a b", PatternError::Address),
            ("@a.example", PatternError::Address),
            ("u@", PatternError::Address),
            ("*.", PatternError::Address),
            ("a.example:5222", PatternError::Address),
        ] {
            assert_eq!(Pattern::new(text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_pattern_covers_another_if_it_matches_all_of_it() {
        let covers = |own, other| Pattern::new(own).unwrap().covers(&Pattern::new(other).unwrap());
        for (own, other) in [
            ("*", "*"),
            ("*", "*.a.example"),
            ("*", "u@a.example"),
            ("*.a.example", "*.a.example"),
            ("*.a.example", "*.b.a.example"),
            ("*.a.example", "b.a.example"),
            ("*.a.example", "u@b.a.example"),
            ("a.example", "A.example"),
            ("a.example", "u@a.example"),
            ("u@a.example", "U@a.example"),
        ] {
            assert!(covers(own, other), "{own} {other}");
        }
        for (own, other) in [
            ("*.a.example", "*"),
            ("a.example", "*"),
            ("*.a.example", "a.example"),
            ("*.a.example", "u@a.example"),
            ("*.a.example", "xa.example"),
            ("*.a.example", "*.xa.example"),
            ("*.b.a.example", "*.a.example"),
            ("a.example", "*.a.example"),
            ("a.example", "b.example"),
            ("a.example", "u@b.a.example"),
            ("u@a.example", "a.example"),
            ("u@a.example", "v@a.example"),
        ] {
            assert!(!covers(own, other), "{own} {other}");
        }
    }
}
