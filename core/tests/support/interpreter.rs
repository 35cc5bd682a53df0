//! Runs Python and JavaScript for tests that are ignored where these may be missing.

use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};

/// Debian's interpreter, which has the packages that tests/run installs; another one may come first
/// in PATH.
pub const PYTHON: &str = "/usr/bin/python3";

/// Runs `program` with `input` and gives what it printed.
///
/// # Panics
/// When the program is missing or fails: a test that is run is never skipped.
pub fn run(program: &str, arguments: &[&str], input: &str) -> String {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| match error.kind() {
        ErrorKind::NotFound => panic!("{program} is not installed; tests/run installs it"),
        _ => panic!("{program}: {error}"),
    });
    let mut stdin = child.stdin.take().expect("piped");
    // A program that fails early closes its end; its exit code says so below.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("the child is waited for once");
    assert!(output.status.success(), "{program} {arguments:?}: {}", output.status);
    String::from_utf8(output.stdout).expect("the output is UTF-8")
}
