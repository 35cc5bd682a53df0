//! Properties of the whole middle and of the configuration, on generated input and on damaged
//! input, and what the fuzzers know: their seeds run here through the same checks.

#[allow(dead_code, reason = "shared with the tests of bad input, which use the rest")]
#[path = "../bad_inputs/fixture.rs"]
mod fixture;
#[allow(dead_code, reason = "shared with the tests of bad input, which use the rest")]
#[path = "../bad_inputs/oracle.rs"]
mod oracle;

mod access;
#[path = "../checks/mod.rs"]
mod checks;
mod configuration;
mod deferral;
mod generators;
mod head;
mod seeds;
mod selection;
mod session;
mod splitter;
mod token;
mod translation;

use proptest::test_runner::Config;

/// How often each property is tried: tests/run does it with optimisation too, where ten thousand
/// cases take seconds.
fn cases() -> Config {
    let cases = if cfg!(debug_assertions) { 1_000 } else { 10_000 };
    Config { failure_persistence: None, ..Config::with_cases(cases) }
}
