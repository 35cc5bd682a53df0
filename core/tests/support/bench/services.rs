//! Many services at one domain.

use jat_core::jat::arrangement::Arrangement;

use super::stanzas::DOMAIN;
use crate::faces::face;
use crate::session::settings;

/// So many faces that are names, and so many that are patterns, each with a target of its own.
/// `target`: the address of the one with this number.
pub fn many(names: usize, patterns: usize, target: fn(usize) -> String) -> Arrangement {
    let names = (0..names).map(|number| format!("face{number}"));
    let all = names.chain((0..patterns).map(|number| format!("pattern{number:02}-*")));
    let service =
        |(text, number): (String, usize)| (face(&text), settings(DOMAIN, &target(number)));
    Arrangement { own: None, faces: all.zip(0..).map(service).collect() }
}

/// A fixed destination, which has no presence to wait for.
pub fn fixed(number: usize) -> String {
    format!("service{number}@some-domain.example/a")
}

/// An account, whose presence is subscribed to.
pub fn account(number: usize) -> String {
    format!("service{number}@some-domain.example")
}
