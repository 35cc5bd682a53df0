//! The seeds of the fuzzers, and the golden tokens, as ordinary tests.

use std::fs;

use core_tests::checks::{address, each_seed, head, scrub, session, splitter, token};
use core_tests::{address_vectors, repository, vectors};

#[test]
fn of_the_splitter() {
    each_seed("splitter", splitter::check);
    each_seed("session", splitter::check);
}

#[test]
fn of_the_head() {
    each_seed("head", head::check);
}

#[test]
fn of_the_scrub() {
    each_seed("scrub", scrub::check);
    each_seed("splitter", scrub::check);
}

#[test]
fn of_the_token() {
    each_seed("token", token::check);
    let vectors = fs::read_to_string(repository().join(vectors::FILE)).unwrap();
    let tokens = vectors.lines().filter_map(|line| line.strip_prefix("token = \""));
    let tokens: Vec<_> = tokens.filter_map(|text| text.strip_suffix('"')).collect();
    tokens.iter().for_each(|text| token::check(text.as_bytes()));
    assert!(tokens.iter().any(|text| token::open(text).is_ok()), "none of the vectors opens");
}

#[test]
fn of_the_address() {
    each_seed("address", address::check);
    let vectors = fs::read_to_string(repository().join(address_vectors::FILE)).unwrap();
    let vectors: toml::Table = toml::from_str(&vectors).unwrap();
    let tables = vectors.values().filter_map(|it| it.as_array()).flatten();
    let texts = tables.filter_map(|it| it.as_table()).flat_map(|it| it.values());
    let texts: Vec<_> = texts.filter_map(|it| it.as_str()).collect();
    assert!(texts.len() > 300, "{}", texts.len());
    texts.iter().for_each(|text| address::check(text.as_bytes()));
}

#[test]
fn of_the_session() {
    each_seed("session", session::check);
    each_seed("splitter", session::check);
}
