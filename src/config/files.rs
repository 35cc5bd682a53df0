//! Which files a configuration was read from, and what was in them.

use std::fmt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Two are equal if the same was in the same files; none of it is kept.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Files(Vec<(PathBuf, Option<[u8; 32]>)>);

impl Files {
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(|(path, _)| path.as_path())
    }

    /// The first that could not be read.
    pub fn unreadable(&self) -> Option<&Path> {
        self.0.iter().find(|(_, digest)| digest.is_none()).map(|(path, _)| path.as_path())
    }

    /// Notes what was read from `path`; `None`: it could not be.
    pub(super) fn add(&mut self, path: &Path, bytes: Option<&[u8]>) {
        let digest = |bytes| Sha256::new_with_prefix(b"jat-proxy/files").chain_update(bytes);
        self.0.push((path.to_owned(), bytes.map(|bytes| digest(bytes).finalize().into())));
    }
}

/// Digests of secrets stay out of logs.
impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.paths()).finish()
    }
}
