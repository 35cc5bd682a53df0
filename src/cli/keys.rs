//! `jat-proxy keys`: shows the key ring and rotates it, and adds name keys.

use std::path::Path;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::config::{self, Config};
use crate::daemon::status::key_states::{self, Part};
use crate::daemon::status::name_keys;
use crate::jat::keyring::{Keyring, MAX_AHEAD, SKEW};
use crate::jat::name_keys::NameKeys;
use crate::time;

use super::key_file::{self, EditError};
use super::replace::{self, ReplaceError};
use super::{ConfigFile, Exit, complain, printed, say};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub config: ConfigFile,
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Show which key signs, which comes next, which can be removed and when; and which name key
    /// makes names
    List,
    /// Add a key that takes over later, so that all replicas can have it before
    Add(Add),
    /// Remove the keys that no live token carries any more; name keys stay
    Prune,
}

#[derive(clap::Args)]
struct Add {
    /// When it takes over
    #[arg(long = "in", value_name = "DURATION", default_value = "1h", value_parser = wait)]
    wait: Duration,
    /// Take over at once, because a key has leaked; prints what this costs
    #[arg(long, conflicts_with = "wait")]
    now: bool,
    /// Add a name key: the first that a `relay` of more than "iq" needs, or one that is to take its
    /// place; prints what that costs
    #[arg(long, conflicts_with_all = ["wait", "now"])]
    name: bool,
}

pub(super) fn run(arguments: &Arguments, now: u64) -> Exit {
    let path = &arguments.config.path;
    let config = match printed(config::load_for_keys(path, now)) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let done = match &arguments.action {
        Action::List => Ok(list(&config, now)),
        Action::Add(options) if options.name => add_name_key(path, &config, now),
        Action::Add(options) => add(path, &config, options, now),
        Action::Prune => prune(path, &config, now),
    };
    match done {
        Ok(text) => say(&text),
        Err(error) => {
            complain(&format!("error: {error}\n"));
            match error {
                KeysError::Full(_) | KeysError::Changed(_) | KeysError::Edit(..) => Exit::Config,
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
    #[error("the configuration has changed in the meantime:\n{0}")]
    Changed(String),
    #[error("all 256 ids are taken: {0}")]
    Full(&'static str),
    #[error("the operating system gives no random bytes: {0}")]
    Random(#[from] getrandom::Error),
}

fn list(config: &Config, now: u64) -> String {
    let states = key_states::states(&config.keyring, now, config.reply_ttl);
    let states = states.iter().map(ToString::to_string);
    let names = name_keys::states(config.name_keys.iter().flat_map(|names| names.ids()));
    states.chain(names).map(|state| state + "\n").collect()
}

fn add(path: &Path, config: &Config, options: &Add, now: u64) -> Result<String, KeysError> {
    let at = if options.now { now } else { now.saturating_add(options.wait.as_secs()) };
    let mut told = String::new();
    edit(path, config, now, |config, text| {
        warn_of_another(&config.keyring, now);
        let newest = config.keyring.keys().last().map_or(0, |key| key.id());
        let id = free_id(newest, |id| config.keyring.verifying(id).is_some());
        let id = id.ok_or(KeysError::Full("jat-proxy keys prune"))?;
        let secret = secret()?;
        told = advice(config, id, at, options.now, now);
        Ok(key_file::add(text, id, &secret, Some(at)))
    })?;
    Ok(told)
}

fn add_name_key(path: &Path, config: &Config, now: u64) -> Result<String, KeysError> {
    let mut told = String::new();
    edit(path, config, now, |config, text| {
        let names = config.name_keys.as_deref();
        let last = names.and_then(|names| names.keys().last()).map_or(0, |key| key.id());
        let id = free_id(last, |id| names.is_some_and(|names| names.with_id(id).is_some()));
        let id = id.ok_or(KeysError::Full("remove an old name key by hand"))?;
        let secret = secret()?;
        told = advice_on_names(config, names, id);
        Ok(key_file::add_name_key(text, id, &secret))
    })?;
    Ok(told)
}

fn secret() -> Result<Zeroizing<[u8; 32]>, getrandom::Error> {
    let mut secret = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *secret)?;
    Ok(secret)
}

/// Warns when a rotation is under way already: it may have been started twice, by hand and by a
/// timer for example.
fn warn_of_another(ring: &Keyring, now: u64) {
    if let Some((key, at)) = ring.next(now) {
        let when = key_states::from(at, now);
        complain(&format!(
            "warning: key {} was added already, and signs {when}\n  help: one new key is enough \
             for a rotation: remove one of the two by hand, unless both are meant\n",
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
            told.push_str(&format!("key {id} removed\n"));
        }
        for state in states.iter().filter(|s| !goes(s.part)) {
            told.push_str(&format!("{state}\n"));
        }
        if ids.is_empty() {
            told.push_str("no key can be removed yet\n");
            return Ok(Ok(text.to_owned()));
        }
        told.push_str("Next: copy the file to every replica and reload each.\n");
        Ok(key_file::remove(text, &ids))
    })?;
    Ok(told)
}

/// Edits the file of the keys under a lock; the configuration is then read once more, since another
/// edit may have come first.
fn edit(
    path: &Path,
    config: &Config,
    now: u64,
    make: impl FnOnce(&Config, &str) -> Result<Result<String, EditError>, KeysError>,
) -> Result<(), KeysError> {
    let file = &config.key_file;
    replace::edit(file, |text| {
        let (config, _) = config::load_for_keys(path, now)
            .map_err(|problems| KeysError::Changed(config::render(&problems)))?;
        make(&config, text)?.map_err(|error| KeysError::Edit(file.display().to_string(), error))
    })
}

/// The first free id after that of the newest key; after 255 comes 0.
fn free_id(newest: u8, is_taken: impl Fn(u8) -> bool) -> Option<u8> {
    (1..=255).map(|step| newest.wrapping_add(step)).find(|id| !is_taken(*id))
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
                    "Key {} of the same file takes over at {when}: remove it by hand now, it has \
                     leaked too.\n",
                    key.id()
                )
            })
            .collect();
        return format!(
            "key {id} is in {file} and signs from now on\n\
             Next: copy {file} to every replica and reload each (SIGHUP), all at once: a replica \
             that has not reloaded refuses the tokens of those that have, and their replies are \
             lost.\n\
             {coming}What was in the ring before ({older}) still verifies, so that replies in \
             flight arrive, and so do forged ones. Remove it from {file} by hand and reload to end \
             that: replies to requests of the last {life} are then lost. Otherwise key {old} can \
             be removed from {gone} on: jat-proxy keys prune\n"
        );
    }
    format!(
        "key {id} is in {file} and signs {}\n\
         Next: copy {file} to every replica and reload each (SIGHUP) before then.\n\
         Key {old} verifies replies in flight and can be removed from {gone} on: jat-proxy keys \
         prune\n",
        key_states::from(at, now)
    )
}

