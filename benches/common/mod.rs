//! What the benchmarks over TCP share: the daemon, and a driver for it.

#![allow(dead_code, reason = "each benchmark uses its share")]

pub mod driver;
pub mod process;
