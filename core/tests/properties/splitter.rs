//! What the strict parser accepts, the splitter accepts with the same boundaries and attributes.

use core_tests::checks::splitter::check;
use proptest::prelude::*;

use crate::generators::{Bytes, cut, damaged_stream, fragments};

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn pieces_are_those_of_a_strict_parser_however_they_are_cut(
        Bytes(stream) in cut(damaged_stream()),
    ) {
        check(&stream);
    }

    #[test]
    fn any_fragments_are_cut_out_alike(Bytes(stream) in cut(fragments())) {
        check(&stream);
    }
}
