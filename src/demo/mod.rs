//! A small XMPP server inside the process, for tests and benches too; and the guided tour on it.

pub mod client;
pub mod connection;
mod failure;
mod login;
mod options;
mod presence;
pub mod replica;
mod router;
mod screen;
pub mod server;
mod stage;
mod stanza;
pub mod tour;
mod wire;

pub use failure::Failure;

#[cfg(test)]
mod component;
