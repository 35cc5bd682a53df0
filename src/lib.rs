//! Jabber Address Translation.

pub mod jat;
pub mod session;
pub mod stanza;
