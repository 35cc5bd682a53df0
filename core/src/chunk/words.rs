//! Chunks in two words of eight bytes, for processors without SSE2, and for the tests.

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
    pub(crate) fn bytes(self) -> [u8; SIZE] {
        super::whole(self.0.map(u64::to_le_bytes))
    }

    #[inline(always)]
    pub(crate) fn spread(forties: [u64; 2]) -> Self {
        Self(forties.map(|forty| {
            let twenties = (forty >> 20) | (forty & 0xf_ffff) << 32;
            let lower = twice(0x3ff);
            let tens = (twenties >> 10) & lower | (twenties & lower) << 16;
            let lower = four_times(0x1f);
            (tens >> 5) & lower | (tens & lower) << 8
        }))
    }

    #[inline(always)]
    pub(crate) fn gathered(self) -> [u64; 2] {
        self.0.map(|fives| {
            let higher = four_times(0x1f);
            let tens = (fives & higher) << 5 | (fives >> 8) & higher;
            let higher = twice(0x3ff);
            let twenties = (tens & higher) << 10 | (tens >> 16) & higher;
            (twenties & 0xf_ffff) << 20 | twenties >> 32
        })
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
        // Adds what is missing to 256.
        self.plus(Self([all(by.wrapping_neg()); 2]))
    }

    #[inline(always)]
    pub(crate) fn plus(self, other: Self) -> Self {
        // The lower bits by themselves, so that nothing is carried to the next byte.
        let sum = |a: u64, b: u64| ((a & !HIGHS) + (b & !HIGHS)) ^ ((a ^ b) & HIGHS);
        let ([low, high], [other_low, other_high]) = (self.0, other.0);
        Self([sum(low, other_low), sum(high, other_high)])
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

    #[inline(always)]
    pub(crate) fn times(self, byte: u8) -> Chunk {
        Chunk(self.0.map(|marks| (marks >> 7) * u64::from(byte)))
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

/// Eight times this byte.
const fn all(byte: u8) -> u64 {
    byte as u64 * 0x0101_0101_0101_0101
}

/// A part of 32 bits, twice in a word.
const fn twice(part: u64) -> u64 {
    part * 0x1_0000_0001
}

/// A part of 16 bits, four times in a word.
const fn four_times(part: u64) -> u64 {
    part * 0x0001_0001_0001_0001
}

/// The high bit of each byte.
const HIGHS: u64 = all(0x80);
