//! Eight bytes at a time, as one word: this is fast on every processor, whatever the compiler
//! makes of a loop over single bytes.
//!
//! A word of marks has the high bit set in each byte for which something is true, and no other bit.

/// The high bit of each byte.
pub(crate) const HIGHS: u64 = all(0x80);

/// Eight times this byte.
pub(crate) const fn all(byte: u8) -> u64 {
    byte as u64 * 0x0101_0101_0101_0101
}

/// The eight bytes from `at` on, the first of them lowest, if there are as many.
#[inline]
pub(crate) fn read(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|eight| u64::from_le_bytes(*eight))
}

/// The word for a name of at most eight bytes, filled up with zeros.
pub(crate) const fn short(name: &[u8]) -> u64 {
    let (mut word, mut at) = (0, name.len());
    while at > 0 {
        at -= 1;
        word = word << 8 | name[at] as u64;
    }
    word
}

/// The first `count` bytes of a word, one to eight, followed by zeros.
#[inline]
pub(crate) const fn first_of(word: u64, count: usize) -> u64 {
    word & (u64::MAX >> (64 - 8 * count))
}

/// Marks the bytes of `ascii` that are `least` or more; none of them is beyond ASCII.
#[inline]
pub(crate) const fn at_least(ascii: u64, least: u8) -> u64 {
    (ascii + all(0x80 - least)) & HIGHS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words in which every byte occurs at every place, among others.
    fn words() -> impl Iterator<Item = [u8; 8]> {
        let byte = |value: u8| move |place: usize| value.wrapping_add(31 * place as u8);
        (0..=u8::MAX).map(move |value| std::array::from_fn(byte(value)))
    }

    fn marks(bytes: [u8; 8], is: impl Fn(u8) -> bool) -> u64 {
        u64::from_le_bytes(bytes.map(|byte| if is(byte) { 0x80 } else { 0 }))
    }

    #[test]
    fn bytes_are_marked_by_what_they_are() {
        for bytes in words() {
            let ascii = bytes.map(|byte| byte & 0x7f);
            for byte in 1..0x80 {
                let found = at_least(u64::from_le_bytes(ascii), byte);
                assert_eq!(found, marks(ascii, |it| it >= byte));
            }
        }
    }

    #[test]
    fn a_short_name_is_a_word() {
        let name = b"xmlns:a";
        let word = u64::from_le_bytes(*b"xmlns:a=");
        for count in 1..=7 {
            assert_eq!(first_of(word, count), short(&name[..count]));
        }
        assert_eq!((first_of(word, 8), short(b"xmlns:a=")), (word, word));
    }
}
