//! A session handed over to another process, which continues where this one stopped.

use std::time::Duration;

use jid::DomainPart;
use serde::{Deserialize, Serialize};

use crate::base64;
use crate::stanza::splitter::{Skipped, Splitter};

use super::echo::{Echo, Sharing};
use super::other_node::{AskerSnapshot, OtherNode};
use super::output::Output;
use super::server_time::ServerTime;
use super::{Bounds, Session, Turn};

/// What a session knows that the next process can't find out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionSnapshot {
    /// What was read but not yet translated; it begins with a stanza.
    #[serde(with = "base64")]
    pub input: Vec<u8>,
    /// What was not yet written; it may begin in the middle of a stanza.
    #[serde(with = "base64")]
    pub output: Vec<u8>,
    /// The nonce of the echoes, and the number of the next one.
    pub echo_nonce: u64,
    pub echo_next: u64,
    pub sharing: Sharing,
    /// [`Session::clock_offset`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_offset: Option<i64>,
    /// Processes on other nodes that [`Session::is_shared_elsewhere`] is of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub askers: Vec<AskerSnapshot>,
    /// A stanza over a limit that is being skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<Skipped>,
}

impl Session {
    /// What the next process needs. `None` after our closing tag.
    pub fn hand_over(&self, now: Duration) -> Option<SessionSnapshot> {
        (!self.is_closed()).then(|| SessionSnapshot {
            input: self.input[self.splitter.needed()..].to_vec(),
            output: self.output.hand_over(),
            echo_nonce: self.echo.nonce(),
            echo_next: self.echo.next(),
            sharing: self.echo.sharing(),
            clock_offset: self.clock_offset(),
            askers: self.other_node.hand_over(now),
            skipped: self.splitter.skipped(),
        })
    }

    /// Continues the stream of `domain` where another session stopped.
    pub fn resume(
        domain: DomainPart,
        bounds: Bounds,
        from: SessionSnapshot,
        turn: &mut Turn<'_>,
    ) -> Self {
        let now = turn.now.mono;
        let echo = Echo::resume(from.echo_nonce, from.echo_next, from.sharing, now);
        let splitter = match &from.skipped {
            Some(skipped) => Splitter::resume(bounds.limits, skipped, &from.input),
            None => Splitter::new(bounds.limits),
        };
        Self {
            splitter,
            input: from.input,
            output: Output::new(from.output, now),
            other_node: OtherNode::resume(from.echo_nonce, &from.askers, now),
            server_time: ServerTime::resume(from.echo_nonce, from.clock_offset, now),
            ..Self::silent(domain, bounds, echo, now)
        }
    }
}
