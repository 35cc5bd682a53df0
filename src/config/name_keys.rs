//! `[[name-key]]` tables, and the ring that they make.

use zeroize::Zeroizing;

use crate::jat::name_keys::{NameKey, NameKeys, NameKeysError};

use super::keys::{self, NEW_SECRET, SECRET_EXAMPLE};
use super::problem::{Position, Problem};
use super::table::Table;
use super::value::Value;

/// The ring of the `[[name-key]]` tables; the inner `None`: there are none. `keys` are those of
/// the same configuration that sign tokens.
pub(super) fn ring(
    tables: Vec<Table<'_>>,
    keys: &[keys::Entry],
    problems: &mut Vec<Problem>,
) -> Option<Option<NameKeys>> {
    let count = tables.len();
    let entries: Vec<Entry> = tables.into_iter().filter_map(|t| entry(t, problems)).collect();
    warn(&entries, keys, problems);
    let ring = NameKeys::new(entries.iter().map(|entry| entry.key.clone()).collect());
    match ring {
        Ok(ring) => (entries.len() == count).then_some(Some(ring)),
        Err(_) if count == 0 => Some(None),
        Err(errors) => {
            for error in &errors {
                if let NameKeysError::DuplicateId { index, .. } = error {
                    let place = entries[*index].id.clone();
                    problems.push(Problem::error(place, error.to_string(), keys::ID_HINT));
                }
            }
            None
        }
    }
}

/// What is allowed, but not meant.
fn warn(entries: &[Entry], keys: &[keys::Entry], problems: &mut Vec<Problem>) {
    for (at, entry) in entries.iter().enumerate() {
        let id = entry.key.id();
        let mut same = |other: String| {
            problems.push(Problem::warning(
                entry.id.clone(),
                format!("{other} and name key {id} have the same secret"),
                "each needs a secret of its own: jat-proxy keys add --name",
            ));
        };
        if let Some(before) = entries[..at].iter().find(|other| other.secret == entry.secret) {
            same(format!("name key {}", before.key.id()));
        }
        if let Some(key) = keys.iter().find(|key| *key.secret() == entry.secret) {
            same(format!("key {}", key.id()));
        }
    }
}

/// A name key, and what else its table has.
struct Entry {
    key: NameKey,
    id: Position,
    secret: Zeroizing<Vec<u8>>,
}

fn entry(mut table: Table<'_>, problems: &mut Vec<Problem>) -> Option<Entry> {
    let id = table.required("id", "id = 1", problems, keys::id);
    let secret = table.required("secret", SECRET_EXAMPLE, problems, keys::secret);
    table.refuse("not-before", problems, not_before);
    table.finish(problems);
    let ((id, id_place), (secret, secret_place)) = (id?, secret?);
    match NameKey::new(id, &secret) {
        Ok(key) => Some(Entry { key, id: id_place, secret }),
        Err(short) => {
            problems.push(Problem::error(secret_place, short.to_string(), NEW_SECRET));
            None
        }
    }
}

fn not_before(value: Value<'_>) -> Problem {
    value.error(
        "a name key has no `not-before`: the first of them makes all names, and every one opens \
         them",
        "put a new one at the end, and to the front when all replicas have it",
    )
}
