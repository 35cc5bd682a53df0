//! A small XMPP server inside the process, for tests and benches too; and the guided tour on it.

pub mod client;
pub mod connection;
mod failure;
mod login;
mod options;
mod presence;
pub mod replica;
pub mod responder;
mod router;
mod screen;
pub mod server;
mod stage;
mod stanza;
pub mod tour;
mod wire;

pub use failure::Failure;

/// How long what must come is waited for: where nothing else runs it takes milliseconds.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

#[cfg(test)]
mod component;
