//! Memory for the texts of a verdict, reused for each stanza.

use std::fmt;

use super::token::Message;

/// What one stanza needs until it is written.
#[derive(Default)]
pub(super) struct Scratch {
    /// The address that is written as the sender's.
    pub new_from: String,
    /// The address that is written as the receiver's, if it is composed.
    pub new_to: String,
    /// All addresses that are written as the sender's, if there are several.
    pub all_from: Vec<String>,
    /// The bare address that was written to; or, for a mirror, that of the face in it.
    pub written_to: String,
    /// The text of a mirror.
    pub mirror: String,
    /// The token that is sealed, or was opened.
    pub token: Message,
}

impl Scratch {
    /// Empties all texts, and releases the memory that a hostile address took.
    pub(super) fn clear(&mut self) {
        let Self { new_from, new_to, all_from, written_to, mirror, token } = self;
        for text in [new_from, new_to, written_to, mirror] {
            text.clear();
            text.shrink_to(KEEP_CAPACITY);
        }
        all_from.clear();
        token.clear_over(KEEP_CAPACITY);
    }
}

/// It contains tokens, which stay out of logs.
impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scratch")
    }
}

/// More than real addresses have.
const KEEP_CAPACITY: usize = 8 * 1024;
