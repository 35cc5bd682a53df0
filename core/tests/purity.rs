//! The core uses no files, sockets, clocks and the like, and its layers use none above them. For its
//! dependencies Cargo.toml and deny.toml ensure that.

use std::fs;
use std::path::Path;

use core_tests::repository;

/// What the standard library has of files, sockets, the environment, threads, processes and clocks.
const WORLD: [&str; 9] = [
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
    "Instant",
    "SystemTime",
];

#[test]
fn the_core_names_nothing_of_the_world() {
    let named = naming("", &WORLD);
    assert!(named.is_empty(), "{named:#?}");
    // In braces they would not be found.
    let hidden = naming("", &["use std::{", "extern crate"]);
    assert!(hidden.is_empty(), "{hidden:#?}");
    assert!(!naming("", &["std::time::Duration"]).is_empty(), "nothing is found at all");
}

#[test]
fn no_layer_names_one_above_it() {
    for (layer, above) in
        [("stanza", &["crate::jat", "crate::session"][..]), ("jat", &["crate::session"])]
    {
        let named = naming(layer, above);
        assert!(named.is_empty(), "{named:#?}");
    }
    assert!(!naming("jat", &["crate::stanza"]).is_empty(), "nothing is found at all");
}

/// The lines below this folder of the core that have one of these words in them.
fn naming(folder: &str, words: &[&str]) -> Vec<String> {
    let mut named = Vec::new();
    read(&repository().join("core/src").join(folder), &mut |path, line| {
        if words.iter().any(|word| line.contains(word)) {
            named.push(format!("{}: {line}", path.display()));
        }
    });
    named
}

fn read(folder: &Path, each: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => read(&path, each),
            false => fs::read_to_string(&path).unwrap().lines().for_each(|line| each(&path, line)),
        }
    }
}
