//! The state of one stream of a component, and whether it carries stanzas.

use crate::link::cause::Cause;
use crate::link::peer::Peer;
use crate::link::stream::{State, StreamRecord};
use crate::session::echo::Sharing;
use crate::time::show_moment;

use super::{PeerStatus, StreamState, StreamStatus};

/// Why a stream carries nothing, for people; `None` when it does.
pub(super) fn not_carrying(stream: &StreamRecord) -> Option<String> {
    match &stream.state {
        State::Starting => Some("not connected yet".to_owned()),
        State::Closed => Some("the stream was closed and will not be opened again".to_owned()),
        State::Down { since, cause, message } => {
            Some(format!("not connected since {}: {}", show_moment(*since), cause.explain(message)))
        }
        State::Up { .. } => stream
            .standstill
            .map(|lasts| format!("the server has processed nothing for {} s", lasts.as_secs())),
    }
}

impl StreamStatus {
    pub(super) fn of(stream: &StreamRecord) -> Self {
        let failures =
            Cause::ALL.iter().map(|c| (c.name().to_owned(), stream.failures[*c as usize]));
        Self {
            domain: stream.domain.to_string(),
            stream: StreamState::of(stream),
            sharing: match stream.sharing {
                Sharing::Unknown if stream.unheard => "unheard".to_owned(),
                sharing => sharing.name().to_owned(),
            },
            shared_elsewhere: stream.elsewhere,
            peer: stream
                .peer
                .map(|Peer { address, of }| PeerStatus { address: address.to_string(), of }),
            backlog_bytes: stream.backlog,
            logins: stream.logins,
            failures: failures.filter(|(_, count)| *count > 0).collect(),
        }
    }
}

impl StreamState {
    fn of(stream: &StreamRecord) -> Self {
        match &stream.state {
            State::Starting => Self::Starting,
            State::Closed => Self::Closed,
            State::Up { since } => Self::Up {
                since: show_moment(*since),
                standstill_seconds: stream.standstill.map(|lasts| lasts.as_secs()),
            },
            State::Down { since, cause, message } => Self::Down {
                since: show_moment(*since),
                cause: cause.name().to_owned(),
                message: message.clone(),
                remedy: Some(cause.remedy().to_owned()).filter(|remedy| !remedy.is_empty()),
            },
        }
    }
}
