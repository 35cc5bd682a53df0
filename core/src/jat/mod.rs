//! The pure translator: addresses, keys, tokens, presence, and what is done with each stanza.

pub mod access;
pub mod address;
pub mod alias;
pub mod answers;
pub mod dispatch;
pub mod glob;
pub mod incoming;
pub mod keyring;
pub mod mirror;
pub mod name_keys;
pub mod now;
pub mod observed;
pub mod presence;
pub mod reason;
mod resourcepart;
pub mod resources;
mod route;
mod scratch;
pub mod selection;
pub mod serving;
pub mod settings;
pub mod target;
pub mod token;
pub mod traffic;
pub mod translator;
pub mod two_way;
pub mod verdict;
