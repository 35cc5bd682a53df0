//! Sixteen bytes at a time, by instructions that every processor of its architecture has: what is
//! quick this way is so whatever the compiler makes of a loop over single bytes.
//!
//! SSE2 is part of x86-64; Rust asks for `unsafe` to use it, here alone. Elsewhere two words of eight
//! bytes do the same. What is found must not depend on which of them looks, so the tests hold one
//! against the other.

use std::ops::{BitOr, ControlFlow, Not};

#[cfg(target_arch = "x86_64")]
pub(crate) use sse2::{Chunk, Marks};
#[cfg(not(target_arch = "x86_64"))]
pub(crate) use words::{Chunk, Marks};

/// How many bytes a chunk has.
const SIZE: usize = 16;

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

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "the compiler wants it for what not every target has")]
mod sse2 {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_cmplt_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128,
        _mm_set_epi64x, _mm_set1_epi8, _mm_sub_epi8,
    };

    use super::{BitOr, Not, SIZE};

    /// Sixteen bytes.
    #[derive(Clone, Copy)]
    pub(crate) struct Chunk(__m128i);

    /// Which bytes of a chunk something is true of.
    #[derive(Clone, Copy)]
    pub(crate) struct Marks(__m128i);

    /// Uses an instruction of SSE2.
    macro_rules! sse2 {
        ($instruction:ident($($operand:expr),+)) => {
            // SAFETY: this is only compiled for x86-64, of which SSE2 is a part.
            unsafe { $instruction($($operand),+) }
        };
    }

    impl Chunk {
        #[inline(always)]
        pub(crate) fn of(bytes: &[u8; SIZE]) -> Self {
            let [low, high] = super::halves(bytes).map(i64::from_le_bytes);
            Self(sse2!(_mm_set_epi64x(high, low)))
        }

        /// These, and zeros behind them.
        #[inline(always)]
        pub(crate) fn of_eight(bytes: &[u8; 8]) -> Self {
            Self(sse2!(_mm_set_epi64x(0, i64::from_le_bytes(*bytes))))
        }

        /// Marks the bytes that are `byte`.
        #[inline(always)]
        pub(crate) fn equal(self, byte: u8) -> Marks {
            Marks(sse2!(_mm_cmpeq_epi8(self.0, all(byte))))
        }

        /// Marks the bytes that are less than `bound`, which is more than 0.
        #[inline(always)]
        pub(crate) fn below(self, bound: u8) -> Marks {
            let least = sse2!(_mm_min_epu8(self.0, all(bound - 1)));
            Marks(sse2!(_mm_cmpeq_epi8(least, self.0)))
        }

        /// Marks the bytes that are no printable characters of ASCII, but for 0x7f.
        #[inline(always)]
        pub(crate) fn unprintable(self) -> Marks {
            // As numbers with a sign, those beyond ASCII are less, too.
            Marks(sse2!(_mm_cmplt_epi8(self.0, all(b' '))))
        }

        /// All bytes with these bits set.
        #[inline(always)]
        pub(crate) fn with(self, bits: u8) -> Self {
            Self(sse2!(_mm_or_si128(self.0, all(bits))))
        }

        /// All bytes less `by`, modulo 256.
        #[inline(always)]
        pub(crate) fn less(self, by: u8) -> Self {
            Self(sse2!(_mm_sub_epi8(self.0, all(by))))
        }
    }

    impl Marks {
        /// One bit for each byte, the first lowest.
        #[inline(always)]
        pub(crate) fn bits(self) -> u32 {
            sse2!(_mm_movemask_epi8(self.0)).cast_unsigned()
        }
    }

    impl BitOr for Marks {
        type Output = Self;

        #[inline(always)]
        fn bitor(self, other: Self) -> Self {
            Self(sse2!(_mm_or_si128(self.0, other.0)))
        }
    }

    impl Not for Marks {
        type Output = Self;

        #[inline(always)]
        fn not(self) -> Self {
            Self(sse2!(_mm_cmpeq_epi8(self.0, all(0))))
        }
    }

    #[inline(always)]
    fn all(byte: u8) -> __m128i {
        sse2!(_mm_set1_epi8(byte as i8))
    }
}

