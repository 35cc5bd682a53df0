//! Load and faults over TCP, with the built-in server: whatever arrives, every good request is
//! served and every stanza is accounted for.
//!
//! The mix of hostile and good stanzas has its full size with optimisation only:
//!
//!     cargo test --release --test hostile_load -- --nocapture mix

mod account;
mod ends;
// It starts replicas in this process, so it can't be in test-support, which does not use the program.
#[path = "../stream/fixture.rs"]
mod fixture;
mod logins;
mod mix;
mod replicas;
mod reset;
mod segments;
mod stall;
