//! Sixteen bytes at a time, by instructions that every processor of its architecture has: what is
//! quick this way is so whatever the compiler makes of a loop over single bytes.
//!
//! SSE2 is part of x86-64; Rust asks for `unsafe` to use it, here alone. Elsewhere two words of eight
//! bytes do the same. What is found must not depend on which of them looks, so the tests hold one
//! against the other.

use std::ops::{BitOr, ControlFlow, Not};

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "the compiler wants it for what not every target has")]
mod sse2;
#[cfg(any(test, not(target_arch = "x86_64")))]
mod words;

#[cfg(target_arch = "x86_64")]
pub(crate) use sse2::{Chunk, Marks};
#[cfg(not(target_arch = "x86_64"))]
pub(crate) use words::{Chunk, Marks};

/// How many bytes a chunk has.
pub(crate) const SIZE: usize = 16;

/// Offset of the first byte that `marks` marks, among those in the next `CHUNKS` chunks from `at` on;
/// else where to go on, at the end of `bytes` or before it. Further away a search with instructions
/// for more bytes is quicker, although it has to be called.
#[inline(always)]
pub(crate) fn find_near<const CHUNKS: usize>(
    bytes: &[u8],
    mut at: usize,
    marks: impl Fn(Chunk) -> Marks,
) -> Result<usize, usize> {
    if let Some(near) = bytes[at..].get(..CHUNKS * SIZE) {
        for chunk in near.as_chunks().0 {
            let bits = marks(Chunk::of(chunk)).bits();
            if bits != 0 {
                return Ok(at + first(bits));
            }
            at += SIZE;
        }
        return Err(at);
    }
    loop {
        let rest = &bytes[at..];
        let Some(chunk) = rest.first_chunk() else {
            let bits = last_bits(bytes, rest, &marks);
            return if bits == 0 { Err(bytes.len()) } else { Ok(at + first(bits)) };
        };
        let bits = marks(Chunk::of(chunk)).bits();
        if bits != 0 {
            return Ok(at + first(bits));
        }
        at += SIZE;
    }
}

/// With how many small letters of ASCII they begin.
#[inline(always)]
pub(crate) fn small_letters(eight: &[u8; 8]) -> usize {
    // Behind them are zeros.
    first(!Chunk::of_eight(eight).less(b'a').below(26).bits())
}

/// Whether this is true of all `bytes`: it is true where `doubts` marks none, and elsewhere `is` tells.
#[inline]
pub(crate) fn every(
    bytes: &[u8],
    doubts: impl Fn(Chunk) -> Marks,
    is: impl Fn(u8) -> bool,
) -> bool {
    let are = |from: &[u8], mut bits: u64| {
        while bits != 0 {
            if !is(from[bits.trailing_zeros() as usize]) {
                return false;
            }
            bits &= bits - 1;
        }
        true
    };
    let (fours, rest) = bytes.as_chunks::<{ 4 * SIZE }>();
    for four in fours {
        let chunks = four.as_chunks().0;
        let [a, b, c, d] = [0, 1, 2, 3].map(|number| doubts(Chunk::of(&chunks[number])));
        if (a | b | c | d).bits() != 0 {
            let bits = [d, c, b, a].iter().fold(0, |all, it| all << SIZE | u64::from(it.bits()));
            if !are(four, bits) {
                return false;
            }
        }
    }
    let (chunks, rest) = rest.as_chunks();
    chunks.iter().all(|chunk| are(chunk, doubts(Chunk::of(chunk)).bits().into()))
        && (rest.is_empty() || are(rest, last_bits(bytes, rest, &doubts).into()))
}

/// Calls `each` with the offset of each byte that `marks` marks, until it says that this is enough.
#[inline(always)]
pub(crate) fn visit(
    bytes: &[u8],
    marks: impl Fn(Chunk) -> Marks,
    mut each: impl FnMut(usize) -> ControlFlow<()>,
) {
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let mut bits = match rest.first_chunk() {
            Some(chunk) => marks(Chunk::of(chunk)).bits(),
            None => last_bits(bytes, rest, &marks),
        };
        while bits != 0 {
            if each(at + first(bits)).is_break() {
                return;
            }
            bits &= bits - 1;
        }
        at += SIZE;
    }
}

/// The number of the first byte that has a bit.
#[inline(always)]
fn first(bits: u32) -> usize {
    bits.trailing_zeros() as usize
}

/// The bits of `rest`, less than a chunk at the end of `bytes`.
#[inline]
fn last_bits(bytes: &[u8], rest: &[u8], marks: &impl Fn(Chunk) -> Marks) -> u32 {
    match bytes.last_chunk::<SIZE>() {
        // It begins before them.
        Some(last) => marks(Chunk::of(last)).bits() >> (SIZE - rest.len()),
        None => {
            let mut padded = [0; SIZE];
            padded[..rest.len()].copy_from_slice(rest);
            marks(Chunk::of(&padded)).bits() & ((1 << rest.len()) - 1)
        }
    }
}

#[inline(always)]
fn halves(&[a, b, c, d, e, f, g, h, rest @ ..]: &[u8; SIZE]) -> [[u8; 8]; 2] {
    [[a, b, c, d, e, f, g, h], rest]
}

#[inline(always)]
fn whole([low, high]: [[u8; 8]; 2]) -> [u8; SIZE] {
    let mut bytes = [0; SIZE];
    bytes[..8].copy_from_slice(&low);
    bytes[8..].copy_from_slice(&high);
    bytes
}

#[cfg(test)]
mod tests;
