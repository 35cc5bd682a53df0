//! `limit` and `limit-burst`: how much each sender may send.

use toml::de::DeValue;

use crate::jat::limit::{Limit, MOST, Rate};

use super::problem::Problem;
use super::table::Table;
use super::value::Value;

/// That of one component.
pub(super) fn read(table: &mut Table<'_>, problems: &mut Vec<Problem>) -> Option<Limit> {
    let is_missing = table.lacks("limit");
    let rate = table.optional("limit", problems, rate);
    let burst = table.optional("limit-burst", problems, |value| {
        Ok((value.integer(1..=MOST.into())?, value.place()))
    });
    if let Some((_, place)) = burst.as_ref().filter(|_| is_missing) {
        problems.push(Problem::error(
            place.clone(),
            "`limit-burst` has no effect without `limit`",
            format!("add: {EXAMPLE}; or remove it"),
        ));
    }
    let burst = burst.and_then(|(burst, _)| u32::try_from(burst).ok());
    rate.map(|rate| Limit { rate, burst: burst.unwrap_or(rate.count) })
}

fn rate(value: Value<'_>) -> Result<Rate, Problem> {
    let text = value.text().map_err(|problem| match value.node() {
        DeValue::String(_) => problem,
        _ => value.wrong_type("a rate in quotes", EXAMPLE),
    })?;
    Rate::parse(text).ok_or_else(|| {
        let hint = format!("for example: {EXAMPLE}, \"100/min\" or \"1000/h\"; from 1 to {MOST}");
        value.error("`limit` is not a rate", hint)
    })
}

const EXAMPLE: &str = "limit = \"20/s\"";
