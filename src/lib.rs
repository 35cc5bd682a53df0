//! Jabber Address Translation.

pub mod cli;
pub mod config;
pub mod daemon;
pub mod jat;
pub mod link;
pub mod session;
pub mod stanza;
