//! Bytes as lower-case base32 (RFC 4648 section 6), without padding, canonical: text that no server
//! changes in a node or a resource.
//!
//! Five bytes are eight characters, of five bits each; twice as many are processed at a time.

use crate::chunk::{self, Chunk};

/// The number of characters for so many bytes.
pub const fn encoded_len(bytes: usize) -> usize {
    (bytes * 8).div_ceil(5)
}

/// The number of bytes for so many characters, if there is one.
pub const fn decoded_len(chars: usize) -> Option<usize> {
    let bytes = chars / 8 * 5 + chars % 8 * 5 / 8;
    if encoded_len(bytes) == chars { Some(bytes) } else { None }
}

/// Appends `bytes` as text.
pub fn append(bytes: &[u8], output: &mut Vec<u8>) {
    let start = output.len();
    output.resize(start + encoded_len(bytes.len()), 0);
    write(bytes, &mut output[start..]);
}

/// Likewise, to a text.
pub fn push(bytes: &[u8], output: &mut String) {
    let mut text = std::mem::take(output).into_bytes();
    append(bytes, &mut text);
    *output = String::from_utf8(text).expect("base32 is ASCII");
}

/// Writes `bytes` as text to `room`, which has as many bytes as [`encoded_len`] says.
pub fn encode<'r>(bytes: &[u8], room: &'r mut [u8]) -> &'r str {
    let text = &mut room[..encoded_len(bytes.len())];
    write(bytes, text);
    str::from_utf8(text).expect("base32 is ASCII")
}

fn write(bytes: &[u8], text: &mut [u8]) {
    let (groups, rest) = bytes.as_chunks();
    let (places, rest_of_text) = text.as_chunks_mut();
    for (group, place) in groups.iter().zip(places) {
        *place = characters(group);
    }
    if !rest.is_empty() {
        let mut group = [0; BYTES];
        group[..rest.len()].copy_from_slice(rest);
        rest_of_text.copy_from_slice(&characters(&group)[..rest_of_text.len()]);
    }
}

/// Decodes `text` into `room`, which has as many bytes as [`decoded_len`] says. `None` if it is not
/// canonical: it may have neither upper case nor padding, nor bits after the last byte.
pub fn decode<'r>(text: &str, room: &'r mut [u8]) -> Option<&'r mut [u8]> {
    let bytes = room.get_mut(..decoded_len(text.len())?)?;
    let mut others = 0;
    let (groups, rest) = text.as_bytes().as_chunks();
    let (places, rest_of_room) = bytes.as_chunks_mut();
    for (group, place) in groups.iter().zip(places) {
        *place = values(group, &mut others);
    }
    if !rest.is_empty() {
        let mut group = [ZERO; chunk::SIZE];
        group[..rest.len()].copy_from_slice(rest);
        let values = values(&group, &mut others);
        let (within, behind) = values.split_at(rest_of_room.len());
        rest_of_room.copy_from_slice(within);
        if behind.iter().any(|byte| *byte != 0) {
            return None;
        }
    }
    (others == 0).then_some(bytes)
}

/// The characters of some bytes.
#[inline(always)]
fn characters(bytes: &[u8; BYTES]) -> [u8; chunk::SIZE] {
    let eight = |eight: Option<&[u8; 8]>| u64::from_be_bytes(*eight.expect("there are ten"));
    let first = eight(bytes.first_chunk()) >> (64 - 40);
    let second = eight(bytes.last_chunk()) & (u64::MAX >> (64 - 40));
    let values = Chunk::spread([first, second]);
    let letters = values.below(26);
    values.less(DIGITS.wrapping_neg()).plus(letters.times(LETTERS - DIGITS)).bytes()
}

/// The bytes that some characters stand for; adds to `others` if one of them is none of base32.
#[inline(always)]
fn values(characters: &[u8; chunk::SIZE], others: &mut u32) -> [u8; BYTES] {
    let characters = Chunk::of(characters);
    let letters = characters.less(b'a').below(26);
    let digits = characters.less(b'2').below(6);
    *others |= (!(letters | digits)).bits();
    let offsets = letters.times((LETTERS - DIGITS).wrapping_neg());
    let [first, second] = characters.less(DIGITS).plus(offsets).gathered();
    let all = (u128::from(first) << 40 | u128::from(second)).to_be_bytes();
    *all.last_chunk().expect("there are sixteen")
}

/// So many bytes become a chunk of characters.
const BYTES: usize = 10;
/// The character of the value 0.
const ZERO: u8 = b'a';
/// What letters are more than their values, which are 0 to 25.
const LETTERS: u8 = b'a';
/// What digits are more than their values, which are 26 to 31.
const DIGITS: u8 = b'2' - 26;

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use data_encoding::{Encoding, Specification};
    use fastrand::Rng;

    use super::*;

    static ORACLE: LazyLock<Encoding> = LazyLock::new(|| {
        let mut spec = Specification::new();
        spec.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
        spec.encoding().expect("32 distinct symbols")
    });

    fn encoded(bytes: &[u8]) -> String {
        let mut text = "x".to_owned();
        push(bytes, &mut text);
        assert_eq!(encode(bytes, &mut [0; 1_100]), &text[1..]);
        text.split_off(1)
    }

    fn decoded(text: &str) -> Option<Vec<u8>> {
        let mut room = [0; 700];
        decode(text, &mut room).map(|bytes| bytes.to_vec())
    }

    #[test]
    fn bytes_of_every_length_become_text_and_come_back() {
        let mut rng = Rng::with_seed(1);
        for bytes in (0..3_000).map(|n| (0..n % 640).map(|_| rng.u8(..)).collect::<Vec<u8>>()) {
            let text = encoded(&bytes);
            assert_eq!(text, ORACLE.encode(&bytes));
            assert_eq!((encoded_len(bytes.len()), decoded(&text)), (text.len(), Some(bytes)));
        }
    }

    #[test]
    fn a_text_is_read_or_refused_as_by_the_library() {
        let oracle = |text: &str| ORACLE.decode(text.as_bytes()).ok();
        for length in 0..100 {
            assert_eq!(decoded_len(length), ORACLE.decode_len(length).ok(), "{length}");
        }
        // Each byte at each place of each length; `é` has two.
        for text in (1..20).map(|length| "m".repeat(length)) {
            for place in 0..text.len() {
                for other in (0..0x80_u8).map(char::from).chain(['é']) {
                    let text = format!("{}{other}{}", &text[..place], &text[place + 1..]);
                    assert_eq!(decoded(&text), oracle(&text), "{text:?}");
                }
            }
        }
        let mut rng = Rng::with_seed(2);
        for _ in 0..20_000 {
            let letters = "abcdefghijklmnopqrstuvwxyz234567aaaaaaaa".as_bytes();
            let text: String = (0..rng.usize(..24))
                .map(|_| char::from(letters[rng.usize(..letters.len())]))
                .collect();
            assert_eq!(decoded(&text), oracle(&text), "{text:?}");
        }
    }

    #[test]
    fn a_buffer_that_is_too_small_is_refused() {
        assert_eq!(decode("aaaaaaaa", &mut [0; 4]), None);
        assert_eq!(decode("aaaaaaaa", &mut [0; 6]), Some(&mut [0; 5][..]));
    }
}
