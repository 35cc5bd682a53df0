//! Stanzas as bytes.
pub mod limits;
