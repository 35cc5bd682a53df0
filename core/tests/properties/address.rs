//! Mirrors and aliases: each names one user, one face and one resource, and nothing else opens.

use core_tests::address_vectors::{DOMAIN, TARGET, keys};
use core_tests::checks::DIVIDER;
use core_tests::checks::address::{check, node_of, normal, open, read};
use jat_core::jat::alias::{self, Holder};
use jat_core::jat::mirror::Form;
use proptest::prelude::*;

/// A part of an address made of escapes and characters that normal forms change.
const PART: &str = r#"[a-cA ]{0,3}|[\\2450cCfFaAé/@]{0,9}|(\\40|\\5c|\\2f|\\5C|@|/|a|\\){0,5}|[אבa1\u{307}😀ẞ.:\[\]\n＠]{0,5}|.{0,20}"#;

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn what_is_written_reads_as_what_it_was_made_of(
        user in PART,
        domain in "[a-z.]{1,9}|some[.]example|a.some.example|BÜCHER.example|[A-Z]{1,4}[.]",
        odd in PART,
        face in PART,
        resource in ".{0,20}",
    ) {
        for user in [format!("{user}@{domain}/r"), format!("{user}@{odd}"), domain, odd] {
            check(&[user.as_bytes(), face.as_bytes(), resource.as_bytes()].join(&DIVIDER));
        }
    }

    #[test]
    fn no_two_users_and_no_two_faces_have_one_mirror(
        users in prop::array::uniform2(r"[a\\2450cfAé]{1,9}@[ab]"),
        faces in prop::array::uniform2(r"[a\\2450cfAé]{0,9}"),
        signed: bool,
    ) {
        let nodes: Vec<_> =
            (0..2).map(|i| node_of(&users[i], &faces[i], signed).unwrap()).collect();
        let normal: Vec<_> = (0..2).map(|i| normal(&users[i], &faces[i])).collect();
        prop_assume!(normal.iter().all(Option::is_some));
        prop_assert_eq!(nodes[0] == nodes[1], normal[0] == normal[1], "{:?}", nodes);
    }

    #[test]
    fn any_text_ends_in_a_verdict(
        text in r"(\\40|\\2f|\\5c|\\40\\40|[a-z2-7]{1,9}|.){0,9}|\\40\\40[a-z2-7]{0,99}|[a-z2-7]{32,99}",
    ) {
        check(text.as_bytes());
    }

    #[test]
    fn every_bit_of_a_mac_counts(
        user in "[a-z\\\\@😀]{1,9}",
        face in "[a-zé]{0,9}",
        at in 0..16_usize,
        bit in 0..5_u32,
    ) {
        let user = user.replace('@', "-");
        let node = node_of(&format!("{user}@some.example"), &face, true).unwrap();
        let (bare, _, form) = read(&node).unwrap();
        prop_assert_eq!(form, Form::Signed { kid: 1 });
        if !node.starts_with(r"\40\40") {
            let flipped = flip(&node, node.len() - 16 + at, bit);
            prop_assert_eq!(read(&flipped), Some((bare, face, Form::Forged)));
        }
    }

    #[test]
    fn every_bit_of_an_alias_counts(
        resource in "[ -~😀]{1,40}",
        at in any::<prop::sample::Index>(),
        bit in 0..5_u32,
    ) {
        let holder = Holder { face: DOMAIN, target: TARGET };
        let mut text = String::new();
        alias::write(keys(&[1]).first(), &holder, &resource, &mut text).unwrap();
        prop_assert_eq!(open(&holder, &text), Some((1, resource)));
        let at = at.index(text.len());
        prop_assert_eq!(open(&holder, &flip(&text, at, bit)), None);
        prop_assert_eq!(open(&holder, &text[..at]), None);
    }

    #[test]
    fn aliases_of_two_holders_or_keys_do_not_open_for_each_other(
        faces in prop::array::uniform2("[a-c]{0,2}"),
        targets in prop::array::uniform2("[a-c]{1,2}"),
        ids in prop::array::uniform2(1..=3_u8),
        resource in "[a-z]{1,3}",
    ) {
        let holders = [0, 1].map(|i| Holder { face: &faces[i], target: &targets[i] });
        let mut text = String::new();
        alias::write(keys(&[ids[0]]).first(), &holders[0], &resource, &mut text).unwrap();
        let mut opened = String::new();
        let kid = alias::open(&keys(&[ids[1]]), &holders[1], &text, &mut opened);
        prop_assert_eq!(kid.is_some(), holders[0] == holders[1] && ids[0] == ids[1]);
    }
}

/// The text with one bit of one of its base32 characters flipped.
fn flip(text: &str, at: usize, bit: u32) -> String {
    let symbols = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut bytes = text.as_bytes().to_vec();
    let value = symbols.iter().position(|symbol| *symbol == bytes[at]).unwrap();
    bytes[at] = symbols[value ^ (1 << bit)];
    String::from_utf8(bytes).unwrap()
}
