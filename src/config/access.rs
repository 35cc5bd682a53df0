//! `allow-from`, `deny-from` and `access`: who may ask.

use std::sync::Arc;

use crate::jat::access::{Access, Mode, Pattern, Senders};

use super::patterns;
use super::problem::{Position, Problem};
use super::table::Table;
use super::value::Value;

/// The lists of one component.
pub(super) struct Lists {
    /// `None`: everybody.
    allow: Option<Vec<Pattern>>,
    deny: Vec<Pattern>,
    mode: Mode,
}

impl Lists {
    pub(super) fn read(table: &mut Table<'_>, problems: &mut Vec<Problem>) -> Self {
        let allow = table.optional("allow-from", problems, Ok);
        let deny = table.optional("deny-from", problems, Ok);
        let words = Mode::ALL.map(|mode| (mode.name(), mode));
        let mode = table.optional("access", problems, |v| Ok((v.one_of(&words)?, v)));
        let written = mode.as_ref().map(|(_, value)| value).filter(|value| !value.is_shared());
        if let (None, None, Some(value)) = (allow, deny, written) {
            problems.push(Problem::warning(
                value.place(),
                "there is neither `allow-from` nor `deny-from`, so everybody may ask",
                "add one, or remove `access`",
            ));
        }
        let is_empty = |value: &Value<'_>| value.elements().is_some_and(|items| items.is_empty());
        if let Some(value) = allow.filter(is_empty) {
            let hint = "name who may ask; for everybody: allow-from = [\"*\"]";
            problems.push(value.error("`allow-from` is empty, so nobody could ask", hint));
        }
        let allow = allow.and_then(|value| patterns::senders(value, problems));
        let deny = deny.and_then(|value| patterns::senders(value, problems)).unwrap_or_default();
        for (place, _) in deny.iter().filter(|(_, pattern)| *pattern == Pattern::Everybody) {
            problems.push(Problem::error(
                place.clone(),
                "in `deny-from`: \"*\" is everybody, so nobody could ask",
                "name who may not ask, or remove the whole component",
            ));
        }
        let allow = allow.map(without_places);
        Self {
            allow: allow.filter(|patterns| !patterns.contains(&Pattern::Everybody)),
            deny: without_places(deny),
            mode: mode.map_or(Mode::default(), |(mode, _)| mode),
        }
    }

    /// Whether everybody of `pattern` may ask, but for those who are denied one by one.
    pub(super) fn cover(&self, pattern: &Pattern) -> bool {
        if self.mode == Mode::Observe {
            return true;
        }
        let covers = |list: &[Pattern]| list.iter().any(|own| own.covers(pattern));
        self.allow.as_deref().is_none_or(covers) && !covers(&self.deny)
    }

    pub(super) fn into_access(self) -> Access {
        let senders = |patterns| Arc::new(Senders::new(patterns));
        Access { allow: self.allow.map(senders), deny: senders(self.deny), mode: self.mode }
    }
}

fn without_places(patterns: Vec<(Position, Pattern)>) -> Vec<Pattern> {
    patterns.into_iter().map(|(_, pattern)| pattern).collect()
}
