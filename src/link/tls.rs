//! The TLS handshake of a connection, and what can be wrong with the certificate of a server.

use std::fmt::Debug;
use std::io;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::UnixTime;
use tokio_rustls::rustls::{
    AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible,
};

use crate::config::TlsConfig;
use crate::misleading::is_misleading;
use crate::time::show_moment;

/// Why a connection could not be encrypted. The library's own messages are mostly the names of its
/// variants, so here is a sentence for each.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("the server's certificate is not for {wanted}, but for {}", listed(names))]
    WrongName { wanted: String, names: Vec<String> },
    #[error("the server has no host named {0}")]
    UnknownName(String),
    #[error("the server's certificate expired {}", moment("at ", *at))]
    Expired { at: Option<UnixTime> },
    #[error("the server's certificate is not valid before {}", moment("", *at))]
    NotYetValid { at: Option<UnixTime> },
    #[error("the server's certificate comes from a CA that {}", who(*of_system))]
    UnknownIssuer { of_system: bool },
    #[error(
        "the server's certificate names a CA that is trusted, but another key has signed it: was \
         the CA created again?"
    )]
    OtherKey,
    #[error(
        "the server's certificate is that of a CA itself (self-signed, perhaps), not that of a \
         server"
    )]
    NotOfServer,
    #[error("the server's certificate can't be used: {0}")]
    Certificate(String),
    #[error("the server does not speak TLS there")]
    NotSpoken,
    #[error("the server ended TLS with an alert: {0}")]
    Alert(String),
    #[error("TLS failed: {0}")]
    Failed(String),
    #[error(
        "the connection broke during the TLS handshake ({0}): does the server have a certificate \
         for this port?"
    )]
    Broken(io::Error),
}

/// Performs the handshake with the server at the other end of `socket`.
pub(super) async fn encrypt(
    socket: TcpStream,
    tls: &TlsConfig,
) -> Result<TlsStream<TcpStream>, TlsError> {
    let connector = TlsConnector::from(tls.client().clone());
    let connected = connector.connect(tls.name.clone(), socket).await;
    connected.map_err(|error| match cause(&error) {
        None => TlsError::Broken(error),
        Some(Error::InvalidCertificate(wrong)) => TlsError::of_certificate(wrong, tls),
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => TlsError::NotSpoken,
        // docs/servers.md#hosts-only
        Some(Error::AlertReceived(AlertDescription::UnrecognisedName)) => {
            TlsError::UnknownName(tls.name.to_str().into_owned())
        }
        Some(other) => TlsError::of(other),
    })
}

/// Why a connection ended that may have been encrypted.
pub(super) fn explain(error: &io::Error) -> String {
    TlsError::within(error).map_or_else(|| error.to_string(), |error| error.to_string())
}

fn cause(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

impl TlsError {
    /// The TLS error that ended an encrypted connection, if there is one.
    pub fn within(error: &io::Error) -> Option<Self> {
        cause(error).map(Self::of)
    }

    fn of(error: &Error) -> Self {
        Self::Failed(match error {
            Error::AlertReceived(AlertDescription::Unknown(number)) => {
                return Self::Alert(format!("number {number}"));
            }
            Error::AlertReceived(alert) => return Self::Alert(words(alert)),
            Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
                "the server sent a message out of turn".to_owned()
            }
            Error::InvalidMessage(why) => {
                format!("a message from the server is malformed: {}", words(why))
            }
            Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
            ) => "the server speaks neither TLS 1.2 nor 1.3".to_owned(),
            Error::PeerIncompatible(why) => {
                format!(
                    "the server and this program have no TLS settings in common: {}",
                    words(why)
                )
            }
            Error::PeerMisbehaved(why) => format!("the server broke a rule: {}", words(why)),
            Error::NoCertificatesPresented => "the server sent no certificate".to_owned(),
            Error::DecryptError => "what the server sent can't be decrypted".to_owned(),
            Error::PeerSentOversizedRecord => {
                "the server sent a record that is too long".to_owned()
            }
            other => words(other),
        })
    }

    fn of_certificate(wrong: &CertificateError, tls: &TlsConfig) -> Self {
        Self::Certificate(match wrong {
            CertificateError::NotValidForNameContext { presented, .. } => {
                return Self::WrongName {
                    wanted: tls.name.to_str().into_owned(),
                    names: presented.iter().map(|name| plain(name)).collect(),
                };
            }
            CertificateError::ExpiredContext { not_after, .. } => {
                return Self::Expired { at: Some(*not_after) };
            }
            CertificateError::Expired => return Self::Expired { at: None },
            CertificateError::NotValidYetContext { not_before, .. } => {
                return Self::NotYetValid { at: Some(*not_before) };
            }
            CertificateError::NotValidYet => return Self::NotYetValid { at: None },
            CertificateError::UnknownIssuer => {
                return Self::UnknownIssuer { of_system: tls.trusts_system() };
            }
            // The second: with a key of another kind.
            CertificateError::BadSignature
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
                return Self::OtherKey;
            }
            CertificateError::UnsupportedSignatureAlgorithmContext { .. } => {
                "it was signed in a way that is not supported; RSA, ECDSA and Ed25519 are, but not \
                 with SHA-1"
                    .to_owned()
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                "its extended key usage says that it is not for servers".to_owned()
            }
            CertificateError::BadEncoding => "it is not encoded correctly".to_owned(),
            CertificateError::Revoked => "it was revoked".to_owned(),
            CertificateError::Other(rule) => match rule.0.downcast_ref() {
                Some(webpki::Error::CaUsedAsEndEntity) => return Self::NotOfServer,
                _ => format!("it breaks a rule: {}", words(&*rule.0)),
            },
            other => words(other),
        })
    }
}

