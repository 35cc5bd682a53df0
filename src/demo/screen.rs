//! What the tour prints on the terminal: headings, notes, stanzas.

use std::io::{self, Write};

/// A place to print to, in colours or not.
pub(super) struct Screen<'a> {
    output: &'a mut dyn Write,
    colours: bool,
    /// The first error when printing.
    fault: io::Result<()>,
}

impl<'a> Screen<'a> {
    pub(super) fn new(output: &'a mut dyn Write, colours: bool) -> Self {
        Self { output, colours, fault: Ok(()) }
    }

    /// Whether everything could be printed. The tour continues anyway, as its checks stay the same.
    pub(super) fn end(self) -> io::Result<()> {
        self.fault
    }

    pub(super) fn heading(&mut self, text: &str) {
        self.line("");
        self.painted(BOLD, text);
    }

    /// A paragraph.
    pub(super) fn note(&mut self, text: &str) {
        self.wrapped(text, "", "");
    }

    /// A paragraph for something that was checked.
    pub(super) fn good(&mut self, text: &str) {
        let first = if self.colours { format!("{GREEN}ok{RESET}  ") } else { "ok  ".to_owned() };
        self.wrapped(text, &first, "    ");
    }

    /// A stanza on its way, whole; where it is too long for a line it is broken between attributes
    /// and after its start tag.
    pub(super) fn stanza(&mut self, way: &str, xml: &str) {
        self.painted(CYAN, way);
        match xml.split_once("><") {
            Some((tag, payload)) => {
                self.wrapped(&format!("{tag}>"), "    ", "        ");
                self.wrapped(&format!("<{payload}"), "      ", "        ");
            }
            None => self.wrapped(xml, "    ", "        "),
        }
    }

    fn painted(&mut self, colour: &str, text: &str) {
        match self.colours {
            true => self.line(&format!("{colour}{text}{RESET}")),
            false => self.line(text),
        }
    }

    /// Breaks `text` at spaces so that its lines fit, unless a word alone does not.
    fn wrapped(&mut self, text: &str, first: &str, others: &str) {
        // The indents of all lines are about the same, and colours take no room.
        let fits = WIDTH - others.len();
        let mut indent = first;
        let mut line = String::new();
        for word in text.split(' ') {
            if !line.is_empty() && line.len() + 1 + word.len() > fits {
                self.line(&format!("{indent}{line}"));
                (indent, line) = (others, String::new());
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.line(&format!("{indent}{line}"));
    }

    fn line(&mut self, text: &str) {
        if self.fault.is_ok() {
            self.fault = writeln!(self.output, "{text}").and_then(|()| self.output.flush());
        }
    }
}

/// `xml` with the middle of `token` left out.
pub(super) fn shortened(xml: &str, token: &str) -> String {
    match (token.get(..ENDS), token.len().checked_sub(ENDS).and_then(|at| token.get(at..))) {
        (Some(begin), Some(end)) if token.len() > 3 * ENDS => {
            xml.replace(token, &format!("{begin}...{end}"))
        }
        _ => xml.to_owned(),
    }
}

/// Columns to fill.
const WIDTH: usize = 80;
/// Characters that stay at each end of a shortened token.
const ENDS: usize = 10;

const BOLD: &str = "\u{1b}[1m";
const GREEN: &str = "\u{1b}[32m";
const CYAN: &str = "\u{1b}[36m";
const RESET: &str = "\u{1b}[0m";

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(colours: bool, show: impl Fn(&mut Screen<'_>)) -> String {
        let mut output = Vec::new();
        show(&mut Screen::new(&mut output, colours));
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn a_stanza_is_shown_whole() {
        let token = "t".repeat(90);
        let xml =
            format!("<iq type='get' id='1' to='{}' from='p.example/{token}'>", "b".repeat(40));
        let text = printed(false, |screen| screen.stanza("user -> component", &xml));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "user -> component");
        assert_eq!(lines.len(), 3);
        assert_eq!(
            text["user -> component".len()..].split_whitespace().collect::<Vec<_>>().join(" "),
            xml
        );
    }

    #[test]
    fn colours_are_only_colours() {
        let show = |screen: &mut Screen<'_>| {
            screen.heading("1. A heading");
            screen.good(&"words ".repeat(30));
            screen.stanza("a -> b", "<iq/>");
        };
        let (plain, coloured) = (printed(false, show), printed(true, show));
        let stripped = [BOLD, GREEN, CYAN, RESET]
            .iter()
            .fold(coloured.clone(), |text, code| text.replace(code, ""));
        assert_eq!(stripped, plain);
        assert!(coloured.contains(GREEN) && plain.lines().all(|line| line.len() <= WIDTH));
    }

    #[test]
    fn a_long_token_loses_its_middle() {
        let token = format!("{}{}{}", "a".repeat(10), "b".repeat(30), "c".repeat(10));
        let xml = format!("<iq to='p/{token}'/>");
        assert_eq!(shortened(&xml, &token), "<iq to='p/aaaaaaaaaa...cccccccccc'/>");
        assert_eq!(shortened("<iq to='p/t'/>", "t"), "<iq to='p/t'/>");
    }
}
