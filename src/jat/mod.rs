//! The pure translator: addresses, keys, tokens, presence, and what is done with each stanza.

pub mod address;
pub mod dispatch;
pub mod keyring;
pub mod now;
pub mod settings;
pub mod target;
pub mod token;