/// The name of a variant of the library, `UnknownCA`, as people write it: `unknown CA`. Its
/// contents are left out.
fn words<T: Debug + ?Sized>(variant: &T) -> String {
    let text = format!("{variant:?}");
    let name = text.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    let mut words: Vec<String> = Vec::new();
    for c in name.chars() {
        match words.last_mut() {
            Some(word)
                if !c.is_ascii_uppercase() || word.ends_with(|b: char| b.is_ascii_uppercase()) =>
            {
                word.push(c);
            }
            _ => words.push(c.to_string()),
        }
    }
    for word in &mut words {
        if word.chars().any(|c| c.is_ascii_lowercase()) {
            word.make_ascii_lowercase();
        }
    }
    words.join(" ")
}

/// A name in the library's own words, `DnsName("a.example")`, as people write it. It comes from
/// the server.
fn plain(name: &str) -> String {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    let text = inner.unwrap_or(name).trim_matches('"');
    text.chars().filter(|c| !is_misleading(*c)).take(LONGEST_NAME).collect()
}

fn listed(names: &[String]) -> String {
    match names {
        [] => "no name at all (a common name does not count)".to_owned(),
        _ if names.len() > MOST_NAMES => {
            let more = names.len() - MOST_NAMES;
            format!("{} and {more} more", names[..MOST_NAMES].join(", "))
        }
        _ => names.join(", "),
    }
}

fn moment(word: &str, at: Option<UnixTime>) -> String {
    at.map_or_else(String::new, |at| format!("{word}{}", show_moment(at.as_secs())))
}

fn who(of_system: bool) -> &'static str {
    if of_system { "the system does not trust" } else { "the ca-file does not name" }
}

