//! What the tests and benchmarks of the program share.

#![allow(clippy::new_without_default, reason = "what a test starts is no default")]

pub mod bench;
pub mod browser;
pub mod cases;
pub mod crowd;
pub mod daemon;
pub mod executable;
pub mod folder;
pub mod http;
pub mod image;
pub mod interop;
pub mod launch;
pub mod pages;
pub mod port;
pub mod process;
pub mod stage;
pub mod tally;
pub mod tls;
pub mod wait;
pub mod watched;

use std::env;
use std::path::PathBuf;

pub use core_tests::repository;

/// The program under test: cargo builds it before it runs a test, in the folder above that of the
/// test's own program.
pub fn program() -> PathBuf {
    target().join("jat-proxy")
}

/// A folder for temporary files of tests, like cargo's.
pub fn scratch() -> PathBuf {
    let folder = target().with_file_name("tmp");
    std::fs::create_dir_all(&folder).expect("cargo's target folder can be written");
    folder
}

/// The folder of the programs of this build.
fn target() -> PathBuf {
    let test = env::current_exe().expect("a test knows its own program");
    test.ancestors().nth(2).expect("it is in deps/").to_owned()
}
