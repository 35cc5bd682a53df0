//! `[[key]]` tables, and the key ring that they make.

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use crate::jat::keyring::{Key, Keyring, KeyringError};

use super::problem::{Position, Problem};
use super::table::Table;
use super::value::Value;
use crate::time::show_moment;

/// The ring of the `[[key]]` tables at `whole`.
pub(super) fn ring(
    tables: Vec<Table<'_>>,
    whole: &Position,
    problems: &mut Vec<Problem>,
) -> Option<(Keyring, Vec<Entry>)> {
    let count = tables.len();
    let entries: Vec<Entry> = tables.into_iter().filter_map(|t| entry(t, problems)).collect();
    let keys = entries.iter().map(|entry| entry.key.clone()).collect();
    match Keyring::new(keys) {
        Ok(ring) => (entries.len() == count).then_some((ring, entries)),
        Err(errors) => {
            // What a ring lacks is reported only if all of its keys could be read.
            let told = errors
                .iter()
                .filter(|error| entries.len() == count || **error != KeyringError::Empty);
            problems.extend(told.map(|error| explain(*error, &entries, whole)));
            None
        }
    }
}

/// What is allowed of a ring, but probably not meant, at Unix second `now`. Tokens live
/// `reply_ttl` seconds.
pub(super) fn warn(
    ring: &Keyring,
    entries: &[Entry],
    now: u64,
    reply_ttl: u64,
    problems: &mut Vec<Problem>,
) {
    let entry = |id: u8| entries.iter().find(|entry| entry.key.id() == id);
    for (first, second) in ring.same_secrets() {
        problems.push(Problem::warning(
            entry(second).map(|entry| entry.id.clone()),
            format!("keys {first} and {second} have the same secret"),
            "a rotation must bring a new secret: jat-proxy keys add",
        ));
    }
    let place = |key: &Key| entry(key.id()).and_then(|entry| entry.not_before.clone());
    if ring.is_ahead(now) {
        let (oldest, time) = (&ring.keys()[0], show_moment(now));
        problems.push(Problem::warning(
            place(oldest),
            format!("every not-before is in the future, as it is {time} here"),
            format!(
                "key {}, the oldest, signs until then. Is the clock of this machine right? Else \
                 remove the not-before of the first key of the ring",
                oldest.id()
            ),
        ));
    }
    for key in ring.far_ahead(now) {
        problems.push(Problem::warning(
            place(key),
            format!(
                "key {} takes over in more than a year, as it is {} here",
                key.id(),
                show_moment(now)
            ),
            "is the clock of this machine right? Else write the time when the key is to take over",
        ));
    }
    if let Some(until) = ring.predecessor_missing(now, reply_ttl) {
        let oldest = &ring.keys()[0];
        problems.push(Problem::warning(
            place(oldest),
            format!(
                "the key before key {} was removed too early: replies to it may be lost",
                oldest.id()
            ),
            format!("put it back if you have it, until {}", show_moment(until)),
        ));
    }
}

/// A key, and what else its table has.
pub(super) struct Entry {
    key: Key,
    secret: Zeroizing<Vec<u8>>,
    id: Position,
    not_before: Option<Position>,
}

impl Entry {
    pub(super) fn id(&self) -> u8 {
        self.key.id()
    }

    pub(super) fn secret(&self) -> &Zeroizing<Vec<u8>> {
        &self.secret
    }
}

fn entry(mut table: Table<'_>, problems: &mut Vec<Problem>) -> Option<Entry> {
    let id = table.required("id", "id = 1", problems, id);
    let secret = table.required("secret", SECRET_EXAMPLE, problems, secret);
    let not_before = table.optional("not-before", problems, Ok);
    table.finish(problems);
    let not_before = not_before.map(|value| Ok((value.moment()?, value.place()))).transpose();
    let not_before = not_before.map_err(|problem| problems.push(problem)).ok()?;
    let (not_before, not_before_place) = not_before.unzip();
    let ((id, id_place), (secret, secret_place)) = (id?, secret?);
    match Key::new(id, &secret, not_before) {
        Ok(key) => Some(Entry { key, secret, id: id_place, not_before: not_before_place }),
        Err(short) => {
            problems.push(Problem::error(secret_place, short.to_string(), NEW_SECRET));
            None
        }
    }
}

pub(super) fn id(value: Value<'_>) -> Result<(u8, Position), Problem> {
    let id = u8::try_from(value.integer(0..=255)?).expect("the range of an id is that of a byte");
    Ok((id, value.place()))
}

pub(super) fn secret(value: Value<'_>) -> Result<(Zeroizing<Vec<u8>>, Position), Problem> {
    match Base64::decode_vec(value.text()?) {
        Ok(bytes) => Ok((Zeroizing::new(bytes), value.place())),
        Err(_) => Err(value.error("`secret` is not standard base64 with its padding", NEW_SECRET)),
    }
}

fn explain(error: KeyringError, entries: &[Entry], whole: &Position) -> Problem {
    let (place, hint) = match error {
        KeyringError::DuplicateId { index, .. } => (Some(&entries[index].id), ID_HINT),
        KeyringError::Empty => (Some(whole), "make one with: jat-proxy init"),
    };
    Problem::error(place.cloned(), error.to_string(), hint)
}

pub(super) const ID_HINT: &str = "each key needs an id of its own, from 0 to 255";
pub(super) const SECRET_EXAMPLE: &str = "secret = \"...\", 32 random bytes in base64";
pub(super) const NEW_SECRET: &str = "make one with: openssl rand -base64 32";
