//! Generated and damaged bytes, through the checks that the fuzzers run too.

use core_tests::checks::{DIVIDER, head, scrub, session, splitter};
use proptest::prelude::*;

use crate::generators::{Bytes, cut, damage, damaged_stream, fragments, request, stanza};
use crate::telling;

proptest! {
    #![proptest_config(crate::cases())]

    /// A start tag is written again with other addresses, and everything else as it was.
    #[test]
    fn only_addresses_change(
        mut xml in prop_oneof![stanza(), request().prop_map(|r| r.xml)].prop_map(String::into_bytes),
        damages in prop::collection::vec(damage(), 0..2),
        [to, from] in ["[ -~é😀\t\n\r]{0,20}", "[ -~é😀\t\n\r]{0,20}"],
        id in "[ -~é😀\t\n\r]{0,20}",
    ) {
        damages.iter().for_each(|damage| damage.apply(&mut xml));
        head::check(&[&xml, to.as_bytes(), from.as_bytes(), id.as_bytes()].join(&DIVIDER));
    }

    /// The account is removed from what its server writes, and everything else stays.
    #[test]
    fn only_the_account_is_taken_out(
        mut xml in prop_oneof![telling::stanza(), stanza()].prop_map(String::into_bytes),
        damages in prop::collection::vec(damage(), 0..2),
        account in telling::account(),
    ) {
        damages.iter().for_each(|damage| damage.apply(&mut xml));
        scrub::check(&[&xml, account.as_bytes()].join(&DIVIDER));
    }

    /// What the strict parser accepts, the splitter accepts with the same boundaries and attributes.
    #[test]
    fn pieces_are_those_of_a_strict_parser_however_they_are_cut(
        Bytes(stream) in cut(damaged_stream()),
    ) {
        splitter::check(&stream);
    }

    #[test]
    fn any_fragments_are_cut_out_alike(Bytes(stream) in cut(fragments())) {
        splitter::check(&stream);
    }

    /// A whole session: no panic, bounded memory, the same output however the input is cut, and
    /// no malformed output from well-formed input.
    #[test]
    fn any_stream_is_survived_however_it_is_cut(Bytes(stream) in cut(damaged_stream())) {
        session::check(&stream);
    }

    #[test]
    fn any_bytes_are_survived(stream in prop::collection::vec(any::<u8>(), 0..400)) {
        session::check(&stream);
    }
}
