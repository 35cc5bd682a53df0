//! The target's resources.

use std::fmt::Write;

/// One client of the target's account.
#[derive(Clone, Copy, Debug)]
pub struct Bot {
    pub online: bool,
    pub node: usize,
    /// Whether it answers each request with an error that servers send for one that is gone.
    pub errs: bool,
}

/// Presence of the resource of this number, to a domain.
pub fn available(number: usize, to: &str) -> String {
    let mut text = String::new();
    write_available(number, to, &mut text);
    text
}

/// The same, appended to `output`.
pub fn write_available(number: usize, to: &str, output: &mut String) {
    let written = write!(
        output,
        "<presence from='{TARGET}/worker-{number}' to='{to}'><priority>1</priority></presence>"
    );
    written.expect("there is memory");
}

pub fn unavailable(number: usize, to: &str) -> String {
    format!("<presence type='unavailable' from='{TARGET}/worker-{number}' to='{to}'/>")
}

/// The number of the resource with this address.
pub fn number(address: &str) -> usize {
    let (_, number) = address.rsplit_once('-').expect("one of ours");
    number.parse().expect("one of ours")
}

/// The account.
pub const TARGET: &str = "bot@some-domain.example";
