//! Configuration, key file and secret file: whatever their content, the result is a configuration or
//! errors, and no message quotes a secret.

use std::collections::BTreeSet;
use std::fs;

use core_tests::checks::parts;
use core_tests::session::START;
use jat_proxy::config::{Config, Problem, load, render};
use jat_proxy::jat::mirror;
use jat_proxy::jat::settings::TokenIn;
use tempfile::TempDir;

/// Where the files under check are written.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Loads three parts: the configuration, `keys.toml` and `proxy.secret`.
    pub fn check(&self, data: &[u8]) -> Result<Config, Vec<Problem>> {
        let [config, keys, secret]: [&[u8]; 3] = parts(data);
        let names = ["jat-proxy.toml", "keys.toml", "proxy.secret"];
        for (name, bytes) in names.into_iter().zip([config, keys, secret]) {
            fs::write(self.0.path().join(name), bytes).unwrap();
        }
        let result = load(&self.0.path().join(names[0]), START.unix);
        let (said, result) = match result {
            Ok((config, warnings)) => {
                assert!(!warnings.iter().any(Problem::is_error));
                is_ready(&config);
                (format!("{config:?} {}", render(&warnings)), Ok(config))
            }
            Err(problems) => {
                assert!(problems.iter().any(Problem::is_error));
                (render(&problems), Err(problems))
            }
        };
        for secret in secrets([config, keys, secret]) {
            assert!(!said.contains(&secret), "{secret:?} is shown in: {said}");
        }
        result
    }
}

/// Checks what later code takes for granted.
fn is_ready(config: &Config) {
    let streams: Vec<_> = config.components.iter().flat_map(|c| c.streams()).collect();
    assert!(!streams.is_empty());
    for (index, stream) in streams.iter().enumerate() {
        assert!(!stream.secret.expose().is_empty());
        assert!(streams[..index].iter().all(|other| other.domain != stream.domain));
    }
    for component in &config.components {
        let target = component.settings.target.bare().domain();
        assert!(streams.iter().all(|stream| *stream.domain != *target), "in circles");
        if let Some(two_way) = &component.settings.two_way {
            assert!(config.name_keys.is_some() && two_way.relayed().count() > 1);
            assert!(component.settings.token_in == TokenIn::default(), "it is not told");
            assert!(!two_way.faces.0.iter().any(|face| mirror::is_reserved(face.as_str())));
        }
    }
    assert!(config.keyring.verifying(config.keyring.signing(START.unix).id()).is_some());
}

/// The words in the places of secrets: the secret file, and what follows `secret =` on a line of the
/// others.
fn secrets(files: [&[u8]; 3]) -> BTreeSet<String> {
    let [config, keys, secret_file] = files.map(String::from_utf8_lossy);
    let (mut secret, mut public) = (words(&secret_file), BTreeSet::new());
    for line in config.lines().chain(keys.lines()) {
        match secret_value(line) {
            Some(value) => secret.append(&mut words(value)),
            None => public.append(&mut words(line)),
        }
    }
    // A text over several lines may contain such a line.
    if [config, keys].iter().any(|file| file.contains("\"\"\"") || file.contains("'''")) {
        return BTreeSet::new();
    }
    secret.retain(|word| !public.iter().any(|other| other.contains(word)));
    secret
}

/// What follows `secret =` on a line, unless it says where the secret is.
fn secret_value(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let rest = line.strip_prefix("presence-").unwrap_or(line).strip_prefix("secret")?;
    let value = rest.trim_start().strip_prefix('=')?.trim_start();
    (!value.starts_with('{')).then_some(value)
}

/// Words that are long enough not to occur in a message by chance.
fn words(text: &str) -> BTreeSet<String> {
    let split = text.split(|c: char| !c.is_ascii_alphanumeric() && !"+/".contains(c));
    split.filter(|word| word.len() >= 10).map(str::to_owned).collect()
}
