//! A manual page in the language of man(7).

use std::fmt::Write;

/// A page that is written from top to bottom. Text is escaped; text between `backquotes` becomes
/// bold.
pub(super) struct Page(String);

impl Page {
    /// `brief` is what whatis(1) shows.
    pub(super) fn new(name: &str, section: u8, manual: &str, brief: &str) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let mut page = Self(format!(
            ".\\\" Made by jat-proxy man {section}\n\
             .TH {name} {section} \"\" \"jat\\-proxy {version}\" \"{manual}\"\n.nh\n.ad l\n"
        ));
        page.section("Name");
        page.text(&format!("{name} \\- {brief}", name = escape(name)));
        page
    }

    pub(super) fn section(&mut self, title: &str) {
        self.line(&format!(".SH {}", escape(title).to_uppercase()));
    }

    pub(super) fn subsection(&mut self, title: &str) {
        self.line(&format!(".SS {}", escape(title)));
    }

    pub(super) fn paragraph(&mut self, text: &str) {
        self.line(".PP");
        self.text(&escape(text));
    }

    /// Begins an item; paragraphs of it follow as [`Self::item_text`].
    pub(super) fn item(&mut self, tag: &str) {
        self.line(".TP");
        self.text(&escape(tag));
    }

    pub(super) fn item_text(&mut self, text: &str) {
        self.text(&escape(text));
    }

    /// A further paragraph of the same item.
    pub(super) fn item_paragraph(&mut self, text: &str) {
        self.line(".IP");
        self.text(&escape(text));
    }

    /// Lines that stay as they are, of an item or on their own.
    pub(super) fn verbatim(&mut self, of_item: bool, lines: &[&str]) {
        self.line(if of_item { ".IP\n.EX" } else { ".PP\n.EX" });
        for line in lines {
            self.text(&escape(line));
        }
        self.line(".EE");
    }

    /// Text that is already in the language of man(7).
    pub(super) fn written(&mut self, text: &str) {
        self.0.push_str(text);
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }

    /// A line of text, which must not look like a request of roff.
    fn text(&mut self, text: &str) {
        let guard = if text.starts_with(['.', '\'']) { "\\&" } else { "" };
        self.line(&format!("{guard}{text}"));
    }

    fn line(&mut self, line: &str) {
        writeln!(self.0, "{line}").expect("a string takes everything");
    }
}

/// An unescaped hyphen would become a character that can't be pasted into a shell.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    let mut bold = false;
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\e"),
            '-' => escaped.push_str("\\-"),
            '~' => escaped.push_str("\\(ti"),
            '^' => escaped.push_str("\\(ha"),
            '`' => {
                bold = !bold;
                escaped.push_str(if bold { "\\fB" } else { "\\fR" });
            }
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_no_language() {
        let mut page = Page::new("a", 1, "Manual", "does it");
        page.paragraph(".so /etc/passwd");
        page.item("`--b-c`");
        page.item_text("'\\n' ~ ^");
        let text = page.into_text();
        let end = ".PP\n\\&.so /etc/passwd\n.TP\n\\fB\\-\\-b\\-c\\fR\n\\&'\\en' \\(ti \\(ha\n";
        assert!(text.ends_with(end), "{text}");
    }
}
