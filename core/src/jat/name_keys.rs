//! Name keys: what makes aliases and signed mirrors, which last as long as contacts have them.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::keyring::{MIN_SECRET_BYTES, ShortSecret};

/// One name key. Holds the keyed MACs, not the secret.
#[derive(Clone)]
pub struct NameKey {
    id: u8,
    /// Of aliases: their tag, which is their IV as well.
    alias_mac: Hmac<Sha256>,
    /// Of aliases: the key stream.
    alias_enc: Hmac<Sha256>,
    /// Of signed mirrors.
    mirror_mac: Hmac<Sha256>,
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
        Ok(Self {
            id,
            alias_mac: derived(b"jat-proxy/v1 alias mac"),
            alias_enc: derived(b"jat-proxy/v1 alias enc"),
            mirror_mac: derived(b"jat-proxy/v1 mirror mac"),
        })
    }

    pub fn id(&self) -> u8 {
        self.id
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

    /// All of them, that which makes names in front.
    pub fn keys(&self) -> &[NameKey] {
        &self.keys
    }

    pub fn with_id(&self, id: u8) -> Option<&NameKey> {
        self.keys.iter().find(|key| key.id == id)
    }
}
