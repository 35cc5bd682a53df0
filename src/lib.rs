pub mod demo;
pub mod jat;
pub mod stanza;
