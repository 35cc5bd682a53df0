//! Secrets that are cleared from memory and never shown, and where they come from.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::misleading::is_misleading;

use super::problem::Problem;
use super::sources::{self, Sources};
use super::table::Table;
use super::value::Value;

/// The shared secret of a component; never empty.
#[derive(Clone)]
pub struct Secret {
    text: Zeroizing<String>,
    /// Where it was read from, if not from the configuration itself.
    origin: Option<Arc<str>>,
}

impl Secret {
    /// `None` for an empty text.
    pub fn new(text: Zeroizing<String>) -> Option<Self> {
        (!text.is_empty()).then_some(Self { text, origin: None })
    }

    fn read_from(self, origin: &str) -> Self {
        Self { origin: Some(origin.into()), ..self }
    }

    /// Where it stands, for people: a file, a variable of the environment, a credential of systemd.
    pub fn origin(&self) -> &str {
        self.origin.as_deref().unwrap_or("the configuration itself")
    }

    /// The secret itself: for the handshake, never for the log.
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Reads `secret = ...`: a string, or a table that says where among the `sources` the secret is.
pub(super) fn read(
    value: Value<'_>,
    sources: &Sources<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Secret> {
    let secret = match Table::of(value, "`secret`") {
        Ok(table) => elsewhere(value, table, sources, problems)?,
        Err(_) => inline(value, problems),
    };
    secret.map_err(|problem| problems.push(problem)).ok()
}

fn inline(value: Value<'_>, problems: &mut Vec<Problem>) -> Result<Secret, Problem> {
    let text = value.text().map_err(|_| value.wrong_type("a table or a string", EXAMPLE))?;
    let secret = Secret::new(Zeroizing::new(text.to_owned())).ok_or_else(|| empty(value))?;
    problems.push(Problem::warning(
        value.place(),
        "the secret is in the configuration itself",
        format!("put it into a file of its own: {EXAMPLE}"),
    ));
    Ok(secret)
}

/// `None` if everything wrong has been reported already.
fn elsewhere(
    value: Value<'_>,
    mut table: Table<'_>,
    sources: &Sources<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Result<Secret, Problem>> {
    let before = problems.len();
    let mut named = Vec::new();
    for (key, origin) in
        [("file", Origin::File), ("env", Origin::Variable), ("credential", Origin::Credential)]
    {
        let name = table.optional(key, problems, |name| name.text());
        named.extend(name.map(|name| (origin, name)));
    }
    table.finish(problems);
    match named[..] {
        [(origin, name)] => Some(origin.read(value, name, sources, problems)),
        [] if problems.len() > before => None,
        _ => Some(Err(value.error(
            "`secret` needs exactly one of `file`, `env` and `credential`",
            format!("for example: {EXAMPLE}"),
        ))),
    }
}

#[derive(Clone, Copy)]
enum Origin {
    File,
    Variable,
    /// A file below systemd's `$CREDENTIALS_DIRECTORY`.
    Credential,
}

impl Origin {
    fn read(
        self,
        value: Value<'_>,
        name: &str,
        sources: &Sources<'_>,
        problems: &mut Vec<Problem>,
    ) -> Result<Secret, Problem> {
        let path = match self {
            Self::Variable => {
                let text = sources::variable(name).ok_or_else(|| {
                    let message = format!("the environment variable {name} is not set");
                    value.error(message, "set it for this process too, or use `file`")
                })?;
                let secret = stripped(text, value, problems)?;
                return Ok(secret.read_from(&format!("the environment variable {name}")));
            }
            Self::File => sources.path(name),
            Self::Credential => {
                let credentials = sources::credentials_directory().ok_or_else(|| {
                    value.error(
                        "there are no credentials: CREDENTIALS_DIRECTORY is not set",
                        format!(
                            "add LoadCredential={name}:/a/file to the systemd unit; by hand set \
                             CREDENTIALS_DIRECTORY to a folder with a file called {name}"
                        ),
                    )
                })?;
                credentials.join(name)
            }
        };
        let found = sources.named("secret file", &path, value)?;
        if found.world_readable && matches!(self, Self::File) {
            problems.push(Problem::warning(
                value.place(),
                format!("every user of this machine can read {}", path.display()),
                format!("chmod o= {}", path.display()),
            ));
        }
        let text = str::from_utf8(&found.bytes)
            .map_err(|_| value.error("the secret file is not UTF-8 text", ""))?;
        let secret = stripped(Zeroizing::new(text.to_owned()), value, problems)?;
        Ok(secret.read_from(&path.display().to_string()))
    }
}

/// The secret without the newline that editors and `echo` add at the end.
fn stripped(
    text: Zeroizing<String>,
    value: Value<'_>,
    problems: &mut Vec<Problem>,
) -> Result<Secret, Problem> {
    let stripped = text.strip_suffix('\n').map(|t| t.strip_suffix('\r').unwrap_or(t));
    let text = Zeroizing::new(stripped.unwrap_or(&text).to_owned());
    let unseen = |c: char| c.is_whitespace() || is_misleading(c);
    if text.starts_with(unseen) || text.ends_with(unseen) {
        problems.push(Problem::warning(
            value.place(),
            "the secret begins or ends with white space, or with something else that can't be seen",
            "it is a part of the secret: remove it, unless the server has it too",
        ));
    }
    Secret::new(text).ok_or_else(|| empty(value))
}

fn empty(value: Value<'_>) -> Problem {
    value.error("the secret is empty", "write the one that the server has")
}

const EXAMPLE: &str = "secret = { file = \"proxy.secret\" }";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_secret_is_shown() {
        let secret = Secret::new(Zeroizing::new("hunter2".to_owned())).unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        assert_eq!(secret.expose(), "hunter2");
        assert!(Secret::new(Zeroizing::default()).is_none());
    }
}
