//! The guided tour of `jat-proxy demo`, on a small XMPP server inside the process.
//!
//! ```text
//!   tour ──► chat ──► stage ──► server ──► client ──► router
//!              │        ╰─────► replica
//!              ╰───► screen
//! ```

mod chat;
mod client;
mod replica;
mod router;
mod screen;
mod server;
mod stage;
pub(crate) mod tour;

/// Something that did not happen as the tour says.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the built-in server can't listen: {0}")]
    Server(#[from] std::io::Error),
    #[error("can't write to standard output: {0}")]
    Output(std::io::Error),
    #[error("the system has no random bytes: {0}")]
    Random(#[from] getrandom::Error),
    #[error("the replicas were not ready within 30 s")]
    NotReady,
    #[error("request {id} did not reach the implementing client within 30 s")]
    RequestLost { id: String },
    #[error("the reply to request {id} did not reach the user within 30 s")]
    ReplyLost { id: String },
    #[error("message {id} did not arrive within 30 s")]
    MessageLost { id: &'static str },
    #[error("expected {expected}, found {found}")]
    Unexpected { expected: String, found: String },
    #[error("no replica dropped the forged reply as {reason} within 30 s")]
    NotDropped { reason: &'static str },
    #[error("a reply that nobody waits for reached the user: {xml}")]
    Delivered { xml: String },
}

/// How long to wait for what must come: on an idle machine it takes milliseconds.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);
