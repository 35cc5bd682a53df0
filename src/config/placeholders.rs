//! Names that differ from replica to replica, though all share one configuration.

use super::sources;

/// Why a text with placeholders can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PlaceholderError {
    #[error("{{{0}}} is not known")]
    Unknown(String),
    #[error("a brace is not closed")]
    Open,
    #[error("the environment variable {0} is not set")]
    Variable(String),
}

impl PlaceholderError {
    /// What to write instead.
    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::Unknown(_) | Self::Open => "{hostname} and {env:NAME} are known",
            Self::Variable(_) => {
                "set it for this process, and for the daemon in its unit (Environment=NAME=a, and a \
                 restart)"
            }
        }
    }
}

/// What `text` stands for on this machine: `{hostname}` is its name, `{env:NAME}` an environment
/// variable.
pub(super) fn expand(text: &str) -> Result<String, PlaceholderError> {
    expand_with(text, sources::hostname, |name| {
        sources::variable(name).map(|value| value.to_string())
    })
}

/// Where the value of a placeholder comes from, for messages.
pub(super) fn origin(text: &str) -> String {
    if text.contains('{') { format!(", which {text:?} stands for here") } else { String::new() }
}

fn expand_with(
    text: &str,
    hostname: impl Fn() -> String,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<String, PlaceholderError> {
    let mut name = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        let (placeholder, after) = behind.split_once('}').ok_or(PlaceholderError::Open)?;
        name.push_str(before);
        match placeholder.split_once(':') {
            None if placeholder == "hostname" => name.push_str(&hostname()),
            Some(("env", key)) => {
                let value = variable(key).filter(|value| !value.is_empty());
                name.push_str(&value.ok_or_else(|| PlaceholderError::Variable(key.to_owned()))?);
            }
            _ => return Err(PlaceholderError::Unknown(placeholder.to_owned())),
        }
        rest = after;
    }
    name.push_str(rest);
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str) -> Result<String, String> {
        let variable = |name: &str| match name {
            "POD" => Some("jat-1".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        let name = expand_with(text, || "Host7".to_owned(), variable);
        name.map_err(|error| error.to_string())
    }

    #[test]
    fn a_replica_is_named_after_its_machine_or_its_environment() {
        assert_eq!(expand("a.proxy.example").unwrap(), "a.proxy.example");
        assert_eq!(expand("{hostname}.proxy.example").unwrap(), "Host7.proxy.example");
        assert_eq!(expand("{env:POD}-{hostname}.p").unwrap(), "jat-1-Host7.p");
        assert_eq!(expand("node-{env:POD}:5347").unwrap(), "node-jat-1:5347");
    }

    #[test]
    fn what_stands_for_nothing_says_why() {
        for (text, message) in [
            ("{host}.p", "{host} is not known"),
            ("{hostname.p", "a brace is not closed"),
            ("{env:NONE}.p", "the environment variable NONE is not set"),
            ("{env:EMPTY}.p", "the environment variable EMPTY is not set"),
            ("{env:}.p", "the environment variable  is not set"),
        ] {
            assert_eq!(expand(text).unwrap_err(), message);
        }
    }
}