/// What to do after name key `id` was added behind `names`.
fn advice_on_names(config: &Config, names: Option<&NameKeys>, id: u8) -> String {
    let file = config.key_file.display();
    let Some(names) = names else {
        return format!(
            "name key {id} is in {file}, and makes names\n\
             Next: copy {file} to every replica and reload each (SIGHUP). Then `relay` may have \
             more than \"iq\".\n"
        );
    };
    let first = names.first().id();
    format!(
        "name key {id} is in {file}, behind the others: it opens names, and makes none\n\
         Next: copy {file} to every replica and reload each (SIGHUP).\n\
         If key {first} has leaked, let name key {id} make the names: put its [[name-key]] in \
         front of the others, copy {file} to every replica and reload all at once, or users see \
         names change from one stanza to the next.\n\
         That changes every name. Contacts see each resource of the target twice until the \
         implementing client reconnects, and it has to enter its rooms again. Users outside of \
         `initiate` get new mirrors: messages to the old ones still arrive, the client's own \
         requests to them are refused.\n\
         Remove name key {first} when nobody uses its names any more: then its aliases reach no \
         resource, and mirrors that it signed are refused. Until then, whoever has the key can \
         make such names.\n"
    )
}

fn wait(text: &str) -> Result<Duration, &'static str> {
    let wait = time::duration(text).ok_or("not a duration, for example: 10min, 1h, 24h")?;
    match wait.as_secs() < MAX_AHEAD {
        true => Ok(wait),
        false => Err("more than a year"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_wrap_and_skip_those_in_use() {
        let free = |newest, taken: &[u8]| free_id(newest, |id| taken.contains(&id));
        assert_eq!(free(7, &[7]), Some(8));
        assert_eq!(free(255, &[0, 255]), Some(1));
        assert_eq!(free(4, &[5, 6, 4]), Some(7));
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(free(255, &all), None);
    }
}
