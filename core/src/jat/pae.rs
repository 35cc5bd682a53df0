//! PASETO's pre-authentication encoding: count and lengths as little-endian u64, so that no two
//! lists of pieces encode alike.

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Feeds `mac` the list of [`PURPOSE`] and these pieces.
pub(super) fn write<const N: usize>(mac: &mut Hmac<Sha256>, pieces: [&[u8]; N]) {
    begin(mac, N);
    pieces.into_iter().for_each(|piece| write_whole(mac, piece));
}

/// Begins a list of [`PURPOSE`] and `count` pieces, each of which is [written](write_piece) apart.
pub(super) fn begin(mac: &mut Hmac<Sha256>, count: usize) {
    mac.update(&(count as u64 + 1).to_le_bytes());
    write_whole(mac, PURPOSE);
}

// Each token has four: as a call, and as one of `slices`, they took twice the instructions.
#[inline]
fn write_whole(mac: &mut Hmac<Sha256>, piece: &[u8]) {
    mac.update(&(piece.len() as u64).to_le_bytes());
    mac.update(piece);
}

/// One piece, whose bytes lie in `slices`.
pub(super) fn write_piece(mac: &mut Hmac<Sha256>, slices: &[&[u8]]) {
    let length: usize = slices.iter().map(|slice| slice.len()).sum();
    mac.update(&(length as u64).to_le_bytes());
    slices.iter().for_each(|slice| mac.update(slice));
}

/// What every list begins with: what the MACs of this program are for.
const PURPOSE: &[u8] = b"jat-proxy/v1";
