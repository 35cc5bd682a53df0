//! What the benchmarks over TCP share: the daemon, and a driver for it.

pub mod driver;
pub mod process;