#[cfg(any(test, not(target_arch = "x86_64")))]
mod words {
    use crate::wide::all;

    use super::{BitOr, Not, SIZE};

    /// Sixteen bytes.
    #[derive(Clone, Copy)]
    pub(crate) struct Chunk([u64; 2]);

    /// Which bytes of a chunk something is true of: their high bits are set, and no others.
    #[derive(Clone, Copy)]
    pub(crate) struct Marks([u64; 2]);

    impl Chunk {
        #[inline(always)]
        pub(crate) fn of(bytes: &[u8; SIZE]) -> Self {
            Self(super::halves(bytes).map(u64::from_le_bytes))
        }

        #[inline(always)]
        pub(crate) fn of_eight(bytes: &[u8; 8]) -> Self {
            Self([u64::from_le_bytes(*bytes), 0])
        }

        #[inline(always)]
        pub(crate) fn equal(self, byte: u8) -> Marks {
            Self(self.0.map(|word| word ^ all(byte))).below(1)
        }

        #[inline(always)]
        pub(crate) fn below(self, bound: u8) -> Marks {
            Marks(self.0.map(|word| match bound {
                ..0x80 => !(at_least(word & !HIGHS, bound) | word) & HIGHS,
                _ => !(at_least(word & !HIGHS, bound - 0x80) & word) & HIGHS,
            }))
        }

        #[inline(always)]
        pub(crate) fn unprintable(self) -> Marks {
            Marks(self.0.map(|word| (!at_least(word & !HIGHS, b' ') | word) & HIGHS))
        }

        #[inline(always)]
        pub(crate) fn with(self, bits: u8) -> Self {
            Self(self.0.map(|word| word | all(bits)))
        }

        #[inline(always)]
        pub(crate) fn less(self, by: u8) -> Self {
            // Adds what is missing to 256: the lower bits by themselves, so that nothing is carried.
            let by = all(by.wrapping_neg());
            Self(self.0.map(|word| ((word & !HIGHS) + (by & !HIGHS)) ^ ((word ^ by) & HIGHS)))
        }
    }

    impl Marks {
        #[inline(always)]
        pub(crate) fn bits(self) -> u32 {
            // Moves the lowest bit of each byte to the highest byte.
            let gather = |marks: u64| (marks >> 7).wrapping_mul(0x0102_0408_1020_4080);
            let [low, high] = self.0.map(|marks| u32::from(gather(marks).to_be_bytes()[0]));
            low | high << 8
        }
    }

    impl BitOr for Marks {
        type Output = Self;

        #[inline(always)]
        fn bitor(self, other: Self) -> Self {
            Self([self.0[0] | other.0[0], self.0[1] | other.0[1]])
        }
    }

    impl Not for Marks {
        type Output = Self;

        #[inline(always)]
        fn not(self) -> Self {
            Self(self.0.map(|marks| marks ^ HIGHS))
        }
    }

    /// Marks the bytes of `ascii` that are `least` or more; none of them is beyond ASCII.
    #[inline(always)]
    fn at_least(ascii: u64, least: u8) -> u64 {
        (ascii + all(0x80 - least)) & HIGHS
    }

    /// The high bit of each byte.
    const HIGHS: u64 = all(0x80);
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::*;

    /// What each question says of these bytes, asked of this kind of chunk.
    macro_rules! answers {
        ($chunk:ty, $bytes:expr, $byte:expr) => {{
            let chunk = <$chunk>::of($bytes);
            let below = chunk.below($byte.max(1));
            [
                chunk.equal($byte).bits(),
                below.bits(),
                chunk.unprintable().bits(),
                chunk.with($byte).equal($byte | 1).bits(),
                chunk.less($byte).below(26).bits(),
                (chunk.equal($byte) | below).bits(),
                (!chunk.equal($byte)).bits(),
                <$chunk>::of_eight($bytes.first_chunk().unwrap()).equal($byte).bits(),
            ]
        }};
    }

