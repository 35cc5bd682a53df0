//! Name keys, which make aliases and signed mirrors. These are valid as long as contacts keep them.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::keyring::{MIN_SECRET_BYTES, ShortSecret};

/// One name key. Holds the keyed MACs, not the secret.
#[derive(Clone)]
pub struct NameKey {
    id: u8,
    /// For aliases: their tag, which is their IV as well.
    alias_mac: Hmac<Sha256>,
    /// For aliases: the key stream.
    alias_enc: Hmac<Sha256>,
    /// For signed mirrors.
    mirror_mac: Hmac<Sha256>,
    /// Distinguishes secrets without keeping them.
    fingerprint: [u8; 16],
}

impl NameKey {
    /// A key from its `id` and its secret of at least [`MIN_SECRET_BYTES`].
    pub fn new(id: u8, secret: &Zeroizing<Vec<u8>>) -> Result<Self, ShortSecret> {
        if secret.len() < MIN_SECRET_BYTES {
            return Err(ShortSecret { bytes: secret.len() });
        }
        let derived = |purpose: &[u8]| {
            let keyed = |key: &[u8]| {
                Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length")
            };
            let mut mac = keyed(secret);
            mac.update(purpose);
            keyed(&Zeroizing::new(<[u8; 32]>::from(mac.finalize().into_bytes()))[..])
        };
        let digest = Sha256::new_with_prefix(b"jat-proxy/fingerprint").chain_update(&secret[..]);
        let mut fingerprint = [0; 16];
        fingerprint.copy_from_slice(&digest.finalize()[..16]);
        Ok(Self {
            id,
            alias_mac: derived(b"jat-proxy/v1 alias mac"),
            alias_enc: derived(b"jat-proxy/v1 alias enc"),
            mirror_mac: derived(b"jat-proxy/v1 mirror mac"),
            fingerprint,
        })
    }

    pub fn id(&self) -> u8 {
        self.id
    }

    /// Whether both make the same names.
    pub fn is_same(&self, other: &Self) -> bool {
        self.id == other.id && self.fingerprint == other.fingerprint
    }

    pub(super) fn alias_mac(&self) -> Hmac<Sha256> {
        self.alias_mac.clone()
    }

    pub(super) fn alias_enc(&self) -> Hmac<Sha256> {
        self.alias_enc.clone()
    }

    pub(super) fn mirror_mac(&self) -> Hmac<Sha256> {
        self.mirror_mac.clone()
    }
}

/// Never shows anything of the secret.
impl fmt::Debug for NameKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NameKey({})", self.id)
    }
}

/// The name keys: the first makes names, every one opens them.
#[derive(Clone, Debug)]
pub struct NameKeys {
    /// At least one.
    keys: Vec<NameKey>,
}

/// Why keys do not make a ring; `index` is the key's place in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameKeysError {
    #[error("name key id {id} is used twice")]
    DuplicateId { index: usize, id: u8 },
    #[error("there is no name key")]
    Empty,
}

impl NameKeys {
    /// A ring of `keys`, in the order of the file.
    pub fn new(keys: Vec<NameKey>) -> Result<Self, Vec<NameKeysError>> {
        let mut errors = Vec::new();
        for (index, NameKey { id, .. }) in keys.iter().enumerate() {
            if keys[..index].iter().any(|before| before.id == *id) {
                errors.push(NameKeysError::DuplicateId { index, id: *id });
            }
        }
        if keys.is_empty() {
            errors.push(NameKeysError::Empty);
        }
        if errors.is_empty() { Ok(Self { keys }) } else { Err(errors) }
    }

    /// The one that makes names.
    pub fn first(&self) -> &NameKey {
        &self.keys[0]
    }

    /// All of them, beginning with the one that makes names.
    pub fn keys(&self) -> &[NameKey] {
        &self.keys
    }

    /// Their ids, in the same order.
    pub fn ids(&self) -> impl Iterator<Item = u8> {
        self.keys.iter().map(NameKey::id)
    }

    pub fn with_id(&self, id: u8) -> Option<&NameKey> {
        self.keys.iter().find(|key| key.id == id)
    }

    /// Ids of keys whose names `newer` does not open any more.
    pub fn dropped_by(&self, newer: &Self) -> Vec<u8> {
        let gone = |key: &&NameKey| newer.with_id(key.id).is_none_or(|other| !other.is_same(key));
        self.keys.iter().filter(gone).map(NameKey::id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: u8, secret: u8) -> NameKey {
        NameKey::new(id, &Zeroizing::new(vec![secret; MIN_SECRET_BYTES])).unwrap()
    }

    #[test]
    fn every_fault_is_reported() {
        let faults = NameKeys::new(vec![key(1, 1), key(2, 2), key(1, 3)]).unwrap_err();
        assert_eq!(faults, [NameKeysError::DuplicateId { index: 2, id: 1 }]);
        assert_eq!(NameKeys::new(vec![]).unwrap_err(), [NameKeysError::Empty]);
        let short = NameKey::new(1, &Zeroizing::new(vec![0; 31])).unwrap_err();
        assert_eq!(short.bytes, 31);
    }

    #[test]
    fn a_key_that_was_removed_or_has_another_secret_is_noticed() {
        let ring = |keys: &[(u8, u8)]| {
            NameKeys::new(keys.iter().map(|(id, secret)| key(*id, *secret)).collect()).unwrap()
        };
        let old = ring(&[(1, 1), (2, 2)]);
        assert!(old.dropped_by(&ring(&[(3, 3), (2, 2), (1, 1)])).is_empty());
        assert_eq!(old.dropped_by(&ring(&[(2, 2)])), [1]);
        assert_eq!(old.dropped_by(&ring(&[(1, 2), (2, 2)])), [1]);
    }

    #[test]
    fn nothing_of_a_secret_is_shown() {
        assert_eq!(format!("{:?}", key(7, 55)), "NameKey(7)");
    }
}
