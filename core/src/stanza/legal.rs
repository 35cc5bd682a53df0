//! How much of a buffer is text that a document may hold (RFC 6120 section 11.6, XML 1.0
//! section 2.2).

use super::fault::Fault;
use super::markup;

/// The legal part at the beginning of a buffer that grows.
#[derive(Clone, Debug, Default)]
pub struct Legal {
    /// Bytes before this are UTF-8 of legal characters.
    pub end: usize,
    /// What stands there, if it is not just the beginning of a character.
    pub fault: Option<Fault>,
}

impl Legal {
    /// Looks at what is new in `buffer`. A character that is cut by its end waits for the rest.
    pub fn extend(&mut self, buffer: &[u8]) {
        if self.fault.is_some() || self.end == buffer.len() {
            return;
        }
        let fresh = &buffer[self.end..];
        let (text, broken) = match str::from_utf8(fresh) {
            Ok(text) => (text, false),
            Err(e) => {
                let (valid, _) = fresh.split_at(e.valid_up_to());
                (str::from_utf8(valid).unwrap_or_default(), e.error_len().is_some())
            }
        };
        match markup::first_illegal(text) {
            Some(at) => {
                self.end += at;
                self.fault = Some(Fault::Character);
            }
            None => {
                self.end += text.len();
                self.fault = broken.then_some(Fault::Utf8);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_character_waits_and_a_broken_one_is_a_fault() {
        let mut legal = Legal::default();
        legal.extend(b"a\xc3");
        assert_eq!((legal.end, legal.fault), (1, None));
        legal.extend(b"a\xc3\xa9");
        assert_eq!((legal.end, legal.fault), (3, None));
        legal.extend(b"a\xc3\xa9b\xffc");
        assert_eq!((legal.end, legal.fault), (4, Some(Fault::Utf8)));
        legal.extend(b"a\xc3\xa9b\xffcd");
        assert_eq!(legal.end, 4);
    }
}
