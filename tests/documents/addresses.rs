//! The examples and formulas of docs/addresses.md, compared with the program.

use core_tests::address_vectors::{DOMAIN, Maker, TARGET, bare_face, keys};
use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use jat_proxy::jat::address::Address;
use jat_proxy::jat::alias::{self, Holder};
use sha2::Sha256;

use crate::claims;

#[test]
fn the_examples_are_those_of_the_program() {
    for (begins, signed) in [(CLEAR, false), (SIGNED, true)] {
        for [user, face, node] in examples(begins) {
            let (maker, mut written) = (Maker::new(signed), String::new());
            maker.mirrors().write(&Address::new(&user), &face, &mut written).unwrap();
            assert_eq!(written, format!("{node}@{DOMAIN}"));
        }
    }
    for [resource, face, text] in examples(ALIASES) {
        let (face, mut written) = (bare_face(&face), String::new());
        let holder = Holder { face: &face, target: TARGET };
        alias::write(keys(&[1]).first(), &holder, &resource, &mut written).unwrap();
        assert_eq!(written, text);
    }
}

#[test]
fn the_mirror_in_the_readme_is_that_of_the_user_beside_it() {
    let text = claims::text("README.md", "user@some-domain.example/abc  <->");
    let (user, mirror) = text.trim().split_once("  <->  ").unwrap();
    let (maker, mut written) = (Maker::new(false), String::new());
    maker.mirrors().write(&Address::new(user), "helper", &mut written).unwrap();
    assert_eq!(written, mirror);
}

#[test]
fn the_formulas_give_the_examples() {
    let is_shown = |begins, formula| assert_eq!(claims::text(PAGE, begins).trim_end(), formula);
    is_shown("HMAC-SHA256(K3, PAE", "HMAC-SHA256(K3, PAE(\"jat-proxy/v1\", D, T, user, face))");
    is_shown("K3 = ", "K3 = HMAC-SHA256(secret, \"jat-proxy/v1 mirror mac\")");
    let k3 = hmac(SECRET, &[b"jat-proxy/v1 mirror mac"]);
    for [user, face, node] in examples(SIGNED).into_iter().take(2) {
        let pieces = [DOMAIN, TARGET, &user, &face].map(str::as_bytes);
        let mac = &hmac(&k3, &[&pae(&pieces)])[..10];
        assert!(node.ends_with(&base32(mac)), "{node}");
    }

    is_shown(
        "HMAC-SHA256(K1, PAE",
        "HMAC-SHA256(K1, PAE(\"jat-proxy/v1\", header, face, T, resource))",
    );
    is_shown("block i = ", "block i = HMAC-SHA256(K2, tag, i as four bytes, little endian)");
    is_shown(
        "K1 = ",
        "K1 = HMAC-SHA256(secret, \"jat-proxy/v1 alias mac\")\n\
         K2 = HMAC-SHA256(secret, \"jat-proxy/v1 alias enc\")",
    );
    let k1 = hmac(SECRET, &[b"jat-proxy/v1 alias mac"]);
    let k2 = hmac(SECRET, &[b"jat-proxy/v1 alias enc"]);
    for [resource, face, text] in examples(ALIASES) {
        let (header, face) = (&[1, 2, 1], bare_face(&face));
        let pieces = [header, face.as_bytes(), TARGET.as_bytes(), resource.as_bytes()];
        let tag = &hmac(&k1, &[&pae(&pieces)])[..16];
        let block = hmac(&k2, &[tag, &0_u32.to_le_bytes()]);
        let sealed: Vec<u8> = resource.bytes().zip(block).map(|(a, b)| a ^ b).collect();
        assert_eq!(base32(&[&header[..], &sealed, tag].concat()), text);
    }
}

/// The lines of the block that begins with this text; `-` is the component's domain itself.
fn examples(begins: &str) -> Vec<[String; 3]> {
    let line = |line: &str| {
        let mut cells = line.split_whitespace();
        let cells = [(); 3].map(|()| cells.next().expect("three columns"));
        cells.map(|cell| if cell == "-" { String::new() } else { cell.to_owned() })
    };
    let examples: Vec<_> = claims::text(PAGE, begins).lines().map(line).collect();
    assert!(examples.len() >= 3, "{examples:?}");
    examples
}

fn hmac(key: &[u8], pieces: &[&[u8]]) -> [u8; 32] {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
    pieces.iter().fold(mac, |mac, piece| mac.chain_update(piece)).finalize().into_bytes().into()
}

fn pae(pieces: &[&[u8]]) -> Vec<u8> {
    let pieces = [&[&b"jat-proxy/v1"[..]], pieces].concat();
    let mut out = (pieces.len() as u64).to_le_bytes().to_vec();
    for piece in pieces {
        out.extend((piece.len() as u64).to_le_bytes());
        out.extend(piece);
    }
    out
}

fn base32(bytes: &[u8]) -> String {
    BASE32_NOPAD.encode(bytes).to_lowercase()
}

const PAGE: &str = "docs/addresses.md";
const CLEAR: &str = "user@some-domain.example  -       user\\40some-domain.example\n";
const SIGNED: &str = "user@some-domain.example  -       user\\40some-domain.example\\2f";
const ALIASES: &str = "a               -";
const SECRET: &[u8] = b"jat-proxy demo key, never use it";
