#![no_main]

use core_tests::checks;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| checks::address::check(data));
