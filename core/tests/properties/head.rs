//! A start tag is written again with other addresses, and everything else as it was.

use core_tests::checks::DIVIDER;
use core_tests::checks::head::check;
use proptest::prelude::*;

use crate::generators::{damage, request, stanza};

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn only_addresses_change(
        mut xml in prop_oneof![stanza(), request().prop_map(|r| r.xml)].prop_map(String::into_bytes),
        damages in prop::collection::vec(damage(), 0..2),
        [to, from] in ["[ -~é😀\t\n\r]{0,20}", "[ -~é😀\t\n\r]{0,20}"],
        id in "[ -~é😀\t\n\r]{0,20}",
    ) {
        damages.iter().for_each(|damage| damage.apply(&mut xml));
        check(&[&xml, to.as_bytes(), from.as_bytes(), id.as_bytes()].join(&DIVIDER));
    }
}
