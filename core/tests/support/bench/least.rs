//! The least that a small stanza can take, by libraries: one HMAC, base32 one way, and copying.

use std::hint::black_box;

use data_encoding::BASE32_NOPAD;

use super::parts::Parts;

/// Which way a stanza goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A request to the target.
    Forward,
    /// Its reply to the user.
    Revert,
}

/// What is done for one stanza, and room for its results.
pub struct Least<'a> {
    way: Way,
    parts: &'a Parts,
    message: Vec<u8>,
    token: Vec<u8>,
    text: Vec<u8>,
    /// The stanza before and after.
    stanzas: [&'a [u8]; 2],
    buffers: [Vec<u8>; 2],
}

impl<'a> Least<'a> {
    pub fn new(way: Way, parts: &'a Parts, stanzas: [&'a [u8]; 2]) -> Self {
        let (message, token) = (parts.message(), parts.token().to_vec());
        let text = BASE32_NOPAD.encode(&token).into_bytes();
        Self { way, parts, message, token, text, stanzas, buffers: Default::default() }
    }

    pub fn turn(&mut self) {
        self.parts.mac(&self.message);
        match self.way {
            Way::Forward => BASE32_NOPAD.encode_mut(black_box(&self.token), &mut self.text),
            Way::Revert => {
                let length = BASE32_NOPAD.decode_mut(black_box(&self.text), &mut self.token);
                assert_eq!(length, Ok(self.token.len()));
            }
        }
        copy(&mut self.buffers, self.stanzas);
    }
}

/// Copies the bytes into one buffer and out of another.
pub fn copy(buffers: &mut [Vec<u8>; 2], bytes: [&[u8]; 2]) {
    for (buffer, bytes) in buffers.iter_mut().zip(bytes) {
        buffer.clear();
        buffer.extend_from_slice(black_box(bytes));
        black_box(buffer);
    }
}
