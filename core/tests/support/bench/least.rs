//! The least that a small stanza can take, by libraries: one HMAC, base32 one way, and copying.

use std::hint::black_box;

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

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
    mac: &'a Hmac<Sha256>,
    /// As long as what a token's tag is made of.
    message: Vec<u8>,
    token: Vec<u8>,
    text: Vec<u8>,
    /// The stanza before and after.
    stanzas: [&'a [u8]; 2],
    buffers: [Vec<u8>; 2],
}

impl<'a> Least<'a> {
    pub fn new(
        way: Way,
        mac: &'a Hmac<Sha256>,
        message: Vec<u8>,
        token: &[u8],
        stanzas: [&'a [u8]; 2],
    ) -> Self {
        let text = BASE32_NOPAD.encode(token).into_bytes();
        Self {
            way,
            mac,
            message,
            token: token.to_vec(),
            text,
            stanzas,
            buffers: [const { Vec::new() }; 2],
        }
    }

    pub fn turn(&mut self) {
        let mut mac = self.mac.clone();
        mac.update(black_box(&self.message));
        black_box(mac.finalize());
        match self.way {
            Way::Forward => BASE32_NOPAD.encode_mut(black_box(&self.token), &mut self.text),
            Way::Revert => {
                let length = BASE32_NOPAD.decode_mut(black_box(&self.text), &mut self.token);
                assert_eq!(length, Ok(self.token.len()));
            }
        }
        for (buffer, stanza) in self.buffers.iter_mut().zip(self.stanzas) {
            buffer.clear();
            buffer.extend_from_slice(black_box(stanza));
            black_box(buffer);
        }
    }
}
