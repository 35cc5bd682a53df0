//! Reads a configuration and every file that it names, and reports every fault at once.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::jat::keyring::{Key, Keyring};
use crate::jat::name_keys::{NameKey, NameKeys};

use super::common::Common;
use super::component::{self, Draft};
use super::document::Document;
use super::http::Http;
use super::keys;
use super::name_keys;
use super::problem::{Position, Problem};
use super::sections;
use super::server::Server;
use super::snapshot::Snapshot;
use super::sources::{Files, HOME, Sources, is_home};
use super::table::Table;
use super::text::Text;
use super::value::Value;
use super::{Config, Log};

/// Reads the configuration at `path` and the files that it names, at Unix second `now`.
///
/// The second half of a good result is the warnings.
///
/// # Errors
/// All errors and warnings, in the order of their places. None of them shows a secret.
pub fn load(path: &Path, now: u64) -> Result<(Config, Vec<Problem>), Vec<Problem>> {
    load_from(path, now, &Sources::of(path, None), Lacking::AnError)
}

/// [`load`] for a command that makes keys: a missing name key is not an error, even where one is
/// needed.
///
/// # Errors
/// Those of [`load`].
pub fn load_for_keys(path: &Path, now: u64) -> Result<(Config, Vec<Problem>), Vec<Problem>> {
    load_from(path, now, &Sources::of(path, None), Lacking::Allowed)
}

impl Snapshot {
    /// Reads the configuration at `path`, at Unix second `now`.
    ///
    /// # Errors
    /// Those of [`load`].
    pub fn take(path: &Path, now: u64) -> Result<Self, Vec<Problem>> {
        let sources = Sources::of(path, None);
        load_from(path, now, &sources, Lacking::AnError)?;
        let mut snapshot = sources.into_snapshot();
        snapshot.at = now;
        Ok(snapshot)
    }

    /// The configuration at `path` as it was when this was taken.
    ///
    /// # Errors
    /// Those of [`load`]; a newer program may want what an older one does not.
    pub fn load(&self, path: &Path) -> Result<(Config, Vec<Problem>), Vec<Problem>> {
        load_from(path, self.at, &Sources::of(path, Some(self)), Lacking::AnError)
    }
}

impl Files {
    /// What is in the files of the configuration at `path` now, whether it is good or not.
    pub fn look(path: &Path, now: u64) -> Self {
        let sources = Sources::of(path, None);
        // Its problems are reported when it is loaded.
        let _ = load_from(path, now, &sources, Lacking::AnError);
        sources.files()
    }
}

/// How a missing name key is treated where one is needed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lacking {
    AnError,
    Allowed,
}

fn load_from(
    path: &Path,
    now: u64,
    sources: &Sources<'_>,
    name_key: Lacking,
) -> Result<(Config, Vec<Problem>), Vec<Problem>> {
    let (source, world_readable) = open(path, sources).map_err(|problem| vec![problem])?;
    let mut problems = Vec::new();
    let document = Document::parse(&source);
    let config = document.root().and_then(|root| {
        let problems = &mut problems;
        let mut file = Reader { path, now, sources, name_key, world_readable, problems };
        file.config(root)
    });
    document.finish(&mut problems);
    let problems = sorted(problems);
    match config {
        Some(config) if !problems.iter().any(Problem::is_error) => Ok((config, problems)),
        _ => Err(problems),
    }
}

/// In the order of their places, each once, since what is inherited is read for each table that
/// inherits it.
fn sorted(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by(|a, b| a.place.cmp(&b.place));
    let mut once: Vec<Problem> = Vec::new();
    for problem in problems {
        let mut there = once.iter().rev().take_while(|it| it.place == problem.place);
        if !there.any(|it| *it == problem) {
            once.push(problem);
        }
    }
    once
}

fn open(path: &Path, sources: &Sources<'_>) -> Result<(Text, bool), Problem> {
    let found = sources.file(path).map_err(|error| {
        let message = format!("can't read {}: {error}", path.display());
        let hint = match error.kind() {
            io::ErrorKind::PermissionDenied => {
                "run it as the user that runs jat-proxy, for example: sudo -u jat-proxy jat-proxy \
                 check"
            }
            _ if is_home(path) => HOME,
            io::ErrorKind::NotFound if Path::new("jat-proxy.toml").exists() => {
                "one is in this folder: name it with -c jat-proxy.toml"
            }
            _ => "name it with -c FILE, or make one with: jat-proxy init",
        };
        Problem::unreadable(None, message, hint, &error)
    })?;
    Ok((Text::new(path, &found.bytes)?, found.world_readable))
}

/// One pass over the configuration.
struct Reader<'p> {
    path: &'p Path,
    now: u64,
    sources: &'p Sources<'p>,
    name_key: Lacking,
    world_readable: bool,
    problems: &'p mut Vec<Problem>,
}

impl<'p> Reader<'p> {
    fn config(&mut self, mut root: Table<'_>) -> Option<Config> {
        let reply_ttl = sections::reply_ttl(&mut root, self.problems);
        let keys = self.keys(&mut root, reply_ttl);
        let shutdown_timeout = sections::shutdown_timeout(&mut root, self.problems);
        let watch = sections::watch(&mut root, self.problems);
        let server = Server::common(&mut root, self.sources, self.problems);
        let bounds = sections::limits(&mut root, self.problems);
        let mut rings = keys.as_ref().map_or_else(Rings::stand_in, |(rings, _)| rings.clone());
        if self.name_key == Lacking::Allowed {
            rings.names = rings.names.or(Rings::stand_in().names);
        }
        let Rings { keys: keyring, names: name_keys } = rings;
        let common = Common { server, bounds, keyring, name_keys, reply_ttl };
        let drafts = self.components(&mut root, &common);
        let http = Http::read(&mut root, self.problems);
        let log = Log::read(&mut root, self.problems);
        root.finish(self.problems);

        let (Rings { keys: keyring, names: name_keys }, key_file) = keys?;
        let components = component::finish(drafts?);
        Some(Config {
            components,
            shutdown_timeout,
            http,
            log,
            watch,
            files: self.sources.files(),
            keyring,
            name_keys,
            reply_ttl,
            key_file,
        })
    }

