//! `jat-proxy keys`: shows the key ring and rotates it.

use std::path::Path;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::config::{self, Config};
use crate::daemon::status::key_states::{self, Part};
use crate::jat::keyring::{Keyring, MAX_AHEAD, SKEW};
use crate::time;

use super::key_file::{self, EditError};
use super::replace::{self, ReplaceError};
use super::{ConfigFile, Exit, complain, configuration, say};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub config: ConfigFile,
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Show which key signs, which comes next, which can go and when
    List,
    /// Add a key that takes over later, so that all replicas can have it before
    Add(Add),
    /// Take away the keys that no live token carries any more
    Prune,
}

#[derive(clap::Args)]
struct Add {
    /// When it takes over
    #[arg(long = "in", value_name = "DURATION", default_value = "1h", value_parser = wait)]
    wait: Duration,
    /// Take over at once, because a key has leaked; says what it costs
    #[arg(long, conflicts_with = "wait")]
    now: bool,
}

pub(super) fn run(arguments: &Arguments, now: u64) -> Exit {
    let path = &arguments.config.path;
    let config = match configuration(path, now) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let done = match &arguments.action {
        Action::List => Ok(list(&config, now)),
        Action::Add(options) => add(path, &config, options, now),
        Action::Prune => prune(path, &config, now),
    };
    match done {
        Ok(text) => say(&text),
        Err(error) => {
            complain(&format!("error: {error}\n"));
            match error {
                KeysError::Full | KeysError::Changed(_) | KeysError::Edit(..) => Exit::Config,
                KeysError::Replace(ReplaceError::Io(_, error)) => {
                    complain(&format!("  help: {}\n", replace::write_hint(&error)));
                    Exit::Io
                }
                KeysError::Replace(ReplaceError::Busy(_)) => Exit::Io,
                KeysError::Random(_) => Exit::Software,
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum KeysError {
    #[error("{0}")]
    Replace(#[from] ReplaceError),
    #[error("can't edit {0}: {1}")]
    Edit(String, EditError),
    #[error("the configuration has changed meanwhile:\n{0}")]
    Changed(String),
    #[error("all 256 key ids are taken: jat-proxy keys prune")]
    Full,
    #[error("the operating system gives no random bytes: {0}")]
    Random(#[from] getrandom::Error),
}

fn list(config: &Config, now: u64) -> String {
    let states = key_states::states(&config.keyring, now, config.reply_ttl);
    states.iter().map(|state| format!("{state}\n")).collect()
}

fn add(path: &Path, config: &Config, options: &Add, now: u64) -> Result<String, KeysError> {
    let at = if options.now { now } else { now.saturating_add(options.wait.as_secs()) };
    let mut told = String::new();
    edit(path, config, now, |config, text| {
        warn_of_another(&config.keyring, now);
        let id = free_id(&config.keyring).ok_or(KeysError::Full)?;
        let mut secret = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *secret)?;
        told = advice(config, id, at, options.now, now);
        Ok(key_file::add(text, id, &secret, Some(at)))
    })?;
    Ok(told)
}

/// A rotation is under way already: two that have begun it at once, by hand and by a timer, say.
fn warn_of_another(ring: &Keyring, now: u64) {
    if let Some((key, at)) = ring.next(now) {
        let when = key_states::from(at, now);
        complain(&format!(
            "warning: key {} was added already, and signs {when}\n  help: one new key is enough for \
             a rotation: take one of the two out by hand, unless both are meant\n",
            key.id()
        ));
    }
}

fn prune(path: &Path, config: &Config, now: u64) -> Result<String, KeysError> {
    let mut told = String::new();
    edit(path, config, now, |config, text| {
        let states = key_states::states(&config.keyring, now, config.reply_ttl);
        let goes = |part: Part| matches!(part, Part::CanGo { .. });
        let ids: Vec<u8> = states.iter().filter(|s| goes(s.part)).map(|s| s.id).collect();
        for id in &ids {
            told.push_str(&format!("key {id} is gone\n"));
        }
        for state in states.iter().filter(|s| !goes(s.part)) {
            told.push_str(&format!("{state}\n"));
        }
        if ids.is_empty() {
            told.push_str("no key can go yet\n");
            return Ok(Ok(text.to_owned()));
        }
        told.push_str("Next: copy the file to every replica and reload each.\n");
        Ok(key_file::remove(text, &ids))
    })?;
    Ok(told)
}

/// Edits the file of the keys while nobody else does; the configuration is read once more
/// then, since another edit may have come first.
fn edit(
    path: &Path,
    config: &Config,
    now: u64,
    make: impl FnOnce(&Config, &str) -> Result<Result<String, EditError>, KeysError>,
) -> Result<(), KeysError> {
    let file = &config.key_file;
    replace::edit(file, |text| {
        let (config, _) = config::load(path, now)
            .map_err(|problems| KeysError::Changed(config::render(&problems)))?;
        make(&config, text)?.map_err(|error| KeysError::Edit(file.display().to_string(), error))
    })
}

/// The id after the newest key's that no key has; after 255 comes 0.
fn free_id(ring: &Keyring) -> Option<u8> {
    let newest = ring.keys().last().map_or(0, |key| key.id());
    (1..=255).map(|step| newest.wrapping_add(step)).find(|id| ring.verifying(*id).is_none())
}

/// What to do after key `id` was added, that signs from `at`.
fn advice(config: &Config, id: u8, at: u64, leaked: bool, now: u64) -> String {
    let file = config.key_file.display();
    let old = config.keyring.signing(at).id();
    let gone = at.saturating_add(config.reply_ttl).saturating_add(SKEW);
    let gone = time::show_moment(gone);
    let life = time::show_duration(Duration::from_secs(config.reply_ttl));
    if leaked {
        let older = config.keyring.keys().iter().map(|key| key.id().to_string());
        let older = older.collect::<Vec<_>>().join(", ");
        let coming = config.keyring.keys().iter().filter(|key| key.not_before() > Some(now));
        let coming: String = coming
            .map(|key| {
                let when = time::show_moment(key.not_before().unwrap_or_default());
                format!(
                    "Key {} of the same file takes over at {when}: take it out by hand now, it has \
                     leaked too.\n",
                    key.id()
                )
            })
            .collect();
        return format!(
            "key {id} is in {file} and signs from now on\n\
             Next: copy {file} to every replica and reload each (SIGHUP), all at once: a replica \
             that has not reloaded refuses the tokens of those that have, and their replies are \
             lost.\n{coming}\
             What was in the ring before ({older}) still verifies, so that replies in flight \
             arrive, and so do forged ones. Take it out of {file} by hand and reload to end that: \
             replies to requests of the last {life} are lost then. Else key {old} can go from \
             {gone}: jat-proxy keys prune\n"
        );
    }
    format!(
        "key {id} is in {file} and signs {}\n\
         Next: copy {file} to every replica and reload each (SIGHUP) before then.\n\
         Key {old} verifies replies in flight and can go from {gone}: jat-proxy keys prune\n",
        key_states::from(at, now)
    )
}

fn wait(text: &str) -> Result<Duration, &'static str> {
    let wait = time::duration(text).ok_or("not a duration, as in: 10min, 1h, 24h")?;
    match wait.as_secs() < MAX_AHEAD {
        true => Ok(wait),
        false => Err("more than a year"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jat::keyring::Key;

    #[test]
    fn ids_wrap_and_skip_those_in_use() {
        let ring = |ids: &[u8]| {
            let key = |(at, id): (usize, &u8)| {
                Key::new(*id, &Zeroizing::new(vec![*id; 32]), Some(at as u64)).unwrap()
            };
            Keyring::new(ids.iter().enumerate().map(key).collect()).unwrap()
        };
        assert_eq!(free_id(&ring(&[7])), Some(8));
        assert_eq!(free_id(&ring(&[0, 255])), Some(1));
        assert_eq!(free_id(&ring(&[5, 6, 4])), Some(7));
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(free_id(&ring(&all)), None);
    }
}
