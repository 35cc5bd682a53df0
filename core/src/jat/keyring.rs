//! The key ring: sign with the newest active key, verify with any.

use std::fmt;

use hmac::{Hmac, KeyInit};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The clock skew between replicas that a rotation tolerates, in seconds.
pub const SKEW: u64 = 300;

/// Shortest secret that is accepted, in bytes: the output length of SHA-256 (RFC 2104 section 3).
pub const MIN_SECRET_BYTES: usize = 32;

/// A `not-before` further away than this is a mistake, or the clock is wrong.
pub const MAX_AHEAD: u64 = 366 * 24 * 3600;

/// One signing key. Holds the keyed MAC, not the secret.
#[derive(Clone)]
pub struct Key {
    id: u8,
    not_before: Option<u64>,
    mac: Hmac<Sha256>,
    /// Distinguishes secrets without keeping them.
    fingerprint: [u8; 16],
}

impl Key {
    /// A key from its `id`, its secret of at least [`MIN_SECRET_BYTES`], and the Unix second from
    /// which on it signs (`None`: at once).
    pub fn new(
        id: u8,
        secret: &Zeroizing<Vec<u8>>,
        not_before: Option<u64>,
    ) -> Result<Self, ShortSecret> {
        if secret.len() < MIN_SECRET_BYTES {
            return Err(ShortSecret { bytes: secret.len() });
        }
        let mac = Hmac::new_from_slice(secret).expect("HMAC takes keys of any length");
        let digest = Sha256::new_with_prefix(b"jat-proxy/fingerprint").chain_update(&secret[..]);
        let mut fingerprint = [0; 16];
        fingerprint.copy_from_slice(&digest.finalize()[..16]);
        Ok(Self { id, not_before, mac, fingerprint })
    }

    pub fn id(&self) -> u8 {
        self.id
    }

    /// Unix second from which on the key signs.
    pub fn not_before(&self) -> Option<u64> {
        self.not_before
    }

    /// A new MAC with this key.
    pub(super) fn mac(&self) -> Hmac<Sha256> {
        self.mac.clone()
    }

    /// Whether both keys have the same secret.
    pub fn same_secret(&self, other: &Key) -> bool {
        self.fingerprint == other.fingerprint
    }

    fn since(&self) -> u64 {
        self.not_before.unwrap_or(0)
    }
}

/// Never shows anything of the secret.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, not before {:?})", self.id, self.not_before)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the secret has {bytes} bytes, at least {MIN_SECRET_BYTES} are needed")]
pub struct ShortSecret {
    pub bytes: usize,
}

/// Why keys do not make a ring; `index` is the key's place in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    #[error("key id {id} is used twice")]
    DuplicateId { index: usize, id: u8 },
    #[error("there is no key")]
    Empty,
}

/// Keys in the order of their activation.
#[derive(Clone, Debug)]
pub struct Keyring {
    keys: Vec<Key>,
    /// The place of a key id in `keys`. A table, since the sender of a token chooses the id.
    places: [Option<u8>; 256],
}

