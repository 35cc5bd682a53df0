//! Jabber Address Translation.

pub mod cli;
pub mod config;
pub mod demo;
pub mod jat;
pub mod session;
pub mod stanza;
