//! The fast path for most of a stanza: complete lexemes in their usual form.

use crate::chunk;
use crate::stanza::lexeme::Lexeme;
use crate::stanza::markup::reference_len;
use crate::stanza::xml_error::XmlError;

use super::{Found, Mode, Splitter};

impl Splitter {
    /// Skips over the tags and references that are complete and in their usual form. What is cut,
    /// unusual or broken is left to be read lexeme by lexeme.
    pub(super) fn leap(&mut self, buffer: &[u8]) -> Result<Option<Found>, XmlError> {
        if !matches!(self.lexeme, Lexeme::Text) || self.is_skipping() {
            return Ok(None);
        }
        if matches!(self.mode, Mode::Between)
            && buffer[..self.legal.end].get(self.at) != Some(&b'<')
        {
            return Ok(None);
        }
        let window = &buffer[..self.element_window()];
        loop {
            let Some(at) = text_end(window, self.at) else {
                self.at = window.len();
                return Ok(None);
            };
            self.at = at;
            let rest = &window[at..];
            let found = match rest {
                [b'&', ..] => {
                    let Some(length) = reference_len(rest) else { return Ok(None) };
                    self.at += length;
                    self.reach_behind(length);
                    None
                }
                [_, b'/', name @ ..] => {
                    let stanza = &buffer[self.start..];
                    let Some(length) = self.open.ends_by(stanza, name) else { return Ok(None) };
                    let length = length + 3;
                    self.at += length;
                    self.end_tag(length)
                }
                _ => {
                    let Some((tag, namespaces)) = self.read_tag(rest) else { return Ok(None) };
                    self.at += tag.length;
                    self.start_tag(buffer, at, &tag, namespaces)?
                }
            };
            self.lexeme_start = self.at;
            if found.is_some() {
                return Ok(found);
            }
        }
    }
}

/// Offset of the next byte that is more than a character of text.
fn text_end(bytes: &[u8], at: usize) -> Option<usize> {
    // Mostly one tag follows the other.
    if *bytes.get(at)? == b'<' {
        return Some(at);
    }
    match chunk::find_near::<4>(bytes, at, |chunk| chunk.equal(b'<') | chunk.equal(b'&')) {
        Ok(at) => Some(at),
        Err(at) => Some(at + memchr::memchr2(b'<', b'&', &bytes[at..])?),
    }
}