const MOST_NAMES: usize = 5;
/// RFC 1035 section 3.1.
const LONGEST_NAME: usize = 255;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio_rustls::rustls::{
        CertRevocationListError, ContentType, EncryptedClientHelloError, ExtendedKeyPurpose,
        HandshakeType, InconsistentKeys, OtherError, PeerMisbehaved,
    };

    use super::*;
    use crate::config::{Trust, tls::name};

    #[test]
    fn names_are_shown_as_people_write_them() {
        assert_eq!(plain("DnsName(\"a.example\")"), "a.example");
        assert_eq!(plain("IpAddress(127.0.0.1)"), "127.0.0.1");
        assert_eq!(plain("\u{1b}[2Jx"), "[2Jx");
        let names = |count: usize| listed(&vec!["a".to_owned(); count]);
        assert_eq!(names(0), "no name at all (a common name does not count)");
        assert_eq!(names(2), "a, a");
        assert_eq!(names(7), "a, a, a, a, a and 2 more");
    }
    /// For all errors that can be made without a server.
    #[test]
    fn nothing_is_said_in_the_words_of_a_program() {
        let tls = trusting();
        let (time, name) = (UnixTime::since_unix_epoch(Duration::ZERO), tls.name.clone());
        let purpose = ExtendedKeyPurpose::Other(vec![1, 3, 6]);
        let certificates = [
            CertificateError::BadEncoding,
            CertificateError::Expired,
            CertificateError::ExpiredContext { time, not_after: time },
            CertificateError::NotValidYet,
            CertificateError::NotValidYetContext { time, not_before: time },
            CertificateError::Revoked,
            CertificateError::UnhandledCriticalExtension,
            CertificateError::UnknownIssuer,
            CertificateError::UnknownRevocationStatus,
            CertificateError::ExpiredRevocationList,
            CertificateError::ExpiredRevocationListContext { time, next_update: time },
            CertificateError::BadSignature,
            CertificateError::UnsupportedSignatureAlgorithmContext {
                signature_algorithm_id: vec![1],
                supported_algorithms: vec![],
            },
            CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
                signature_algorithm_id: vec![1],
                public_key_algorithm_id: vec![2],
            },
            CertificateError::NotValidForName,
            CertificateError::NotValidForNameContext {
                expected: name,
                presented: vec!["DnsName(\"b.example\")".to_owned()],
            },
            CertificateError::InvalidPurpose,
            CertificateError::InvalidPurposeContext {
                required: purpose.clone(),
                presented: vec![purpose],
            },
            CertificateError::InvalidOcspResponse,
            CertificateError::ApplicationVerificationFailure,
            CertificateError::Other(OtherError(Arc::new(Structure { _field: vec![1] }))),
        ];
        let errors = [
            Error::InappropriateMessage {
                expect_types: vec![ContentType::Handshake],
                got_type: ContentType::Alert,
            },
            Error::InappropriateHandshakeMessage {
                expect_types: vec![HandshakeType::Finished],
                got_type: HandshakeType::ServerHello,
            },
            Error::InvalidEncryptedClientHello(EncryptedClientHelloError::SniRequired),
            Error::InvalidMessage(InvalidMessage::MissingData("x")),
            Error::InvalidMessage(InvalidMessage::DuplicateExtension(7)),
            Error::NoCertificatesPresented,
            Error::UnsupportedNameType,
            Error::DecryptError,
            Error::EncryptError,
            Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13),
            Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon),
            Error::PeerIncompatible(PeerIncompatible::ServerRejectedEncryptedClientHello(None)),
            Error::PeerMisbehaved(PeerMisbehaved::SelectedUnofferedKxGroup),
            Error::AlertReceived(AlertDescription::HandshakeFailure),
            Error::AlertReceived(AlertDescription::Unknown(200)),
            Error::InvalidCertRevocationList(CertRevocationListError::BadSignature),
            Error::General("a(b){c}".to_owned()),
            Error::FailedToGetCurrentTime,
            Error::FailedToGetRandomBytes,
            Error::HandshakeNotComplete,
            Error::PeerSentOversizedRecord,
            Error::NoApplicationProtocol,
            Error::BadMaxFragmentSize,
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch),
            Error::Other(OtherError(Arc::new(Structure { _field: vec![1] }))),
        ];
        let of = certificates.iter().map(|wrong| TlsError::of_certificate(wrong, &tls));
        for error in of.chain(errors.iter().map(TlsError::of)) {
            let said = error.to_string();
            assert!(!said.contains(['{', '}', '[', '_']) && !said.contains("::"), "{said}");
            for two in said.as_bytes().windows(2) {
                let (word, next) = (two[0].is_ascii_alphanumeric(), two[1]);
                let hump = two[0].is_ascii_lowercase() && next.is_ascii_uppercase();
                assert!(!hump && (next != b'(' || !word), "{said}");
            }
        }
    }

    #[derive(Debug, thiserror::Error)]
    #[error("{self:?}")]
    struct Structure {
        _field: Vec<u8>,
    }

    fn trusting() -> TlsConfig {
        let ca = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        TlsConfig::new(
            name("a.example").unwrap(),
            Trust::from_pem(ca.cert.pem().as_bytes()).unwrap(),
        )
    }

    #[test]
    fn names_of_variants_become_words() {
        assert_eq!(words(&AlertDescription::HandshakeFailure), "handshake failure");
        assert_eq!(words(&AlertDescription::UnknownCA), "unknown CA");
        assert_eq!(words(&InvalidMessage::MissingData("x")), "missing data");
    }
}
