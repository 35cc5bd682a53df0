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

/// Marks the bytes that are less than `bound`, which is within ASCII; after the first of them it
/// may mark others, too.
#[inline]
pub(crate) const fn below(word: u64, bound: u8) -> u64 {
    word.wrapping_sub(all(bound)) & !word & HIGHS
}

/// Marks the bytes that are `byte`; after the first of them it may mark others, too.
#[inline]
pub(crate) const fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ all(byte), 1)
}

/// Marks the small letters of ASCII.
#[inline]
pub(crate) const fn small_letters(word: u64) -> u64 {
    let ascii = word & !HIGHS;
    at_least(ascii, b'a') & !at_least(ascii, b'z' + 1) & !word
}

/// The number of the first byte that is marked; eight if none is.
#[inline]
pub(crate) const fn first(marks: u64) -> usize {
    marks.trailing_zeros() as usize / 8
}

/// Whether something is true of every word that `bytes` are made of: it is true where `doubts` is
/// 0, and elsewhere `is` decides. The last word overlaps with the one before it, or is filled up
/// with letters.
#[inline]
pub(crate) fn every(bytes: &[u8], doubts: impl Fn(u64) -> u64, is: impl Fn(u64) -> bool) -> bool {
    let each = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        doubts(word) == 0 || is(word)
    };
    let (fours, rest) = bytes.as_chunks::<32>();
    for four in fours {
        let words = four.as_chunks().0;
        let marks = words.iter().fold(0, |marks, word| marks | doubts(u64::from_le_bytes(*word)));
        if marks != 0 && !words.iter().all(each) {
            return false;
        }
    }
    let (words, rest) = rest.as_chunks();
    let whole = words.iter().all(each);
    whole
        && match bytes.last_chunk() {
            _ if rest.is_empty() => true,
            Some(last) => each(last),
            None => {
                let mut padded = [b'a'; 8];
                padded[..rest.len()].copy_from_slice(rest);
                each(&padded)
            }
        }
}

/// Offset of the first byte that `marks` marks among the next `WORDS` words from `at` on;
/// otherwise where to continue. For bytes further away, a search with wider instructions is
/// faster, although it costs a call.
#[inline(always)]
pub(crate) fn find_near<const WORDS: usize>(
    bytes: &[u8],
    mut at: usize,
    marks: impl Fn(u64) -> u64,
) -> Result<usize, usize> {
    for _ in 0..WORDS {
        let Some(word) = read(bytes, at) else { break };
        let marks = marks(word);
        if marks != 0 {
            return Ok(at + first(marks));
        }
        at += 8;
    }
    Err(at)
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
            let word = u64::from_le_bytes(bytes);
            assert_eq!(small_letters(word), marks(bytes, |byte| byte.is_ascii_lowercase()));
            let ascii = bytes.map(|byte| byte & 0x7f);
            for byte in 1..0x80 {
                let found = at_least(u64::from_le_bytes(ascii), byte);
                assert_eq!(found, marks(ascii, |it| it >= byte));
                let is_below = |it: u8| it < byte;
                assert_eq!(first(below(word, byte)), first(marks(bytes, is_below)));
                assert_eq!(first(equal(word, byte)), first(marks(bytes, |it| it == byte)));
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

    #[test]
    fn every_byte_counts_whatever_the_length() {
        let is_small = |word| small_letters(word) == HIGHS;
        let beyond_ascii = |word| word & HIGHS;
        for length in 0..100 {
            let mut bytes = vec![b'\xff'; length];
            assert_eq!(every(&bytes, beyond_ascii, is_small), length == 0);
            bytes.fill(b'X');
            assert!(every(&bytes, beyond_ascii, is_small));
            bytes.fill(b'x');
            let doubtful = |_| 1;
            assert!(every(&bytes, doubtful, is_small));
            for at in 0..length {
                bytes[at] = b'X';
                assert!(!every(&bytes, doubtful, is_small), "{at} of {length}");
                bytes[at] = b'x';
            }
        }
    }

    #[test]
    fn what_is_near_is_found_and_the_rest_left() {
        let bytes = [&[b'.'; 90][..], b"a."].concat();
        let find =
            |from: usize, to: usize| find_near::<8>(&bytes[..to], from, |it| equal(it, b'a'));
        assert_eq!((find(84, 92), find(36, 92)), (Ok(90), Ok(90)));
        assert_eq!((find(0, 92), find(84, 91), find(92, 92)), (Err(64), Err(84), Err(92)));
    }
}
