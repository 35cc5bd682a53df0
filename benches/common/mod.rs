//! What the benchmarks of the pure middle share: stanzas, their parts, a logged-in stream, timing
//! by turns, and targets.

#![allow(dead_code, reason = "each benchmark uses its share")]

pub mod by_turns;
pub mod gate;
pub mod parts;
pub mod proxy;
pub mod stanzas;