impl Keyring {
    /// A ring of `keys`.
    ///
    /// # Errors
    /// Every fault of the list, not only the first. None of them depends on the clock: a machine
    /// that boots with a slow clock soon gets the right time.
    pub fn new(keys: Vec<Key>) -> Result<Self, Vec<KeyringError>> {
        let mut errors = Vec::new();
        for (index, key) in keys.iter().enumerate() {
            let id = key.id;
            if keys[..index].iter().any(|k| k.id == id) {
                errors.push(KeyringError::DuplicateId { index, id });
            }
        }
        if keys.is_empty() {
            errors.push(KeyringError::Empty);
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut keys = keys;
        keys.sort_by_key(Key::since);
        let mut places = [None; 256];
        for (place, key) in keys.iter().enumerate() {
            places[usize::from(key.id)] = u8::try_from(place).ok();
        }
        Ok(Self { keys, places })
    }

    /// All keys, in the order of their activation.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The key to sign with at Unix second `now`: the newest active one. If the clock is before
    /// every `not-before`, the oldest signs, which all replicas verify anyway.
    pub fn signing(&self, now: u64) -> &Key {
        self.keys.iter().rev().find(|k| k.since() <= now).unwrap_or(&self.keys[0])
    }

    /// The key that takes over next, and the Unix second when it does.
    pub fn next(&self, now: u64) -> Option<(&Key, u64)> {
        let comes = |k: &&Key| k.since() > now && k.id != self.keys[0].id;
        self.keys.iter().find(comes).map(|k| (k, k.since()))
    }

    /// Whether no key is active yet at Unix second `now`: then a clock is slow, or the first key
    /// should have no `not-before`.
    pub fn is_ahead(&self, now: u64) -> bool {
        self.keys[0].since() > now
    }

    /// Keys that take over more than [`MAX_AHEAD`] from now.
    pub fn far_ahead(&self, now: u64) -> impl Iterator<Item = &Key> {
        self.keys.iter().filter(move |k| k.since() > now.saturating_add(MAX_AHEAD))
    }

    /// The key with this id, active or not: replicas need not switch at the same moment.
    pub fn verifying(&self, id: u8) -> Option<&Key> {
        self.places[usize::from(id)].map(|place| &self.keys[usize::from(place)])
    }

    /// Unix second from which on no valid token was signed with the key, so that it can be removed; `None`
    /// for a key without a successor. Tokens live `reply_ttl` seconds.
    pub fn retires(&self, id: u8, reply_ttl: u64) -> Option<u64> {
        let place = self.keys.iter().position(|k| k.id == id)?;
        let successor = self.keys.get(place + 1)?;
        Some(successor.since().saturating_add(reply_ttl).saturating_add(SKEW))
    }

    /// The Unix second until which the predecessor of the oldest key should have stayed, if it was
    /// removed while its tokens may still be valid.
    pub fn predecessor_missing(&self, now: u64, reply_ttl: u64) -> Option<u64> {
        let oldest = self.keys[0].not_before.filter(|oldest| *oldest <= now)?;
        let needed = oldest.saturating_add(reply_ttl).saturating_add(SKEW);
        (needed > now).then_some(needed)
    }

    /// Ids of keys that valid tokens may have and that `newer` no longer verifies.
    pub fn dropped_by(&self, newer: &Keyring, now: u64, reply_ttl: u64) -> Vec<u8> {
        let signing = self.signing(now).id;
        let live = |key: &&Key| {
            (key.since() <= now.saturating_add(SKEW) || key.id == signing)
                && self.retires(key.id, reply_ttl).is_none_or(|until| until > now)
        };
        let gone = |key: &&Key| newer.verifying(key.id).is_none_or(|other| !other.same_secret(key));
        self.keys.iter().filter(live).filter(gone).map(Key::id).collect()
    }

    /// Pairs of key ids that share one secret.
    pub fn same_secrets(&self) -> Vec<(u8, u8)> {
        let later = |i: usize| self.keys.iter().skip(i + 1);
        let pairs = self.keys.iter().enumerate().flat_map(|(i, a)| later(i).map(move |b| (a, b)));
        pairs.filter(|(a, b)| a.same_secret(b)).map(|(a, b)| (a.id, b.id)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn key(id: u8, not_before: Option<u64>) -> Key {
        Key::new(id, &Zeroizing::new(vec![id; 32]), not_before).unwrap()
    }

    fn ring(keys: Vec<Key>) -> Keyring {
        Keyring::new(keys).unwrap()
    }

    #[test]
    fn the_newest_active_key_signs_and_all_verify() {
        let ring = ring(vec![key(3, Some(NOW + 30)), key(1, None), key(2, Some(NOW - 5))]);
        assert_eq!(ring.signing(NOW).id(), 2);
        assert_eq!(ring.signing(NOW + 29).id(), 2);
        assert_eq!(ring.signing(NOW + 30).id(), 3);
        assert_eq!(ring.next(NOW).map(|(k, at)| (k.id(), at)), Some((3, NOW + 30)));
        assert!(ring.verifying(3).is_some() && ring.verifying(4).is_none());
    }

    #[test]
    fn a_clock_that_steps_back_before_every_key_still_signs() {
        let both = ring(vec![key(2, Some(NOW - 5)), key(3, Some(NOW + 5))]);
        for now in [0, NOW - 1000] {
            assert_eq!(both.signing(now).id(), 2);
            assert_eq!(both.next(now).map(|(k, _)| k.id()), Some(3));
            assert!(both.is_ahead(now) && both.predecessor_missing(now, 3600).is_none());
            assert_eq!(both.dropped_by(&ring(vec![key(3, None)]), now, 3600), [2]);
        }
        assert!(!both.is_ahead(NOW));
        assert_eq!(both.far_ahead(0).count(), 2);
        assert_eq!(both.far_ahead(NOW).count(), 0);
    }

    #[test]
    fn every_fault_is_reported() {
        let faults = Keyring::new(vec![key(1, None), key(1, None), key(1, None)]).unwrap_err();
        let duplicate = |index| KeyringError::DuplicateId { index, id: 1 };
        assert_eq!(faults, [duplicate(1), duplicate(2)]);
        assert_eq!(Keyring::new(vec![]).unwrap_err(), [KeyringError::Empty]);
        let short = Key::new(1, &Zeroizing::new(vec![0; 31]), None).unwrap_err();
        assert_eq!(short.bytes, 31);
    }

    #[test]
    fn a_superseded_key_stays_for_the_life_of_its_tokens() {
        let ring = ring(vec![key(1, None), key(2, Some(NOW - 100))]);
        assert_eq!(ring.retires(1, 3600), Some(NOW - 100 + 3600 + SKEW));
        assert_eq!(ring.retires(2, 3600), None);
    }

    #[test]
    fn a_key_that_was_removed_too_early_is_noticed() {
        let both = ring(vec![key(1, None), key(2, Some(NOW - 100))]);
        let newer = ring(vec![key(2, Some(NOW - 100))]);
        assert_eq!(both.dropped_by(&newer, NOW, 3600), [1]);
        assert!(both.dropped_by(&newer, NOW + 3600 + SKEW, 3600).is_empty());
        assert_eq!(newer.predecessor_missing(NOW, 3600), Some(NOW - 100 + 3600 + SKEW));
        assert_eq!(newer.predecessor_missing(NOW + 4000, 3600), None);
        assert_eq!(both.predecessor_missing(NOW, 3600), None);
    }

    #[test]
    fn nothing_of_a_secret_is_shown() {
        let key = Key::new(7, &Zeroizing::new(b"0123456789abcdef0123456789abcdef".to_vec()), None);
        assert_eq!(format!("{:?}", key.unwrap()), "Key(7, not before None)");
    }

    #[test]
    fn one_secret_under_two_ids_is_noticed() {
        let twin = Key::new(9, &Zeroizing::new(vec![1; 32]), None).unwrap();
        assert_eq!(ring(vec![key(1, None), key(2, None), twin]).same_secrets(), [(1, 9)]);
    }
}
