//! Chunks in registers of SSE2. All `unsafe` of the crate is here.

use std::arch::x86_64::{
    __m128i, _mm_add_epi8, _mm_and_si128, _mm_cmpeq_epi8, _mm_cmplt_epi8, _mm_cvtsi128_si64,
    _mm_madd_epi16, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8,
    _mm_set1_epi16, _mm_set1_epi32, _mm_set1_epi64x, _mm_slli_epi16, _mm_slli_epi32,
    _mm_slli_epi64, _mm_srli_epi16, _mm_srli_epi32, _mm_srli_epi64, _mm_sub_epi8,
    _mm_unpackhi_epi64,
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

    #[inline(always)]
    pub(crate) fn bytes(self) -> [u8; SIZE] {
        super::whole(self.words().map(u64::to_le_bytes))
    }

    /// Two numbers of 40 bits, each spread over eight bytes with five bits in each, the highest first.
    #[inline(always)]
    pub(crate) fn spread([first, second]: [u64; 2]) -> Self {
        let forties = sse2!(_mm_set_epi64x(second.cast_signed(), first.cast_signed()));
        let lower = sse2!(_mm_and_si128(forties, _mm_set1_epi64x(0xf_ffff)));
        let twenties =
            sse2!(_mm_or_si128(_mm_srli_epi64::<20>(forties), _mm_slli_epi64::<32>(lower)));
        let lower = sse2!(_mm_and_si128(twenties, _mm_set1_epi32(0x3ff)));
        let tens = sse2!(_mm_or_si128(_mm_srli_epi32::<10>(twenties), _mm_slli_epi32::<16>(lower)));
        let lower = sse2!(_mm_and_si128(tens, _mm_set1_epi16(0x1f)));
        Self(sse2!(_mm_or_si128(_mm_srli_epi16::<5>(tens), _mm_slli_epi16::<8>(lower))))
    }

    /// The numbers that are spread over these bytes, which are all less than 32.
    #[inline(always)]
    pub(crate) fn gathered(self) -> [u64; 2] {
        let higher = sse2!(_mm_and_si128(self.0, _mm_set1_epi16(0x1f)));
        let tens = sse2!(_mm_or_si128(_mm_slli_epi16::<5>(higher), _mm_srli_epi16::<8>(self.0)));
        // The first of two is the higher one.
        let twenties = sse2!(_mm_madd_epi16(tens, _mm_set1_epi32(1 << 16 | 1 << 10)));
        let higher = sse2!(_mm_and_si128(twenties, _mm_set1_epi64x(0xf_ffff)));
        Self(sse2!(_mm_or_si128(_mm_slli_epi64::<20>(higher), _mm_srli_epi64::<32>(twenties))))
            .words()
    }

    #[inline(always)]
    fn words(self) -> [u64; 2] {
        let low = sse2!(_mm_cvtsi128_si64(self.0));
        let high = sse2!(_mm_cvtsi128_si64(_mm_unpackhi_epi64(self.0, self.0)));
        [low, high].map(i64::cast_unsigned)
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

    /// Each byte plus that of the other, modulo 256.
    #[inline(always)]
    pub(crate) fn plus(self, other: Self) -> Self {
        Self(sse2!(_mm_add_epi8(self.0, other.0)))
    }
}

impl Marks {
    /// One bit for each byte, the first lowest.
    #[inline(always)]
    pub(crate) fn bits(self) -> u32 {
        sse2!(_mm_movemask_epi8(self.0)).cast_unsigned()
    }

    /// `byte` where something is marked, and 0 elsewhere.
    #[inline(always)]
    pub(crate) fn times(self, byte: u8) -> Chunk {
        Chunk(sse2!(_mm_and_si128(self.0, all(byte))))
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
