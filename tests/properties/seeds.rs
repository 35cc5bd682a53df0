//! The seeds of the fuzzers, and the golden tokens, as ordinary tests.

use std::fs;
use std::path::Path;

use crate::checks::{configuration::Folder, head, session, splitter, token};

const SEEDS: &str = "fuzz/seeds";

/// Calls `check` with every seed of a target; which one fails, it names.
fn each(target: &str, check: impl Fn(&[u8])) {
    let folder = Path::new(SEEDS).join(target);
    let mut count = 0;
    for entry in fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        check(&fs::read(&path).unwrap());
        count += 1;
    }
    assert!(count >= 10, "{count} seeds in {}", folder.display());
}

#[test]
fn of_the_splitter() {
    each("splitter", splitter::check);
    each("session", splitter::check);
}

#[test]
fn of_the_head() {
    each("head", head::check);
}

#[test]
fn of_the_token() {
    each("token", token::check);
    let vectors = fs::read_to_string("tests/data/token-v1.toml").unwrap();
    let tokens = vectors.lines().filter_map(|line| line.strip_prefix("token = \""));
    let tokens: Vec<_> = tokens.filter_map(|text| text.strip_suffix('"')).collect();
    tokens.iter().for_each(|text| token::check(text.as_bytes()));
    assert!(tokens.iter().any(|text| token::open(text).is_ok()), "none of the vectors opens");
}

#[test]
fn of_the_configuration() {
    let folder = Folder::new();
    each("configuration", |data| {
        let _ = folder.check(data);
    });
}

#[test]
fn of_the_session() {
    each("session", session::check);
    each("splitter", session::check);
}
