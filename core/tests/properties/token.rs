//! Tokens: what is sealed opens, and nothing else does.

use core_tests::checks::token::{check, open, seal};
use core_tests::checks::{DIVIDER, token::BINDING};
use jat_core::jat::token::{Claims, inspect};
use proptest::prelude::*;

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn what_was_sealed_opens(user in ".{0,200}", resource in ".{0,20}", id in ".{0,20}") {
        check([user, resource, id].map(String::into_bytes).join(&DIVIDER).as_slice());
    }

    #[test]
    fn every_bit_flip_and_truncation_is_refused(
        user in "[a-z]{1,9}@[a-zé]{1,9}",
        resource in "[ -~😀]{0,9}",
        id in "[ -~]{0,9}",
        at in any::<prop::sample::Index>(),
    ) {
        let token = seal(&Claims::new(&user, &resource, &id).unwrap());
        let at = at.index(token.len());
        prop_assert!(open(&token[..at]).is_err());
        for bit in 0..5 {
            let flipped = flip(&token, at, bit);
            prop_assert!(open(&flipped).is_err(), "{}", flipped);
        }
        prop_assert!(open(&token).is_ok(), "{:?}", BINDING);
    }

    #[test]
    fn any_text_ends_in_a_verdict(text in "[a-z2-7]{0,1100}|.{0,99}") {
        prop_assert!(open(&text).is_err());
        check(text.as_bytes());
    }

    #[test]
    fn any_bytes_with_a_right_tag_end_in_a_verdict(
        start in prop::sample::select(vec![&b"\x01\x01\x01\0\x6b\x49\xd2\x3c"[..],
            b"\x01\x01\x01\xff\0\0\0\0\0\x01a\0\0", b"\x01\x02\x01\xff\0\0\0\0\0\0\0\0", b"\x01"]),
        rest in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        check(&[start, &rest].concat());
    }
}

#[test]
fn every_bit_and_every_length_of_a_token_counts() {
    let token = seal(&Claims::new("user@some.example/abc", "r", "7").unwrap());
    for at in 0..token.len() {
        assert!(open(&token[..at]).is_err() && open(&token[at + 1..]).is_err());
        assert!((0..5).all(|bit| open(&flip(&token, at, bit)).is_err()), "{at}");
    }
    assert!(open(&token).is_ok() && inspect(&token).is_ok());
}

/// The token with one bit of one of its characters flipped.
fn flip(token: &str, at: usize, bit: u32) -> String {
    let symbols = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut bytes = token.as_bytes().to_vec();
    let value = symbols.iter().position(|symbol| *symbol == bytes[at]).unwrap();
    bytes[at] = symbols[value ^ (1 << bit)];
    String::from_utf8(bytes).unwrap()
}
