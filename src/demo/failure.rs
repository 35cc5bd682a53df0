//! How the tour fails.

use std::io;

/// What did not happen as the tour says it does.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("the built-in server cannot listen: {0}")]
    Server(#[from] io::Error),
    #[error("can't write to standard output: {0}")]
    Output(io::Error),
    #[error("the system has no random bytes: {0}")]
    Random(#[from] getrandom::Error),
    #[error("the replicas were not ready within 30 s")]
    NotReady,
    #[error("request {id} did not reach the implementing client within 30 s")]
    RequestLost { id: String },
    #[error("the reply to request {id} did not reach the user within 30 s")]
    ReplyLost { id: String },
    #[error("{expected} was to be seen, but there is {found}")]
    Unexpected { expected: String, found: String },
    #[error("no replica dropped the forged reply as {reason} within 30 s")]
    NotDropped { reason: &'static str },
    #[error("a reply that nobody waits for reached the user: {xml}")]
    Delivered { xml: String },
}
