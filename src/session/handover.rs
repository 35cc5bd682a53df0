//! A session on its way to another process, which goes on where this one stopped.

use jid::DomainPart;

use super::echo::{Echo, Sharing};
use super::{Bounds, Session, Turn};

/// What a session knows that its successor can't find out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handover {
    /// What was read and not yet translated, from the beginning of a stanza.
    pub input: Vec<u8>,
    /// What was not yet written; it may begin within a stanza.
    pub output: Vec<u8>,
    /// The nonce of the echoes, and the number of the next one.
    pub echo_nonce: u64,
    pub echo_next: u64,
    pub sharing: Sharing,
}

impl Session {
    /// What a successor needs. `None` while a stanza over a limit is skipped, whose beginning
    /// is gone, and when we have said goodbye.
    pub fn hand_over(&self) -> Option<Handover> {
        if self.closed || self.splitter.is_skipping() {
            return None;
        }
        Some(Handover {
            input: self.input[self.splitter.done()..].to_vec(),
            output: self.output().to_vec(),
            echo_nonce: self.echo.nonce(),
            echo_next: self.echo.next(),
            sharing: self.echo.sharing(),
        })
    }

    /// Goes on with the stream of `domain` where another session stopped.
    pub fn resume(domain: DomainPart, bounds: Bounds, from: Handover, turn: &mut Turn<'_>) -> Self {
        let now = turn.now.mono;
        let echo = Echo::resume(from.echo_nonce, from.echo_next, from.sharing, now);
        Self { input: from.input, output: from.output, ..Self::silent(domain, bounds, echo, now) }
    }
}
