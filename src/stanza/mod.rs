//! Stanzas as bytes: where they begin and end, their start tags, and the few we author.

pub mod limits;
mod markup;
pub mod splitter;