    /// The keys, and the file that they stand in.
    fn keys(&mut self, root: &mut Table<'_>, reply_ttl: u64) -> Option<(Rings, PathBuf)> {
        let keys = root.optional("key", self.problems, Ok);
        let names = root.optional("name-key", self.problems, Ok);
        let file = root.optional("key-file", self.problems, |v| Ok((v.text()?, v)));
        match (keys.or(names), file) {
            (Some(_), Some((_, value))) => {
                let message = "there are keys in a key file and in this file";
                let hint = "keep all [[key]] and [[name-key]] tables in one of them";
                self.problems.push(value.error(message, hint));
                None
            }
            (Some(value), None) => {
                if self.world_readable {
                    self.problems.push(world_readable(value.place(), self.path));
                }
                let rings = self.rings(keys, names, &value.place(), reply_ttl)?;
                Some((rings, self.path.to_owned()))
            }
            (None, Some((name, value))) => self.key_file(name, value, reply_ttl),
            (None, None) => {
                let example = "key-file = \"keys.toml\"";
                root.required("key-file", example, self.problems, |_| Ok(()));
                None
            }
        }
    }

    fn key_file(
        &mut self,
        name: &str,
        value: Value<'_>,
        reply_ttl: u64,
    ) -> Option<(Rings, PathBuf)> {
        let path = self.sources.path(name);
        let found = self.sources.named("key file", &path, value);
        let found = found.map_err(|problem| self.problems.push(problem)).ok()?;
        if found.world_readable {
            self.problems.push(world_readable(value.place(), &path));
        }
        let source = Text::new(&path, &found.bytes).map_err(|p| self.problems.push(p)).ok()?;
        let document = Document::parse(&source);
        let rings = document.root().and_then(|mut root| {
            let whole = root.place();
            let keys = root.optional("key", self.problems, Ok);
            let names = root.optional("name-key", self.problems, Ok);
            root.finish(self.problems);
            self.rings(keys, names, &whole, reply_ttl)
        });
        document.finish(self.problems);
        Some((rings?, path))
    }

    /// The rings of the tables of one file.
    fn rings(
        &mut self,
        keys: Option<Value<'_>>,
        names: Option<Value<'_>>,
        whole: &Position,
        reply_ttl: u64,
    ) -> Option<Rings> {
        let (keys, names) = (self.tables(keys, "[[key]]"), self.tables(names, "[[name-key]]"));
        let keys = keys.and_then(|tables| keys::ring(tables, whole, self.problems));
        if let Some((ring, entries)) = &keys {
            keys::warn(ring, entries, self.now, reply_ttl, self.problems);
        }
        let entries = keys.as_ref().map(|(_, entries)| &entries[..]).unwrap_or_default();
        let names = names.and_then(|tables| name_keys::ring(tables, entries, self.problems));
        Some(Rings { keys: Arc::new(keys?.0), names: names?.map(Arc::new) })
    }

    fn tables<'a>(
        &mut self,
        value: Option<Value<'a>>,
        name: &'static str,
    ) -> Option<Vec<Table<'a>>> {
        let tables = value.map_or(Ok(Vec::new()), |value| Table::each_of(value, name));
        tables.map_err(|problem| self.problems.push(problem)).ok()
    }

    fn components(&mut self, root: &mut Table<'_>, common: &Common) -> Option<Vec<Draft>> {
        let example = "[[component]], with domain, secret and target-address";
        let tables = root.required("component", example, self.problems, |v| {
            let tables = Table::each_of(v, "[[component]]")?;
            if tables.is_empty() {
                return Err(v.error("there is no component", format!("add: {example}")));
            }
            Ok(tables)
        })?;
        let (sources, count) = (self.sources, tables.len());
        let drafts: Vec<_> = tables
            .into_iter()
            .filter_map(|table| Draft::read(table, sources, common, self.problems))
            .collect();
        component::compare(&drafts, self.problems);
        (drafts.len() == count).then_some(drafts)
    }
}

/// All keys of a configuration.
#[derive(Clone)]
struct Rings {
    keys: Arc<Keyring>,
    names: Option<Arc<NameKeys>>,
}

impl Rings {
    /// Stands in for keys that can't be read, so that errors in the components are reported all
    /// the same; the result is discarded.
    fn stand_in() -> Self {
        let secret = Zeroizing::new(vec![0; 32]);
        let key = Key::new(0, &secret, None).expect("long enough");
        let name_key = NameKey::new(0, &secret).expect("long enough");
        let names = NameKeys::new(vec![name_key]).expect("one key");
        let keys = Keyring::new(vec![key]).expect("one key that signs");
        Self { keys: Arc::new(keys), names: Some(Arc::new(names)) }
    }
}

fn world_readable(place: Position, path: &Path) -> Problem {
    let message = format!("every user of this machine can read the keys in {}", path.display());
    Problem::warning(place, message, format!("chmod o= {}", path.display()))
}
