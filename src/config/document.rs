//! A TOML document that may be broken in places.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;

use super::problem::Problem;
use super::source::Source;
use super::table::Table;

/// A parsed file, with its syntax errors.
pub struct Document<'a> {
    source: &'a Source,
    tree: Spanned<DeTable<'a>>,
    syntax: Vec<(Range<usize>, Problem)>,
}

impl<'a> Document<'a> {
    pub fn parse(source: &'a Source) -> Self {
        let (tree, errors) = DeTable::parse_recoverable(source.text());
        // Only `message` and `span` are used: the error's own display quotes the line, with
        // the secret that may stand in it.
        let problem = |error: &toml::de::Error| {
            let span = error.span().unwrap_or_default();
            let hint = if error.message().starts_with("string values must be quoted") {
                "write it in double quotes"
            } else {
                ""
            };
            (span.clone(), Problem::error(source.place(span.start), error.message(), hint))
        };
        let mut syntax: Vec<_> = errors.iter().map(problem).collect();
        // The first fault of a line is the cause of the others.
        syntax.sort_by_key(|(span, _)| span.start);
        syntax.dedup_by_key(|(_, p)| p.place.as_ref().map(|place| place.line));
        Self { source, tree, syntax }
    }

    /// The top level, as far as it can be trusted: after a fault in the structure (a header or
    /// bracket left open) it is not known what belongs where, and there is none.
    pub fn root(&self) -> Option<Table<'_>> {
        let structure = |message: &str| {
            ["unclosed", "array", "table", "comma"].iter().any(|word| message.contains(word))
        };
        if self.syntax.iter().any(|(_, p)| structure(&p.message)) {
            return None;
        }
        let root = Table::new(self.source, "the file", self.tree.get_ref(), 0);
        Some(if self.syntax.is_empty() { root } else { root.with_gaps() })
    }

    /// Adds the syntax errors, in place of what was said about the same lines.
    pub fn finish(self, problems: &mut Vec<Problem>) {
        problems.retain(|problem| {
            let broken = |(span, _): &(Range<usize>, Problem)| {
                problem.place.as_ref().is_some_and(|place| self.source.touches(span, place))
            };
            !self.syntax.iter().any(broken)
        });
        problems.extend(self.syntax.into_iter().map(|(_, problem)| problem));
    }
}
