//! A TOML document that may be broken in places.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;

use super::problem::Problem;
use super::table::Table;
use super::text::Text;

/// A parsed file, with its syntax errors.
pub(super) struct Document<'a> {
    source: &'a Text,
    tree: Spanned<DeTable<'a>>,
    syntax: Vec<(Range<usize>, Problem)>,
}

impl<'a> Document<'a> {
    pub(super) fn parse(source: &'a Text) -> Self {
        let (tree, mut errors) = DeTable::parse_recoverable(source.text());
        // Only `message` and `span` are used: the error's own display quotes the line, with
        // the secret that may stand in it.
        let problem = |error: &toml::de::Error| {
            let span = error.span().unwrap_or_default();
            let (message, hint) = (error.message(), remedy(error.message()));
            (span.clone(), Problem::error(source.place(span.start), message, hint))
        };
        errors.sort_by_key(|error| error.span().unwrap_or_default().start);
        let mut syntax: Vec<_> = errors.iter().take(MOST_ERRORS).map(problem).collect();
        // The first fault on a line is the cause of the others there, and a fault in the structure
        // is the cause of all that follow.
        syntax.dedup_by_key(|(_, p)| p.place.as_ref().map(|place| place.line));
        if let Some(at) = syntax.iter().position(|(_, p)| is_structural(&p.message)) {
            syntax.truncate(at + 1);
        }
        Self { source, tree, syntax }
    }

    /// The top level, if it can be trusted: after a fault in the structure (a header or bracket
    /// left open) it is not known what belongs where, so there is none.
    pub(super) fn root(&self) -> Option<Table<'_>> {
        if self.syntax.iter().any(|(_, p)| is_structural(&p.message)) {
            return None;
        }
        let root = Table::new(self.source, "the file", self.tree.get_ref(), 0);
        Some(if self.syntax.is_empty() { root } else { root.with_gaps() })
    }

    /// Adds the syntax errors, in place of other problems on the same lines.
    pub(super) fn finish(self, problems: &mut Vec<Problem>) {
        problems.retain(|problem| {
            let broken = |(span, _): &(Range<usize>, Problem)| {
                problem.place.as_ref().is_some_and(|place| self.source.touches(span, place))
            };
            !self.syntax.iter().any(broken)
        });
        problems.extend(self.syntax.into_iter().map(|(_, problem)| problem));
    }
}

fn is_structural(message: &str) -> bool {
    ["unclosed", "array", "table", "comma"].iter().any(|word| message.contains(word))
}

/// What to do about a syntax error, by the parser's message, since it has no kinds of errors:
/// Cargo.toml pins the exact version that has these messages.
fn remedy(message: &str) -> &'static str {
    if is_structural(message) {
        return "close the bracket that is open here or above; the rest is not checked until then";
    }
    match message {
        m if m.starts_with("string values must be quoted") => "write it in double quotes",
        // An address, say: 127.0.0.1:5347.
        m if m.starts_with("invalid float") || m.starts_with("invalid integer") => {
            "write it in double quotes, unless it is to be a number"
        }
        m if m.starts_with("invalid basic string") => "end it with a double quote, in this line",
        m if m.starts_with("duplicate key") => "keep only one of them",
        m if m.starts_with("key with no value") => "write: key = value",
        _ => "",
    }
}

/// More of them add nothing: the file is not TOML at all.
const MOST_ERRORS: usize = 100;
