//! What a configuration took from files when it was read, so that another program can read it as
//! it was even if the files have changed.

use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tokio_rustls::rustls::pki_types::CertificateDer;
use zeroize::Zeroizing;

use crate::base64;

/// The files of a good configuration, secrets and keys among them. Environment variables are not
/// in it: a program that takes the place of another has the same.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// The Unix second in which it was taken.
    pub(super) at: u64,
    files: Vec<File>,
    /// The CA certificates that the system trusted, if they were wanted.
    certificates: Option<Vec<Certificate>>,
}

#[derive(Clone, Serialize, Deserialize)]
struct File {
    /// As it was opened; in bytes, since it need not be text.
    #[serde(with = "base64")]
    path: Vec<u8>,
    #[serde(with = "base64")]
    bytes: Zeroizing<Vec<u8>>,
    world_readable: bool,
}

#[derive(Clone, Serialize, Deserialize)]
struct Certificate(#[serde(with = "base64")] Vec<u8>);

/// A file as it was found.
#[derive(Clone)]
pub struct Found {
    pub bytes: Zeroizing<Vec<u8>>,
    /// Whether every account of the machine can read it.
    pub world_readable: bool,
}

impl Snapshot {
    pub(super) fn file(&self, path: &Path) -> Option<Found> {
        let path = path.as_os_str().as_bytes();
        let file = self.files.iter().find(|file| file.path == path)?;
        Some(Found { bytes: file.bytes.clone(), world_readable: file.world_readable })
    }

    pub(super) fn certificates(&self) -> Option<Vec<CertificateDer<'static>>> {
        let certificates = self.certificates.as_ref()?;
        Some(certificates.iter().map(|c| CertificateDer::from(c.0.clone())).collect())
    }

    pub(super) fn add_file(&mut self, path: &Path, found: &Found) {
        if self.file(path).is_none() {
            let path = path.as_os_str().as_bytes().to_vec();
            let Found { bytes, world_readable } = found.clone();
            self.files.push(File { path, bytes, world_readable });
        }
    }

    pub(super) fn set_certificates(&mut self, certificates: &[CertificateDer<'_>]) {
        let certificates = certificates.iter().map(|c| Certificate(c.to_vec()));
        self.certificates = Some(certificates.collect());
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Snapshot(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::read;
    use super::*;

    #[test]
    fn what_was_read_is_read_again_when_the_files_are_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jat-proxy.toml");
        let key = format!("[[key]]\nid = 1\nsecret = \"{}=\"\n", "A".repeat(43));
        let files = [("keys.toml", key.as_str()), ("proxy.secret", "one\n")];
        files.iter().for_each(|(name, text)| fs::write(folder.path().join(name), text).unwrap());
        let config = "key-file = \"keys.toml\"\n[server]\naddress = \"xmpp.example:5347\"\n\
                      [[component]]\ndomain = \"proxy.example\"\ntarget-address = \
                      \"bot@some.example\"\nsecret = { file = \"proxy.secret\" }\n";
        fs::write(&path, config).unwrap();
        let taken = serde_json::to_vec(&Snapshot::take(&path, 1_800_000_000).unwrap()).unwrap();
        drop(folder);
        let taken: Snapshot = serde_json::from_slice(&taken).unwrap();
        let (config, _) = taken.load(&path).unwrap();
        let secret = &config.components[0].secret;
        assert_eq!(secret.expose(), "one");
        assert!(secret.origin().ends_with("/proxy.secret"), "{}", secret.origin());
        assert_eq!(config.keyring.keys().len(), 1);
        assert!(read::load(&path, 1_800_000_000).is_err());
    }

    #[test]
    fn a_configuration_with_an_error_gives_none() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "colour = 1").unwrap();
        assert!(Snapshot::take(file.path(), 1_800_000_000).is_err());
    }
}
