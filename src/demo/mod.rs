//! The guided tour of `jat-proxy demo`, on a server inside the process.

mod failure;
pub mod replica;
mod screen;
mod stage;
pub mod tour;

pub use failure::Failure;

/// How long what must come is waited for: where nothing else runs it takes milliseconds.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);
