//! What the benchmarks of the pure middle share: stanzas, a logged-in stream, and timing by
//! turns.

#![allow(dead_code, reason = "each benchmark uses its share")]

pub mod by_turns;
pub mod proxy;
pub mod stanzas;
