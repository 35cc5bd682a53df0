//! Jabber Address Translation.

pub mod demo;
pub mod jat;
pub mod session;
pub mod stanza;