    /// The same, byte by byte.
    fn expected(bytes: &[u8; SIZE], byte: u8) -> [u32; 8] {
        let bits = |is: &dyn Fn(u8) -> bool| {
            (0..SIZE).fold(0, |bits, at| bits | u32::from(is(bytes[at])) << at)
        };
        let bound = byte.max(1);
        [
            bits(&|it| it == byte),
            bits(&|it| it < bound),
            bits(&|it| !(b' '..0x80).contains(&it)),
            bits(&|it| it | byte == byte | 1),
            bits(&|it| it.wrapping_sub(byte) < 26),
            bits(&|it| it == byte || it < bound),
            bits(&|it| it != byte),
            (bits(&|it| it == byte) & 0xff) | if byte == 0 { 0xff00 } else { 0 },
        ]
    }

    #[test]
    fn bytes_are_marked_by_what_they_are_whoever_looks() {
        let mut rng = Rng::with_seed(1);
        let rounds = if cfg!(miri) { 2 } else { 100 };
        for byte in 0..=u8::MAX {
            for round in 0..rounds {
                let near = |rng: &mut Rng| byte.wrapping_add(rng.u8(..3)).wrapping_sub(1);
                let bytes = std::array::from_fn(|at| match round {
                    0 => byte.wrapping_add((31 * at) as u8),
                    _ if rng.bool() => near(&mut rng),
                    _ => rng.u8(..),
                });
                let expected = expected(&bytes, byte);
                assert_eq!(answers!(Chunk, &bytes, byte), expected, "{byte} {bytes:?}");
                assert_eq!(answers!(words::Chunk, &bytes, byte), expected, "{byte} {bytes:?}");
            }
        }
    }

    /// Some are more than four chunks; few for an interpreter, which is slow.
    fn lengths() -> impl Iterator<Item = usize> {
        (0..100).step_by(if cfg!(miri) { 33 } else { 1 })
    }

    #[test]
    fn what_is_near_is_found_and_the_rest_left() {
        let find = |bytes: &[u8], at| find_near::<2>(bytes, at, |it| it.equal(b'a'));
        for length in lengths() {
            let mut bytes = vec![b'.'; length];
            for from in 0..=length {
                assert_eq!(find(&bytes, from), Err(length.min(from + 2 * SIZE)), "{from}");
            }
            for place in 0..length {
                bytes[place] = b'a';
                for from in 0..=length {
                    let near = (from..from + 2 * SIZE).contains(&place);
                    let found = if near { Ok(place) } else { Err(length.min(from + 2 * SIZE)) };
                    assert_eq!(find(&bytes, from), found, "{length} {place} {from}");
                }
                bytes[place] = b'.';
            }
        }
    }

    #[test]
    fn what_is_marked_is_visited_in_order() {
        let mut rng = Rng::with_seed(2);
        for length in lengths() {
            let bytes: Vec<u8> = (0..length).map(|_| rng.u8(b'a'..=b'c')).collect();
            let all: Vec<usize> = (0..length).filter(|at| bytes[*at] == b'a').collect();
            for most in 0..=all.len() {
                let mut seen = Vec::new();
                visit(
                    &bytes,
                    |it| it.equal(b'a'),
                    |at| {
                        seen.push(at);
                        if seen.len() <= most {
                            ControlFlow::Continue(())
                        } else {
                            ControlFlow::Break(())
                        }
                    },
                );
                assert_eq!(seen, all[..all.len().min(most + 1)]);
            }
        }
    }

    #[test]
    fn every_byte_counts_whatever_the_length() {
        let good = |byte: u8| byte != b'\xff';
        for length in lengths() {
            let mut bytes = vec![b'\xff'; length];
            assert_eq!(every(&bytes, Chunk::unprintable, good), length == 0);
            // What is not in doubt is not looked at.
            assert!(every(&vec![b'x'; length], Chunk::unprintable, |_| false));
            bytes.fill(b'\n');
            assert!(every(&bytes, Chunk::unprintable, good));
            for at in 0..length {
                bytes[at] = b'\xff';
                assert!(!every(&bytes, Chunk::unprintable, good), "{at} of {length}");
                bytes[at] = b'\n';
            }
        }
    }
}
