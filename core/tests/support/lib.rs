//! What the tests of the core share with each other, with the fuzzers, and with tests of the
//! program.

#![allow(clippy::new_without_default, reason = "what a test starts is no default")]

pub mod address_vectors;
pub mod bench;
pub mod checks;
pub mod faces;
pub mod interpreter;
pub mod oracle;
pub mod said;
pub mod session;
pub mod twin;
pub mod two_way;
pub mod vectors;
pub mod xml;

use std::path::Path;

/// The root of the repository, where the paths in documents begin.
pub fn repository() -> &'static Path {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().and_then(Path::parent);
    root.expect("this crate is two folders down")
}
