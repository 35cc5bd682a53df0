//! What must be true of any input, judged by parsers that share no code with the program.
//!
//! Each check takes bytes and panics if something is violated. The fuzz targets, the fuzzers'
//! seeds and the properties all use them. A byte that does not occur in UTF-8, [`DIVIDER`],
//! separates the parts of an input, which stay readable.

pub mod address;
pub mod head;
pub mod scrub;
pub mod session;
pub mod splitter;
pub mod token;

use std::fs;

use crate::repository;

/// How often each property is tried: tests/run does it with optimisation too, where ten thousand
/// cases take seconds.
pub const CASES: u32 = if cfg!(debug_assertions) { 1_000 } else { 10_000 };

/// Calls `check` with every seed of a fuzz target, and names the one that fails.
pub fn each_seed(target: &str, check: impl Fn(&[u8])) {
    let folder = repository().join("fuzz/seeds").join(target);
    let mut count = 0;
    for entry in fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        check(&fs::read(&path).unwrap());
        count += 1;
    }
    assert!(count >= 10, "{count} seeds in {}", folder.display());
}

/// Stands between the parts of an input.
pub const DIVIDER: u8 = 0xff;

/// The parts of `data`; missing ones are empty.
pub fn parts<const N: usize>(data: &[u8]) -> [&[u8]; N] {
    let mut parts = data.splitn(N, |byte| *byte == DIVIDER);
    [(); N].map(|()| parts.next().unwrap_or_default())
}

/// The same as text; `None` if they are not UTF-8.
pub fn texts<const N: usize>(data: &[u8]) -> Option<[&str; N]> {
    let parts: [&[u8]; N] = parts(data);
    let texts = parts.map(|part| str::from_utf8(part).ok());
    texts.iter().all(Option::is_some).then(|| texts.map(Option::unwrap_or_default))
}

/// A stream, and the pieces in which it arrives: each byte after the last divider is the length
/// of one, and the rest arrives at once.
#[derive(Clone, Copy)]
pub struct Stream<'a> {
    pub bytes: &'a [u8],
    cuts: &'a [u8],
}

impl<'a> Stream<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        match data.iter().rposition(|byte| *byte == DIVIDER) {
            Some(at) => Self { bytes: &data[..at], cuts: &data[at + 1..] },
            None => Self { bytes: data, cuts: &[] },
        }
    }

    /// Other bytes, cut in the same way.
    pub fn with<'b>(self, bytes: &'b [u8]) -> Stream<'b>
    where
        'a: 'b,
    {
        Stream { bytes, cuts: self.cuts }
    }

    pub fn pieces(self) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = self.bytes;
        let cuts = self.cuts.iter().map(|size| usize::from(*size)).chain([usize::MAX]);
        cuts.map(move |size| rest.split_off(..size.min(rest.len())).unwrap_or_default())
    }
}
