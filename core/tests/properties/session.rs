//! A whole session on damaged streams: no panic, bounded memory, the same output however the
//! input is cut, and nothing ill formed out of what was well formed.

use core_tests::checks::session::check;
use proptest::prelude::*;

use crate::generators::{Bytes, cut, damaged_stream};

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn any_stream_is_survived_however_it_is_cut(Bytes(stream) in cut(damaged_stream())) {
        check(&stream);
    }

    #[test]
    fn any_bytes_are_survived(stream in prop::collection::vec(any::<u8>(), 0..400)) {
        check(&stream);
    }
}
