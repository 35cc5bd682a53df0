//! One value of a document, and the types that it can be read as.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::problem::{Position, Problem};
use super::text::Text;
use crate::time;

/// A value with its key and place. Messages never quote it: it may be a secret.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    source: &'a Text,
    key: &'static str,
    node: &'a Spanned<DeValue<'a>>,
    gaps: bool,
    is_shared: bool,
}

impl<'a> Value<'a> {
    pub fn new(
        source: &'a Text,
        key: &'static str,
        node: &'a Spanned<DeValue<'a>>,
        gaps: bool,
    ) -> Self {
        Self { source, key, node, gaps, is_shared: false }
    }

    pub fn shared(self) -> Self {
        Self { is_shared: true, ..self }
    }

    /// Whether it is written for several services, so that it may mean nothing for this one.
    pub fn is_shared(&self) -> bool {
        self.is_shared
    }

    pub fn source(&self) -> &'a Text {
        self.source
    }

    /// Keys may have been lost to syntax errors around it.
    pub fn has_gaps(&self) -> bool {
        self.gaps
    }

    pub fn node(&self) -> &'a DeValue<'a> {
        self.node.get_ref()
    }

    /// Where it begins, in bytes.
    pub fn start(&self) -> usize {
        self.node.span().start
    }

    pub fn key(&self) -> &'static str {
        self.key
    }

    pub fn place(&self) -> Position {
        self.source.place(self.start())
    }

    pub fn error(&self, message: impl Into<String>, hint: impl Into<String>) -> Problem {
        Problem::error(self.place(), message, hint)
    }

    /// A text on one line. Quotes that are not closed can swallow the lines after them, with a
    /// secret among them, and then no message may quote the value.
    pub fn text(&self) -> Result<&'a str, Problem> {
        match self.node() {
            DeValue::String(text) if text.contains(['\n', '\r']) => {
                let message = format!("`{}` spans several lines", self.key);
                Err(self.error(message, "close its quotes on the same line"))
            }
            DeValue::String(text) => Ok(text),
            _ => Err(self.wrong_type("a string", &format!("{} = \"...\"", self.key))),
        }
    }

    pub fn boolean(&self) -> Result<bool, Problem> {
        match self.node() {
            DeValue::Boolean(is) => Ok(*is),
            _ => Err(self.wrong_type("true or false", &format!("{} = true", self.key))),
        }
    }

    pub fn integer(&self, range: RangeInclusive<u64>) -> Result<u64, Problem> {
        let DeValue::Integer(integer) = self.node() else {
            let hint =
                format!("a number without quotes, from {} to {}", range.start(), range.end());
            return Err(Problem { hint, ..self.wrong_type("an integer", "") });
        };
        let value = u64::from_str_radix(integer.as_str(), integer.radix()).ok();
        value.filter(|value| range.contains(value)).ok_or_else(|| {
            let message = format!("`{}` is out of range", self.key);
            self.error(message, format!("it can be from {} to {}", range.start(), range.end()))
        })
    }

    /// A duration such as "1h" or "90min".
    pub fn duration(&self, range: RangeInclusive<Duration>) -> Result<Duration, Problem> {
        let example = format!("{} = \"10s\", \"90min\" or \"1h\"", self.key);
        let DeValue::String(text) = self.node() else {
            return Err(self.wrong_type("a duration in quotes", &example));
        };
        let Some(duration) = time::duration(text) else {
            let message = format!("`{}` is not a duration", self.key);
            return Err(self.error(message, format!("for example: {example}")));
        };
        if !range.contains(&duration) {
            let message = format!("`{}` is out of range", self.key);
            let [least, most] = [range.start(), range.end()].map(|d| time::show_duration(*d));
            return Err(self.error(message, format!("it can be from {least} to {most}")));
        }
        Ok(duration)
    }

    /// A moment as Unix second: RFC 3339, in quotes or as TOML's own date and time.
    pub fn moment(&self) -> Result<u64, Problem> {
        let example = format!("{} = \"2026-12-01T00:00:00Z\"", self.key);
        let moment = match self.node() {
            DeValue::String(text) => time::moment(text),
            DeValue::Datetime(datetime) => time::moment(&datetime.to_string()),
            _ => return Err(self.wrong_type("a time (RFC 3339)", &example)),
        };
        moment.ok_or_else(|| {
            let message = format!("`{}` is not a time (RFC 3339) with its offset", self.key);
            self.error(message, format!("for example: {example}"))
        })
    }

    /// One of a few words.
    pub fn one_of<T: Copy>(&self, words: &[(&str, T)]) -> Result<T, Problem> {
        let text = self.text()?;
        words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning).ok_or_else(|| {
            let known: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            let message = format!("`{}` has a value that is not known", self.key);
            self.error(message, format!("it can be {}", known.join(", ")))
        })
    }

    /// Any number of values in one list; `example` is shown when it is not a list.
    pub fn items(&self, example: &str) -> Result<Vec<Value<'a>>, Problem> {
        self.elements().ok_or_else(|| self.wrong_type("a list", example))
    }

    /// What is in it, if it is a list.
    pub fn elements(&self) -> Option<Vec<Value<'a>>> {
        let DeValue::Array(items) = self.node() else { return None };
        Some(items.iter().map(|node| Value { node, ..*self }).collect())
    }

    pub fn wrong_type(&self, expected: &str, example: &str) -> Problem {
        let found = match self.node() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a decimal number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let message = format!("`{}` must be {expected}, not {found}", self.key);
        self.error(message, format!("for example: {example}"))
    }
}
