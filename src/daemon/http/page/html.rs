//! HTML that is well formed and escaped however it is made: names come from the program, and
//! everything else goes through [`escape_into`].
//!
//! A template library would bring a compiler of its own for a single page, and we would need
//! [`escape_into`] all the same.

use std::fmt::Write;

use crate::misleading::{is_joiner, is_misleading};

/// A piece of a document.
#[derive(Default)]
pub(super) struct Html {
    text: String,
}

/// Attributes of an element: names and values.
pub(super) type Attributes<'a> = &'a [(&'static str, &'a str)];

impl Html {
    /// A whole document in English, with these children of `html`.
    pub(super) fn document(children: impl FnOnce(&mut Self)) -> String {
        let mut html = Self { text: "<!DOCTYPE html>\n".to_owned() };
        html.element("html", &[("lang", "en")], children);
        html.text.push('\n');
        html.text
    }

    /// An element with what `inside` puts into it.
    pub(super) fn element(
        &mut self,
        name: &'static str,
        attributes: Attributes<'_>,
        inside: impl FnOnce(&mut Self),
    ) {
        self.open(name, attributes, ">");
        inside(self);
        let _ = write!(self.text, "</{name}>");
        if matches!(name, "tr" | "section" | "table" | "head" | "p" | "figure" | "li" | "div") {
            self.text.push('\n');
        }
    }

    /// An element with a text.
    pub(super) fn leaf(&mut self, name: &'static str, attributes: Attributes<'_>, text: &str) {
        self.element(name, attributes, |html| html.text(text));
    }

    /// An element that has no end tag, such as `meta`.
    pub(super) fn void(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.open(name, attributes, "/>");
    }

    pub(super) fn text(&mut self, text: &str) {
        escape_into(text, &mut self.text);
    }

    /// A text from outside: its writing direction does not affect what follows.
    pub(super) fn text_from_outside(&mut self, text: &str) {
        self.leaf("bdi", &[], &shortened(text, LONGEST_SENTENCE));
    }

    /// An address from outside, which can have 3,000 bytes.
    pub(super) fn address(&mut self, address: &str) {
        self.leaf("bdi", &[], &shortened(address, LONGEST_ADDRESS));
    }

    /// A style sheet, which must not be escaped.
    pub(super) fn style(&mut self, sheet: &'static str) {
        self.element("style", &[], |html| html.text += sheet);
    }

    fn open(&mut self, name: &'static str, attributes: Attributes<'_>, end: &str) {
        let _ = write!(self.text, "<{name}");
        for (name, value) in attributes {
            let _ = write!(self.text, " {name}=\"");
            escape_into(value, &mut self.text);
            self.text.push('"');
        }
        self.text += end;
    }
}

/// Adds `from` to `to` so that it is text and nothing else, in an attribute too. Invisible
/// characters that change how their surroundings look become replacement characters.
fn escape_into(from: &str, to: &mut String) {
    for character in from.chars() {
        match character {
            '&' => to.push_str("&amp;"),
            '<' => to.push_str("&lt;"),
            '>' => to.push_str("&gt;"),
            '"' => to.push_str("&quot;"),
            '\'' => to.push_str("&#39;"),
            c if is_misleading(c) && !is_joiner(c) => to.push(char::REPLACEMENT_CHARACTER),
            c => to.push(c),
        }
    }
}

/// `text`, if it is not too long to be read; else its beginning and how much there is.
fn shortened(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}

/// In characters.
const LONGEST_SENTENCE: usize = 1500;
const LONGEST_ADDRESS: usize = 160;

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let mut html = Html::default();
        html.text(text);
        html.text
    }

    #[test]
    fn a_text_stays_a_text() {
        assert_eq!(shown("<script>&amp;\"'"), "&lt;script&gt;&amp;amp;&quot;&#39;");
        assert_eq!(shown("a\u{1b}[2J\n\u{85}\u{7f}"), "a\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}");
        assert_eq!(
            shown("a\u{202e}b\u{2066}\u{200f}\u{ffff}"),
            "a\u{fffd}b\u{fffd}\u{fffd}\u{fffd}"
        );
        assert_eq!(shown("Müller ☃ שלום 👩‍🚀"), "Müller ☃ שלום 👩‍🚀");
        let mut html = Html::default();
        html.leaf("a", &[("href", "\" onclick='x' <")], "x");
        assert_eq!(html.text, "<a href=\"&quot; onclick=&#39;x&#39; &lt;\">x</a>");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let mut html = Html::default();
        html.address(&"ä".repeat(1000));
        assert_eq!(html.text, format!("<bdi>{}… (2000 bytes)</bdi>", "ä".repeat(160)));
    }
}
