//! A table of a document, read key by key.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::problem::{Position, Problem};
use super::text::Text;
use super::value::Value;

/// A table whose keys are read one after the other; [`Table::finish`] then reports those that were
/// not read.
pub(super) struct Table<'a> {
    source: &'a Text,
    /// As messages name it: `[server]`.
    name: &'static str,
    entries: &'a DeTable<'a>,
    /// Those of the table around it, which hold where `entries` has none of its own.
    inherited: Option<&'a DeTable<'a>>,
    /// Its own entries are meant for the tables inside it.
    is_for_others: bool,
    start: usize,
    asked: Vec<&'static str>,
    /// Keys may have been lost to syntax errors, so no key counts as missing.
    gaps: bool,
}

impl<'a> Table<'a> {
    pub(super) fn new(
        source: &'a Text,
        name: &'static str,
        entries: &'a DeTable<'a>,
        start: usize,
    ) -> Self {
        let (inherited, is_for_others) = (None, false);
        let (asked, gaps) = (Vec::new(), false);
        Self { source, name, entries, inherited, is_for_others, start, asked, gaps }
    }

    /// The table that `value` must be; messages call it `name`.
    pub(super) fn of(value: Value<'a>, name: &'static str) -> Result<Self, Problem> {
        match value.node() {
            DeValue::Table(entries) => {
                let table = Self::new(value.source(), name, entries, value.start());
                Ok(if value.has_gaps() { table.with_gaps() } else { table })
            }
            DeValue::Array(_) => {
                let message = format!("`{}` can occur only once", value.key());
                Err(value.error(message, format!("write: [{}]", value.key())))
            }
            _ => Err(value.wrong_type("a table", name)),
        }
    }

    /// Any number of tables, each called `name`, that `value` must be a list of.
    pub(super) fn each_of(value: Value<'a>, name: &'static str) -> Result<Vec<Self>, Problem> {
        let Some(items) = value.elements() else {
            let message = format!("`{}` must be a list of tables", value.key());
            return Err(value.error(message, format!("write: {name}, in double brackets")));
        };
        items.into_iter().map(|item| Self::of(item, name)).collect()
    }

    pub(super) fn with_gaps(self) -> Self {
        Self { gaps: true, ..self }
    }

    /// This table, with the entries of `outer` where it has none.
    pub(super) fn inheriting(self, outer: &Self) -> Self {
        Self { inherited: Some(outer.entries), ..self }
    }

    /// Its entries are for the tables in it, which inherit them: they are
    /// [shared](Value::is_shared).
    pub(super) fn set_for_others(&mut self) {
        self.is_for_others = true;
    }

    pub(super) fn is_for_others(&self) -> bool {
        self.is_for_others
    }

    /// Where the table begins.
    pub(super) fn place(&self) -> Position {
        self.source.place(self.start)
    }

    /// The value of `key` as `read` takes it; `None` when there is none, or a problem with it.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        problems: &mut Vec<Problem>,
        read: impl FnOnce(Value<'a>) -> Result<T, Problem>,
    ) -> Option<T> {
        self.asked.push(key);
        let own = self.entries.get(key);
        let node = own.or_else(|| self.inherited?.get(key))?;
        let value = Value::new(self.source, key, node, self.gaps);
        let is_shared = own.is_none() || self.is_for_others;
        let value = if is_shared { value.shared() } else { value };
        read(value).map_err(|problem| problems.push(problem)).ok()
    }

    /// Like [`Table::optional`], for a key that must be there; `example` is shown when it is not.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        example: &str,
        problems: &mut Vec<Problem>,
        read: impl FnOnce(Value<'a>) -> Result<T, Problem>,
    ) -> Option<T> {
        if self.lacks(key) {
            let message = format!("`{key}` is missing in {}", self.name);
            problems.push(Problem::error(self.place(), message, format!("add: {example}")));
        }
        self.optional(key, problems, read)
    }

    /// Whether `key` is in this table itself.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Whether `key` is missing, for sure.
    pub(super) fn lacks(&self, key: &str) -> bool {
        let inherits = self.inherited.is_some_and(|outer| outer.contains_key(key));
        !self.gaps && !self.entries.contains_key(key) && !inherits
    }

    /// Reports `key` if it is there, as one that this table never has.
    pub(super) fn refuse(
        &mut self,
        key: &'static str,
        problems: &mut Vec<Problem>,
        problem: impl FnOnce(Value<'a>) -> Problem,
    ) {
        if self.entries.contains_key(key) {
            self.optional(key, problems, |value| Err::<(), _>(problem(value)));
        }
    }

    /// Reports every key that was not read.
    pub(super) fn finish(self, problems: &mut Vec<Problem>) {
        for (key, _) in self.entries {
            let name: &str = key.get_ref();
            if self.asked.contains(&name) {
                continue;
            }
            let hint = match similar(name, &self.asked) {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("{} takes {}", self.name, self.asked.join(", ")),
            };
            let message = format!("unknown key {}in {}", shown(name), self.name);
            problems.push(Problem::error(self.key_place(key.span()), message, hint));
        }
    }

    fn key_place(&self, span: Range<usize>) -> Position {
        self.source.place(span.start)
    }
}

/// The name of an unknown key, if it looks like one: it might be a secret on the wrong side
/// of an equals sign.
fn shown(name: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphabetic() || b == b'-' || b == b'_';
    match name.len() <= LONGEST_SHOWN && name.bytes().all(plain) {
        true => format!("`{name}` "),
        false => String::new(),
    }
}

/// The known word that `name` is most likely a misspelling of.
pub(super) fn similar(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let kebab = name.to_lowercase().replace('_', "-");
    let similarity = |known: &str| strsim::jaro_winkler(&kebab, known);
    let best = known.iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b)))?;
    (similarity(best) > 0.8).then_some(*best)
}

const LONGEST_SHOWN: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_find_the_key_that_was_meant() {
        let known = ["key-file", "reply-ttl", "shutdown-timeout", "server", "component"];
        assert_eq!(similar("reply_ttl", &known), Some("reply-ttl"));
        assert_eq!(similar("replyttl", &known), Some("reply-ttl"));
        assert_eq!(similar("Servers", &known), Some("server"));
        assert_eq!(similar("components", &known), Some("component"));
        assert_eq!(similar("frobnicate", &known), None);
    }

    #[test]
    fn a_secret_in_place_of_a_key_is_not_shown() {
        assert_eq!(shown("reply_ttl"), "`reply_ttl` ");
        assert_eq!(shown("s3cret"), "");
        assert_eq!(shown("abcdefghijklmnopqrstuvwxyz"), "");
    }
}
