//! Memory for what a verdict says, used again for each stanza.

use std::fmt;

use super::token::Token;

/// What one stanza needs until it is written.
#[derive(Default)]
pub(super) struct Scratch {
    /// The address that is written as the sender's.
    pub new_from: String,
    /// The token, if it is written as the id.
    pub token_id: String,
    /// The bare address that was written to.
    pub written_to: String,
    /// The token that was opened last.
    pub token: Option<Token>,
}

impl Scratch {
    /// Empties all texts, and gives back what a hostile address took.
    pub(super) fn clear(&mut self) {
        for text in [&mut self.new_from, &mut self.token_id, &mut self.written_to] {
            text.clear();
            text.shrink_to(KEEP_CAPACITY);
        }
    }
}

/// There are tokens in it, and they stay out of logs.
impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scratch")
    }
}

/// More than real addresses have.
const KEEP_CAPACITY: usize = 8 * 1024;
