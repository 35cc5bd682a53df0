//! A small XMPP server inside the process: for the guided tour, the tests and the benches.

pub mod client;
#[cfg(test)]
mod component;
pub mod connection;
mod login;
mod options;
mod presence;
mod router;
pub mod server;
mod stanza;
