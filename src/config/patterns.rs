//! Lists of patterns: which resources serve, and who may ask.

use std::sync::Arc;

use crate::jat::access::{Pattern, Senders};
use crate::jat::glob::Glob;

use super::problem::Problem;
use super::value::Value;

/// Which resources serve, in order of preference.
pub(super) fn resources(value: Value<'_>, problems: &mut Vec<Problem>) -> Option<Arc<[Glob]>> {
    let example = "resources = [\"focus\", \"blue-*\"]";
    let (items, globs) = read(value, example, problems, |text| {
        Glob::new(text).map_err(|error| (error.to_string(), error.hint()))
    })?;
    if items.is_empty() {
        let hint = format!("as in: {example}; or leave the key out, and all serve");
        problems.push(value.error("`resources` names no resource", hint));
        return None;
    }
    for (at, glob) in globs.iter().enumerate() {
        if let Some(before) = globs[..at].iter().find(|it| it.fits_all() || *it == glob) {
            problems.push(Problem::warning(
                items[at].place(),
                format!(
                    "{:?} stands behind {:?}, which fits the same",
                    glob.as_str(),
                    before.as_str()
                ),
                "put the one that is preferred first, or take this out",
            ));
        }
    }
    Some(globs.into())
}

/// A list of senders.
pub(super) fn senders(value: Value<'_>, problems: &mut Vec<Problem>) -> Option<Arc<Senders>> {
    let example = format!("{} = [\"some-domain.example\", \"*.partner.example\"]", value.key());
    let (_, patterns) = read(value, &example, problems, |text| {
        Pattern::new(text).map_err(|error| (error.to_string(), error.hint()))
    })?;
    Some(Arc::new(Senders::new(patterns)))
}

/// What the entries of a list are; every one that is wrong is a problem of its own.
fn read<'a, T>(
    value: Value<'a>,
    example: &str,
    problems: &mut Vec<Problem>,
    parse: impl Fn(&str) -> Result<T, (String, &'static str)>,
) -> Option<(Vec<Value<'a>>, Vec<T>)> {
    let items = value.items(example).map_err(|problem| problems.push(problem)).ok()?;
    let parsed = items.iter().filter_map(|item| {
        let entry = item.text().and_then(|text| {
            parse(text).map_err(|(message, hint)| {
                item.error(format!("in `{}`: {message}", value.key()), hint)
            })
        });
        entry.map_err(|problem| problems.push(problem)).ok()
    });
    let parsed: Vec<T> = parsed.collect();
    (parsed.len() == items.len()).then_some((items, parsed))
}
