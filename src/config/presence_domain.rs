//! `presence-domain`: a name for each replica, though all have one configuration.

use jid::DomainPart;

use super::addresses;
use super::outside;

/// Why a presence domain can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PresenceDomainError {
    #[error("{{{0}}} is not known in a presence domain")]
    Placeholder(String),
    #[error("a brace in the presence domain is not closed")]
    Open,
    #[error("the environment variable {0} is not set")]
    Variable(String),
    #[error("{0:?} is not a domain for a component{expanded}", expanded = expanded(.1))]
    Domain(String, String),
}

impl PresenceDomainError {
    /// What to write instead.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Placeholder(_) | Self::Open => "known are {hostname} and {env:NAME}",
            Self::Variable(_) => {
                "set it for this process, and for the daemon in its unit (Environment=NAME=a, and a \
                 restart): to a name that no other replica has"
            }
            Self::Domain(..) => {
                "a domain alone, one for each replica, as in: {hostname}.proxy.example"
            }
        }
    }
}

/// The domain that `text` stands for on this machine: `{hostname}` is its name, `{env:NAME}`
/// an environment variable.
pub fn expand(text: &str) -> Result<DomainPart, PresenceDomainError> {
    expand_with(text, outside::hostname, |name| {
        outside::variable(name).map(|value| value.to_string())
    })
}

fn expand_with(
    text: &str,
    hostname: impl Fn() -> String,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<DomainPart, PresenceDomainError> {
    let mut name = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        let (placeholder, after) = behind.split_once('}').ok_or(PresenceDomainError::Open)?;
        name.push_str(before);
        match placeholder.split_once(':') {
            None if placeholder == "hostname" => name.push_str(&hostname()),
            Some(("env", key)) => {
                let value = variable(key).filter(|value| !value.is_empty());
                let value = value.ok_or_else(|| PresenceDomainError::Variable(key.to_owned()))?;
                name.push_str(&value);
            }
            _ => return Err(PresenceDomainError::Placeholder(placeholder.to_owned())),
        }
        rest = after;
    }
    name.push_str(rest);
    addresses::domain(&name).map_err(|_| PresenceDomainError::Domain(name, text.to_owned()))
}

/// Where a name that nobody wrote comes from.
fn expanded(text: &str) -> String {
    if text.contains('{') { format!(", which {text:?} stands for here") } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str) -> Result<String, String> {
        let variable = |name: &str| match name {
            "POD" => Some("jat-1".to_owned()),
            "EMPTY" => Some(String::new()),
            "BAD" => Some("a b".to_owned()),
            _ => None,
        };
        let domain = expand_with(text, || "Host7".to_owned(), variable);
        domain.map(|d| d.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_replica_is_named_after_its_machine_or_its_environment() {
        assert_eq!(expand("a.proxy.example").unwrap(), "a.proxy.example");
        assert_eq!(expand("{hostname}.proxy.example").unwrap(), "host7.proxy.example");
        assert_eq!(expand("{env:POD}-{hostname}.p").unwrap(), "jat-1-host7.p");
    }

    #[test]
    fn what_is_no_domain_says_why() {
        for (text, message) in [
            ("{host}.p", "{host} is not known in a presence domain"),
            ("{hostname.p", "a brace in the presence domain is not closed"),
            ("{env:NONE}.p", "the environment variable NONE is not set"),
            ("{env:EMPTY}.p", "the environment variable EMPTY is not set"),
            ("{env:}.p", "the environment variable  is not set"),
            ("a b", "\"a b\" is not a domain for a component"),
            (
                "{env:BAD}.p",
                "\"a b.p\" is not a domain for a component, which \"{env:BAD}.p\" stands for here",
            ),
        ] {
            assert_eq!(expand(text).unwrap_err(), message);
        }
    }
}
