//! Chunks in registers of SSE2. All `unsafe` of the crate is here.

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
