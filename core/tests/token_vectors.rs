//! The golden vectors of tests/data/token-v1.toml, against the codec and against the script that
//! wrote them.

use std::collections::BTreeSet;
use std::fs;

use core_tests::vectors::{self, Vectors};
use core_tests::{interpreter, repository};
use jat_core::jat::token::{self, TokenError};

#[test]
fn valid_tokens_open_to_their_claims_and_are_sealed_alike() {
    let Vectors { valid, .. } = Vectors::load();
    for vector in &valid {
        let name = &vector.name;
        let claims = vector.claims();
        let expires = vector.expires.expect("a valid vector has an expiry");
        let opened = token::open(&vector.ring(), &vector.token, &vector.binding(), vector.now)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(opened.claims(), claims, "{name}");
        assert_eq!((opened.kid(), opened.expires()), (vector.kid, expires), "{name}");
        let sealed = token::seal(&vector.key(), &claims, expires, &vector.binding());
        assert_eq!(sealed, vector.token, "{name}");
        let inspected = token::inspect(&vector.token).expect(name);
        assert_eq!(inspected.claims(), claims, "{name}");
    }
}

#[test]
fn invalid_tokens_are_refused_with_the_stated_error() {
    let Vectors { invalid, .. } = Vectors::load();
    for vector in &invalid {
        let error = token::open(&vector.ring(), &vector.token, &vector.binding(), vector.now)
            .expect_err(&vector.name);
        assert_eq!(Some(name(error)), vector.error.as_deref(), "{}", vector.name);
    }
}

#[test]
fn every_way_to_fail_has_a_vector() {
    let Vectors { invalid, .. } = Vectors::load();
    let seen: BTreeSet<_> = invalid.iter().filter_map(|v| v.error.as_deref()).collect();
    let all = [
        TokenError::Length,
        TokenError::Encoding,
        TokenError::Version,
        TokenError::UnknownKey,
        TokenError::Signature,
        TokenError::Malformed,
        TokenError::Kind,
        TokenError::Expired,
    ];
    assert_eq!(seen, all.map(name).into());
}

#[test]
#[ignore = "needs python3"]
fn the_script_writes_exactly_the_vectors() {
    let script = repository().join("tests/data/make_token_vectors.py");
    let written = interpreter::run(interpreter::PYTHON, &[script.to_str().unwrap()], "");
    let stored = fs::read_to_string(repository().join(vectors::FILE)).expect(vectors::FILE);
    assert!(written == stored, "run the script again, or revert {}", vectors::FILE);
}

/// An error as the vectors call it; a new variant needs a name here, a place in the list above,
/// and a vector.
fn name(error: TokenError) -> &'static str {
    match error {
        TokenError::Length => "length",
        TokenError::Encoding => "encoding",
        TokenError::Version => "version",
        TokenError::UnknownKey => "unknown-key",
        TokenError::Signature => "signature",
        TokenError::Malformed => "malformed",
        TokenError::Kind => "kind",
        TokenError::Expired => "expired",
    }
}
