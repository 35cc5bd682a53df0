//! Stanzas as bytes: where they begin and end, their start tags, and those we write ourselves.

pub mod compose;
pub mod condition;
pub mod discovery;
pub mod escape;
pub mod head;
mod lexeme;
pub mod limits;
mod markup;
mod nesting;
pub mod payload;
pub mod peek;
pub mod presence_type;
pub mod scrub;
pub mod splitter;
pub mod tag;
pub mod xml_error;
