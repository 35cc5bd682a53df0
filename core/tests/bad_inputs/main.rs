//! Bad input that must be survived: bytes in, bytes out, through a whole session.
//!
//! Each case ends in exactly its answer, or is dropped and counted, and then the same stream
//! forwards a good request and reverts its reply.

mod access;
mod addresses;
mod both_ways;
mod faces;
mod keys;
mod limit;
mod loops;
mod memory;
mod mirrors;
mod own_address;
mod own_answers;
mod payload;
mod presence;
mod reconfigured;
mod rows;
mod stream;
mod target;
mod time;
mod users;
