#![no_main]

use libfuzzer_sys::fuzz_target;
use test_support::checks;

fuzz_target!(|data: &[u8]| checks::session::check(data));
