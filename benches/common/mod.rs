//! What the benchmarks share: stanzas and their parts, a logged-in stream without its socket, the
//! daemon and a driver for it, timing by turns, targets, and the short form.

#![allow(dead_code, reason = "each benchmark uses its share")]

pub mod by_turns;
pub mod driver;
pub mod form;
pub mod gate;
pub mod parts;
pub mod process;
pub mod proxy;
pub mod stanzas;
pub mod usage;
