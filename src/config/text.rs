//! The text of a file, and positions in it.

use std::ops::Range;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::problem::{Position, Problem};

/// A file that was read; cleared from memory, since secrets may stand in it.
pub struct Text {
    file: PathBuf,
    text: Zeroizing<String>,
}

impl Text {
    /// The text of `file` from its bytes.
    ///
    /// # Errors
    /// One problem, at the first byte that is not UTF-8.
    pub fn new(file: &Path, bytes: &[u8]) -> Result<Self, Problem> {
        let source = |text: &str| {
            let text = Zeroizing::new(text.to_owned());
            Self { file: file.to_owned(), text }
        };
        match str::from_utf8(bytes) {
            Ok(text) => Ok(source(text)),
            Err(error) => {
                let valid = str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
                let place = source(valid).place(valid.len());
                Err(Problem::error(place, "not UTF-8 text", "save the file as UTF-8"))
            }
        }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The place of the byte at `offset`; one past the end is the end.
    pub fn place(&self, offset: usize) -> Position {
        let before = self.text.as_bytes().get(..offset).unwrap_or(self.text.as_bytes());
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        Position {
            file: self.file.clone(),
            line: memchr::memchr_iter(b'\n', before).count() + 1,
            // Continuation bytes of UTF-8 begin no character.
            column: before[line_start..].iter().filter(|b| **b & 0xc0 != 0x80).count() + 1,
        }
    }

    /// Whether any byte of `span` stands in the line of `place`.
    pub fn touches(&self, span: &Range<usize>, place: &Position) -> bool {
        let (first, last) = (self.place(span.start).line, self.place(span.end).line);
        place.file == self.file && (first..=last).contains(&place.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, offset: usize) -> (usize, usize) {
        let place = Text::new(Path::new("f"), text.as_bytes()).unwrap().place(offset);
        (place.line, place.column)
    }

    #[test]
    fn lines_and_characters_are_counted_from_one() {
        assert_eq!(at("", 0), (1, 1));
        assert_eq!(at("ab\ncd", 1), (1, 2));
        assert_eq!(at("ab\ncd", 3), (2, 1));
        assert_eq!(at("ab\ncd", 5), (2, 3));
        assert_eq!(at("äö = 1", 5), (1, 4));
        assert_eq!(at("ab", 99), (1, 3));
    }

    #[test]
    fn what_is_no_text_is_refused_at_its_first_such_byte() {
        let problem = Text::new(Path::new("f"), b"ab\nc\xff").err().unwrap();
        assert_eq!(
            problem.to_string(),
            "error: f:2:2: not UTF-8 text\n  help: save the file as UTF-8"
        );
    }
}
