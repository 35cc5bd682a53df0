//! What the benchmarks share: stanzas and their parts, a logged-in stream without its socket,
//! timing in turn, targets, and the short form.

pub mod by_turns;
pub mod exchanges;
pub mod form;
pub mod gate;
pub mod least;
pub mod names;
pub mod parts;
pub mod proxy;
pub mod services;
pub mod stanzas;
pub mod usage;
