//! Load and faults over TCP, against the built-in server: whatever comes, every good request is
//! served and every stanza is accounted for.
//!
//! The mix of hostile and good stanzas has its full size with optimisation only:
//!
//!     cargo test --release --test hostile_load -- --nocapture mix

mod account;
mod ends;
// It starts replicas in this process, for which test-support would have to know the program.
#[path = "../stream/fixture.rs"]
mod fixture;
mod logins;
mod mix;
mod replicas;
mod reset;
mod segments;
mod stall;
