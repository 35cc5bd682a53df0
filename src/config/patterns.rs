//! Lists of patterns: which resources serve, which faces there are, and who may ask.

use std::sync::Arc;

use jid::NodePart;

use crate::jat::access::Pattern;
use crate::jat::glob::Glob;
use crate::jat::mirror;
use crate::jat::prepared;
use crate::jat::two_way::Faces;

use super::problem::{Position, Problem};
use super::value::Value;

/// Which resources serve, in order of preference.
pub(super) fn resources(value: Value<'_>, problems: &mut Vec<Problem>) -> Option<Arc<[Glob]>> {
    let example = "resources = [\"focus\", \"blue-*\"]";
    let (items, globs) = read(value, example, problems, |text| {
        Glob::new(text).map_err(|error| (error.to_string(), error.hint()))
    })?;
    if items.is_empty() {
        let hint = format!("for example: {example}; or leave the key out, and all serve");
        problems.push(value.error("`resources` names no resource", hint));
        return None;
    }
    for (at, glob) in globs.iter().enumerate() {
        if let Some(before) = globs[..at].iter().find(|it| it.fits_all() || *it == glob) {
            problems.push(Problem::warning(
                items[at].place(),
                format!(
                    "{:?} comes after {:?}, which matches the same",
                    glob.as_str(),
                    before.as_str()
                ),
                "put the one that is preferred first, or remove this",
            ));
        }
    }
    Some(globs.into())
}

/// The nodes of faces.
pub(super) fn faces(value: Value<'_>, problems: &mut Vec<Problem>) -> Option<Faces> {
    let (items, globs) = read(value, FACES, problems, face)?;
    if let Some(at) = globs.iter().position(Glob::fits_all) {
        problems.push(Problem::warning(
            items[at].place(),
            "every node is a face: one user can subscribe to any number of them, and a block by \
             the target holds for one",
            format!("list those that exist, for example: {FACES}"),
        ));
    }
    Some(Faces(globs.into()))
}

/// One node of a face, or a pattern of nodes, in normal form.
pub(super) fn face(text: &str) -> Result<Glob, (String, &'static str)> {
    const HINT: &str = "the node of an address, for example: \"helper\" or \"team-*\"";
    if text.is_empty() {
        let message = "the domain itself is always there";
        return Err((message.to_owned(), "remove the empty text"));
    }
    if mirror::is_reserved(text) {
        let message = "nodes with `\\40` are the addresses of users";
        return Err((message.to_owned(), HINT));
    }
    let node = NodePart::new(text).map_err(|_| {
        let message = "this can't be the node of an address";
        (message.to_owned(), HINT)
    })?;
    // The look-up uses the older tables for normal forms, as most servers do.
    if !prepared::node(text).is_ok_and(|prepared| *prepared == **node) {
        let message = "servers differ on a character of this node";
        return Err((message.to_owned(), HINT));
    }
    Glob::new(node.as_str()).map_err(|error| (error.to_string(), error.hint()))
}

/// A list of senders, each with its place.
pub(super) fn senders(
    value: Value<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Vec<(Position, Pattern)>> {
    let example = format!("{} = [\"some-domain.example\", \"*.partner.example\"]", value.key());
    let (items, patterns) = read(value, &example, problems, |text| {
        Pattern::new(text).map_err(|error| (error.to_string(), error.hint()))
    })?;
    let everybody = patterns.iter().position(|pattern| *pattern == Pattern::Everybody);
    if let Some(at) = everybody.filter(|_| patterns.len() > 1) {
        problems.push(Problem::warning(
            items[at].place(),
            format!(
                "in `{}`: \"*\" is everybody, so the other entries have no effect",
                value.key()
            ),
            "remove it or the others",
        ));
    }
    Some(items.iter().map(Value::place).zip(patterns).collect())
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

const FACES: &str = "faces = [\"helper\", \"team-*\"]";
