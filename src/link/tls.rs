//! The TLS handshake of a connection, and what can be wrong with the certificate of a server.

use std::io;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::UnixTime;
use tokio_rustls::rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

use crate::config::Tls;
use crate::config::time::show_moment;
use crate::misleading::is_misleading;

/// Why a connection could not be encrypted.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("the server's certificate is not for {wanted}, but for {}", listed(names))]
    WrongName { wanted: String, names: Vec<String> },
    #[error("the server's certificate expired {}", moment("at ", *at))]
    Expired { at: Option<UnixTime> },
    #[error("the server's certificate is not valid before {}", moment("", *at))]
    NotYetValid { at: Option<UnixTime> },
    #[error("the server's certificate comes from a CA that {}", who(*of_system))]
    UnknownIssuer { of_system: bool },
    #[error(
        "the server's certificate names a CA that is trusted, but another key has signed it: was \
         the CA made anew?"
    )]
    OtherKey,
    #[error(
        "the server's certificate is that of a CA itself (self-signed, perhaps), not that of a \
         server"
    )]
    NotOfServer,
    #[error("the server's certificate can't be used: {0}")]
    Certificate(CertificateError),
    #[error("the server does not speak TLS there")]
    NotSpoken,
    #[error("the server broke the TLS handshake off: {0:?}")]
    Alert(AlertDescription),
    #[error("the TLS handshake failed: {0}")]
    Handshake(Error),
    #[error(
        "the connection broke during the TLS handshake ({0}): has the server a certificate for \
         this port?"
    )]
    Broken(io::Error),
}

/// Shakes hands with the server at the other end of `socket`.
pub async fn encrypt(socket: TcpStream, tls: &Tls) -> Result<TlsStream<TcpStream>, TlsError> {
    let connector = TlsConnector::from(tls.client().clone());
    let connected = connector.connect(tls.name.clone(), socket).await;
    connected.map_err(|error| TlsError::new(error, tls))
}

impl TlsError {
    fn new(error: io::Error, tls: &Tls) -> Self {
        let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        match cause {
            None => Self::Broken(error),
            Some(Error::InvalidCertificate(wrong)) => Self::of_certificate(wrong, tls),
            Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => Self::NotSpoken,
            Some(Error::AlertReceived(alert)) => Self::Alert(*alert),
            Some(other) => Self::Handshake(other.clone()),
        }
    }

    fn of_certificate(wrong: &CertificateError, tls: &Tls) -> Self {
        match wrong {
            CertificateError::NotValidForNameContext { presented, .. } => Self::WrongName {
                wanted: tls.name.to_str().into_owned(),
                names: presented.iter().map(|name| plain(name)).collect(),
            },
            CertificateError::ExpiredContext { not_after, .. } => {
                Self::Expired { at: Some(*not_after) }
            }
            CertificateError::Expired => Self::Expired { at: None },
            CertificateError::NotValidYetContext { not_before, .. } => {
                Self::NotYetValid { at: Some(*not_before) }
            }
            CertificateError::NotValidYet => Self::NotYetValid { at: None },
            CertificateError::UnknownIssuer => {
                Self::UnknownIssuer { of_system: tls.trusts_system() }
            }
            CertificateError::BadSignature => Self::OtherKey,
            // The library has no name for it.
            other if format!("{other:?}").contains("CaUsedAsEndEntity") => Self::NotOfServer,
            other => Self::Certificate(other.clone()),
        }
    }
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
    use super::*;

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
}
