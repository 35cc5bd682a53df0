pub mod jat;
pub mod stanza;
