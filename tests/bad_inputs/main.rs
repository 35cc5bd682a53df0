//! Bad input that must be survived: bytes in, bytes out, through a whole session.
//!
//! Each case ends in exactly its answer, or in a counted silence, and then the same stream
//! forwards a good request and reverts its reply. The numbers in brackets are those of the list
//! that the cases come from; the last one of each file are attacks that were found later.

mod fixture;
mod keys;
mod memory;
mod oracle;
mod presence;
mod rows;
mod stream;
mod target;
mod users;
