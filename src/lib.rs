pub mod cli;
pub mod config;
pub mod jat;
pub mod stanza;
