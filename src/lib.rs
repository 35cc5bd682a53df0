pub mod config;
pub mod jat;
pub mod stanza;
