#![no_main]

use jat_proxy_fuzz::checks;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| checks::splitter::check(data));
