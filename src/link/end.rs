//! How work on a stream ends.

use std::io;

use crate::session::ending::Ending;

use super::cause::Cause;
use super::tls;

/// How an order was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The stream was closed properly, by both sides.
    Closed,
    /// We closed it, but the server did not close its side in time.
    Unanswered,
    /// It was left as it is.
    Paused,
    /// It was to be left as it is, but no other program could have continued it, so it was closed
    /// properly.
    NotHandedOver,
}

/// Why a stream was lost.
#[derive(Debug)]
pub(super) enum Lost {
    /// It ended.
    Ended(Ending),
    /// The connection ended without a closing tag.
    Broken(io::Error),
}

impl Lost {
    pub(super) fn cause(&self) -> Cause {
        match self {
            Self::Ended(ending) => Cause::from(ending),
            Self::Broken(error) if error.kind() == io::ErrorKind::TimedOut => Cause::Unresponsive,
            Self::Broken(_) => Cause::Disconnected,
        }
    }

    /// For people.
    pub(super) fn explain(&self) -> String {
        match self {
            Self::Ended(ending) => ending.to_string(),
            Self::Broken(error) => match error.kind() {
                io::ErrorKind::UnexpectedEof => {
                    "the server closed the connection without closing the stream".to_owned()
                }
                io::ErrorKind::TimedOut => "the server's host no longer answers".to_owned(),
                _ => tls::explain(error),
            },
        }
    }

    /// Whether the server has ended its side as well, with or without a closing tag.
    pub(super) fn is_end(&self) -> bool {
        match self {
            Self::Ended(ending) => *ending == Ending::Closed,
            Self::Broken(error) => error.kind() == io::ErrorKind::UnexpectedEof,
        }
    }
}
