//! Eight bytes at a time, as one word: this is fast on every processor, whatever the compiler
//! makes of a loop over single bytes.

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

#[cfg(test)]
mod tests {
    use super::*;

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
