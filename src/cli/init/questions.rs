//! Questions on a terminal, for what the command line did not say.

use std::io::{self, BufRead, Write};

use super::InitError;

/// Somebody who is asked.
pub(super) struct Questions<R, W> {
    answers: R,
    screen: W,
}

impl<R: BufRead, W: Write> Questions<R, W> {
    pub(super) fn new(answers: R, screen: W) -> Self {
        Self { answers, screen }
    }

    /// Prints a paragraph.
    pub(super) fn tell(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.screen, "{text}\n")
    }

    /// Asks until `read` accepts the answer. An empty answer stands for `usual`, unless that is
    /// empty too.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` at the end of the input, as after Ctrl-D.
    pub(super) fn ask<T>(
        &mut self,
        question: &str,
        usual: &str,
        read: impl Fn(&str) -> Result<T, InitError>,
    ) -> io::Result<T> {
        loop {
            match usual {
                "" => write!(self.screen, "{question}: ")?,
                _ => write!(self.screen, "{question} [{usual}]: ")?,
            }
            self.screen.flush()?;
            let mut line = String::new();
            if self.answers.read_line(&mut line)? == 0 {
                writeln!(self.screen)?;
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let answer = match line.trim() {
                "" => usual,
                answer => answer,
            };
            if answer.is_empty() {
                continue;
            }
            match read(answer) {
                Ok(value) => return Ok(value),
                Err(problem) => write!(self.screen, "{}", problem.with_hint())?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(typed: &str, usual: &str) -> (io::Result<u16>, String) {
        let mut screen = Vec::new();
        let read = |text: &str| text.parse::<u16>().map_err(|_| InitError::Server(text.to_owned()));
        let answer = Questions::new(typed.as_bytes(), &mut screen).ask("Port", usual, read);
        (answer, String::from_utf8(screen).unwrap())
    }

    #[test]
    fn an_empty_answer_is_the_usual_one() {
        let (answer, screen) = asked("\n", "5347");
        assert_eq!((answer.unwrap(), screen.as_str()), (5347, "Port [5347]: "));
        assert_eq!(asked("  1 \n", "5347").0.unwrap(), 1);
    }

    #[test]
    fn it_asks_again_until_the_answer_is_good() {
        let (answer, screen) = asked("\nx\n7\n", "");
        assert_eq!(answer.unwrap(), 7);
        let told = InitError::Server("x".to_owned()).with_hint();
        assert!(told.starts_with("error: ") && told.contains("help: "), "{told}");
        assert_eq!(screen, format!("Port: Port: {told}Port: "));
    }

    #[test]
    fn the_end_of_the_input_is_an_error() {
        for typed in ["", "x\n"] {
            assert_eq!(asked(typed, "5347").0.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        }
    }
}
