//! TLS to a server: whom to trust, and for which name the server's certificate must be.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::shortage::is_shortage;

use super::sources::Sources;

/// How a stream is encrypted. The server has to prove with its certificate that it is
/// [`Self::name`]; nothing turns that off.
#[derive(Clone, Debug)]
pub struct TlsConfig {
    pub name: ServerName<'static>,
    trust: Trust,
}

/// The CAs that a server's certificate may come from.
#[derive(Clone, Debug)]
pub struct Trust {
    /// What the file held; `None`: those of the system.
    file: Option<Arc<[CertificateDer<'static>]>>,
    client: Arc<ClientConfig>,
}

/// Why there is nobody to trust.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error("a certificate in it is cut short, or is not base64")]
    Pem,
    #[error("there is no certificate in it")]
    NoCertificate,
    #[error("certificate {number} in it is broken")]
    Certificate { number: usize },
    #[error("the system has no CA certificates{}", because(.0.as_ref()))]
    NoneOfSystem(Option<io::Error>),
    /// Some of them may have been read, but not those that matter.
    #[error("the system's CA certificates can't be read: {0}")]
    Shortage(io::Error),
}

fn because(error: Option<&io::Error>) -> String {
    error.map_or_else(String::new, |error| format!(": {error}"))
}

impl TrustError {
    /// The system's message.
    pub fn system(&self) -> Option<&io::Error> {
        match self {
            Self::NoneOfSystem(error) => error.as_ref(),
            Self::Shortage(error) => Some(error),
            Self::Pem | Self::NoCertificate | Self::Certificate { .. } => None,
        }
    }
}

impl TlsConfig {
    pub fn new(name: ServerName<'static>, trust: Trust) -> Self {
        Self { name, trust }
    }

    /// Whether the system says which CAs are trusted.
    pub fn trusts_system(&self) -> bool {
        self.trust.file.is_none()
    }

    /// What a connection begins with.
    pub fn client(&self) -> &Arc<ClientConfig> {
        &self.trust.client
    }
}

/// Whether a server that one of them accepts is accepted by the other, too. The CAs of the system
/// always count as the same: an update of them need not end a stream.
impl PartialEq for TlsConfig {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.trust.file == other.trust.file
    }
}

impl Trust {
    /// The CAs in `bytes`, which are PEM.
    pub fn from_pem(bytes: &[u8]) -> Result<Self, TrustError> {
        let certificates = CertificateDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>();
        let certificates = certificates.map_err(|_| TrustError::Pem)?;
        if certificates.is_empty() {
            return Err(TrustError::NoCertificate);
        }
        let mut roots = RootCertStore::empty();
        for (index, certificate) in certificates.iter().enumerate() {
            let refused = |_| TrustError::Certificate { number: index + 1 };
            roots.add(certificate.clone()).map_err(refused)?;
        }
        Ok(Self { file: Some(certificates.into()), client: client(roots) })
    }

    /// The CAs that the system trusts: those of the files that OpenSSL would read, SSL_CERT_FILE
    /// and SSL_CERT_DIR included.
    pub fn of_system(sources: &Sources<'_>) -> Result<Self, TrustError> {
        let (certificates, fault) = sources.system_certificates();
        let fault = match fault {
            Some(error) if is_shortage(&error) => return Err(TrustError::Shortage(error)),
            fault => fault,
        };
        let mut roots = RootCertStore::empty();
        // One unusable certificate is no reason to trust none.
        let (usable, _) = roots.add_parsable_certificates(certificates);
        if usable == 0 {
            return Err(TrustError::NoneOfSystem(fault));
        }
        Ok(Self { file: None, client: client(roots) })
    }
}

/// The name that a certificate must have for a server at `address` (`host:port`); `None` where a
/// certificate can't name that host.
pub(crate) fn name_of(address: &str) -> Option<ServerName<'static>> {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    name(host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host))
}

/// A domain name or an IP address. Certificates name IDNs by their A-labels (RFC 6125 section
/// 6.4.2).
pub fn name(text: &str) -> Option<ServerName<'static>> {
    ServerName::try_from(a_labels(text).into_owned()).ok()
}

/// A host name as it is looked up (RFC 5890 section 2.3.2.1).
pub(crate) fn a_labels(host: &str) -> Cow<'_, str> {
    if host.is_ascii() {
        return Cow::Borrowed(host);
    }
    idna::domain_to_ascii(host).map_or(Cow::Borrowed(host), Cow::Owned)
}

fn client(roots: RootCertStore) -> Arc<ClientConfig> {
    let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has what TLS 1.2 and 1.3 need");
    let mut client = client.with_root_certificates(roots).with_no_client_auth();
    // A resumed session would show no certificate, and the certificate may have changed since.
    client.resumption = Resumption::disabled();
    Arc::new(client)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_an_address_is_the_name() {
        let name = |address| name_of(address).map(|name| name.to_str().into_owned());
        assert_eq!(name("xmpp.example:5347").as_deref(), Some("xmpp.example"));
        assert_eq!(name("127.0.0.1:5347").as_deref(), Some("127.0.0.1"));
        assert_eq!(name("[::1]:5347").as_deref(), Some("::1"));
        assert_eq!(name("Ö.example:5347").as_deref(), Some("xn--nda.example"));
        assert_eq!(name("a_b c:5347"), None);
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        let error = |pem: &str| Trust::from_pem(pem.as_bytes()).unwrap_err().to_string();
        assert_eq!(error(""), "there is no certificate in it");
        assert_eq!(error("hello"), "there is no certificate in it");
        let cut = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        assert_eq!(error(cut), "a certificate in it is cut short, or is not base64");
        let empty = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(error(empty), "certificate 1 in it is broken");
    }
}
