//! Chunks in two words of eight bytes, for processors without SSE2, and for the tests.

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
