//! Properties of the whole core, on generated and damaged input. The seeds of the fuzzers run here
//! through the same checks.

mod access;
mod address;
mod bytes;
mod deferral;
mod faces;
mod generators;
mod limit;
mod people;
mod seeds;
mod selection;
mod telling;
mod token;
mod translation;
mod two_way;

use core_tests::checks::CASES;
use proptest::test_runner::Config;

fn cases() -> Config {
    Config { failure_persistence: None, ..Config::with_cases(CASES) }
}
