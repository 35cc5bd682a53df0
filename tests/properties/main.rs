//! Properties of the configuration, on damaged input and on the seeds of its fuzzer; those of the
//! core are in core/tests/properties.

mod check;
mod configuration;
mod seeds;

use core_tests::checks::CASES;
use proptest::test_runner::Config;

fn cases() -> Config {
    Config { failure_persistence: None, ..Config::with_cases(CASES) }
}
