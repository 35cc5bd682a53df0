//! PASETO's pre-authentication encoding: count and lengths as little-endian u64, so that no two
//! lists of pieces encode alike.

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Appends the beginning of a list of [`PURPOSE`] and `count` pieces to `list`.
pub(super) fn append_beginning(count: usize, list: &mut Vec<u8>) {
    list.extend(&(count as u64 + 1).to_le_bytes());
    append(PURPOSE, list);
}

/// Appends a piece.
pub(super) fn append(piece: &[u8], list: &mut Vec<u8>) {
    list.extend(&length(piece));
    list.extend(piece);
}

/// What precedes a piece.
pub(super) fn length(piece: &[u8]) -> [u8; LENGTH] {
    (piece.len() as u64).to_le_bytes()
}

/// Updates `mac` with the list of [`PURPOSE`] and these pieces.
pub(super) fn write<const N: usize>(mac: &mut Hmac<Sha256>, pieces: [&[u8]; N]) {
    begin(mac, N);
    pieces.into_iter().for_each(|piece| write_whole(mac, piece));
}

/// Begins a list of [`PURPOSE`] and `count` pieces, each of which is [written](write_piece) separately.
pub(super) fn begin(mac: &mut Hmac<Sha256>, count: usize) {
    mac.update(&(count as u64 + 1).to_le_bytes());
    write_whole(mac, PURPOSE);
}

fn write_whole(mac: &mut Hmac<Sha256>, piece: &[u8]) {
    mac.update(&length(piece));
    mac.update(piece);
}

/// One piece, whose bytes are in `slices`.
pub(super) fn write_piece(mac: &mut Hmac<Sha256>, slices: &[&[u8]]) {
    let length: usize = slices.iter().map(|slice| slice.len()).sum();
    mac.update(&(length as u64).to_le_bytes());
    slices.iter().for_each(|slice| mac.update(slice));
}

/// Bytes of a length, and of the count.
pub(super) const LENGTH: usize = 8;
/// Bytes of the beginning of a list.
pub(super) const BEGINNING: usize = 2 * LENGTH + PURPOSE.len();
/// What every list begins with: what the MACs of this program are for.
const PURPOSE: &[u8] = b"jat-proxy/v1";
