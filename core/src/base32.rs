//! Bytes as lower-case base32 (RFC 4648 section 6), without padding, canonical: text that no server
//! changes in a node or a resource.
//!
//! Five bytes are eight characters, of five bits each.

use crate::chunk::{self, Chunk, Marks};
use crate::wide::all;

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
        *place = characters(*group);
    }
    if !rest.is_empty() {
        let mut group = [0; 5];
        group[..rest.len()].copy_from_slice(rest);
        rest_of_text.copy_from_slice(&characters(group)[..rest_of_text.len()]);
    }
}

/// Decodes `text` into `room`, which has as many bytes as [`decoded_len`] says. `None` if it is not
/// canonical: it may have neither upper case nor padding, nor bits after the last byte.
pub fn decode<'r>(text: &str, room: &'r mut [u8]) -> Option<&'r mut [u8]> {
    let bytes = room.get_mut(..decoded_len(text.len())?)?;
    if !chunk::every(text.as_bytes(), others, |_| false) {
        return None;
    }
    let (groups, rest) = text.as_bytes().as_chunks();
    let (places, rest_of_room) = bytes.as_chunks_mut();
    for (group, place) in groups.iter().zip(places) {
        *place = values(*group);
    }
    if !rest.is_empty() {
        let mut group = [ZERO; GROUP];
        group[..rest.len()].copy_from_slice(rest);
        let values = values(group);
        let (within, behind) = values.split_at(rest_of_room.len());
        rest_of_room.copy_from_slice(within);
        if behind.iter().any(|byte| *byte != 0) {
            return None;
        }
    }
    Some(bytes)
}

/// Marks the bytes that are no characters of base32.
#[inline(always)]
fn others(chunk: Chunk) -> Marks {
    !(chunk.less(b'a').below(26) | chunk.less(b'2').below(6))
}

/// The characters of five bytes, which are looked up two at a time.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "ten bits are looked up")]
fn characters([a, b, c, d, e]: [u8; 5]) -> [u8; GROUP] {
    let bits = u64::from(u32::from_be_bytes([a, b, c, d])) << 8 | u64::from(e);
    let pair = |behind: u32| u64::from(PAIRS[(bits >> behind) as usize % PAIRS.len()]);
    (pair(30) | pair(20) << 16 | pair(10) << 32 | pair(0) << 48).to_le_bytes()
}

/// The two characters of ten bits, the first of them lowest.
static PAIRS: [u16; 1 << 10] = {
    let mut pairs = [0; 1 << 10];
    let mut bits = 0;
    while bits < pairs.len() {
        pairs[bits] = u16::from_le_bytes([CHARACTERS[bits >> 5], CHARACTERS[bits & 0x1f]]);
        bits += 1;
    }
    pairs
};
const CHARACTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The five bytes that eight characters stand for.
#[inline]
fn values(characters: [u8; GROUP]) -> [u8; 5] {
    let text = u64::from_be_bytes(characters);
    // Their lowest five bits count letters from 1 on, and digits from 18 on in place of 26.
    let letters = (text >> 6) & all(1);
    let values = (text & all(0x1f)) + all(26 - 18) - letters * (1 + 26 - 18);
    // From eight times 5 bits to four times 10, twice 20, 40.
    let bits = (values & four_times(0x1f)) | ((values >> 3) & four_times(0x3e0));
    let bits = (bits & twice(0x3ff)) | ((bits >> 6) & twice(0xf_fc00));
    let bits = (bits & 0xf_ffff) | ((bits >> 12) & 0xff_fff0_0000);
    let [_, _, _, bytes @ ..] = bits.to_be_bytes();
    bytes
}

/// A part of 32 bits, twice in a word.
const fn twice(part: u64) -> u64 {
    part * 0x1_0000_0001
}

/// A part of 16 bits, four times in a word.
const fn four_times(part: u64) -> u64 {
    part * 0x0001_0001_0001_0001
}

/// The number of characters that are processed at a time.
const GROUP: usize = 8;
/// The character of the value 0.
const ZERO: u8 = b'a';

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
