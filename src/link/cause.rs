//! Why there is no stream: a name for each cause, and its remedy.

use std::io;

use crate::session::ending::Ending;

use super::login::LoginError;
use super::tls::TlsError;

/// The cause of a lost stream or of a failed login. Names are metric labels and words in logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Nobody listens at the address.
    Refused,
    /// Another component is connected under our name.
    Conflict,
    /// A working stream ended because another instance logged in under our name.
    Replaced,
    /// The secret is wrong.
    NotAuthorized,
    /// The server does not know the domain.
    HostUnknown,
    /// The server shut down or closed the stream in good order.
    Closed,
    /// The connection ended without a word.
    Disconnected,
    /// What the server sent can't be a stream.
    Protocol,
    /// The server ended the stream with another error.
    StreamError,
    /// It did not answer in time when we wanted to log in.
    Timeout,
    /// On a working stream it did not read, or did not answer, for too long.
    Unresponsive,
    /// Its name has no address, or there is no way to it.
    Unreachable,
    /// The server speaks XMPP there, but not with components.
    WrongPort,
    /// The server speaks TLS there, and we do not.
    TlsWanted,
    /// We speak TLS, and the server does not.
    NoTls,
    /// The server's certificate is for other names.
    CertificateName,
    /// The server's certificate is not valid now.
    CertificateExpired,
    /// The server's certificate comes from nobody who is trusted.
    CertificateUntrusted,
    /// The server's certificate can't be used for another reason.
    Certificate,
    /// The TLS handshake failed for another reason.
    Tls,
    /// The configuration wants another server or secret.
    Reconfigured,
    /// Closed for an upgrade in place, since TLS can't be handed over.
    Upgrade,
}

impl Cause {
    pub const ALL: [Self; 22] = [
        Self::Refused,
        Self::Conflict,
        Self::Replaced,
        Self::NotAuthorized,
        Self::HostUnknown,
        Self::Closed,
        Self::Disconnected,
        Self::Protocol,
        Self::StreamError,
        Self::Timeout,
        Self::Unresponsive,
        Self::Unreachable,
        Self::WrongPort,
        Self::TlsWanted,
        Self::NoTls,
        Self::CertificateName,
        Self::CertificateExpired,
        Self::CertificateUntrusted,
        Self::Certificate,
        Self::Tls,
        Self::Reconfigured,
        Self::Upgrade,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Conflict => "conflict",
            Self::Replaced => "replaced",
            Self::NotAuthorized => "not-authorized",
            Self::HostUnknown => "host-unknown",
            Self::Closed => "closed",
            Self::Disconnected => "disconnected",
            Self::Protocol => "protocol",
            Self::StreamError => "stream-error",
            Self::Timeout => "timeout",
            Self::Unresponsive => "unresponsive",
            Self::Unreachable => "unreachable",
            Self::WrongPort => "wrong-port",
            Self::TlsWanted => "tls-wanted",
            Self::NoTls => "no-tls",
            Self::CertificateName => "certificate-name",
            Self::CertificateExpired => "certificate-expired",
            Self::CertificateUntrusted => "certificate-untrusted",
            Self::Certificate => "certificate",
            Self::Tls => "tls",
            Self::Reconfigured => "reconfigured",
            Self::Upgrade => "upgrade",
        }
    }

    /// `message`, and what to do about it.
    pub fn explain(self, message: &str) -> String {
        match self.remedy() {
            "" => message.to_owned(),
            remedy => format!("{message}; {remedy}"),
        }
    }

    /// What to do about it; empty where waiting is all.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Refused => "is the server running, and does it listen for components there?",
            Self::Conflict => {
                "another component is connected under this name; standing by until it goes"
            }
            Self::Replaced => {
                "another instance replaced us: run one process for each domain on this server, \
                 or set its conflict policy to refuse the newcomer"
            }
            Self::NotAuthorized => {
                "compare the secret, and the domain, with the server's configuration (on ejabberd \
                 the domain must be under hosts: if the listener has any)"
            }
            Self::HostUnknown => {
                "add the component to the server's configuration; or is this not its port for \
                 components?"
            }
            Self::WrongPort => "this is no port for components (XEP-0114): check [server] address",
            Self::Unreachable => "check [server] address",
            Self::Timeout => {
                "is it the server's port for components (XEP-0114), and does `tls` say what it \
                 speaks there?"
            }
            Self::TlsWanted => "set tls = true beside the server's address",
            Self::NoTls => {
                "let the server speak TLS there (on ejabberd `tls: true` and a certfile), or take \
                 tls = true out"
            }
            Self::CertificateName => {
                "connect to the server by a name in its certificate, or set server-name to one"
            }
            Self::CertificateExpired => {
                "renew it, and let the server load it; or is a clock wrong?"
            }
            Self::CertificateUntrusted => {
                "name the certificate of the CA that signed it in ca-file, or add it to those of \
                 the system, and reload; or does the server not send the certificates between?"
            }
            Self::Certificate => "give the server another certificate",
            Self::Tls => {
                "has the server a certificate for this port, and TLS 1.2 or 1.3? Its log may say \
                 more"
            }
            Self::Closed
            | Self::Disconnected
            | Self::Protocol
            | Self::StreamError
            | Self::Unresponsive
            | Self::Reconfigured
            | Self::Upgrade => "",
        }
    }
}

impl From<&Ending> for Cause {
    fn from(ending: &Ending) -> Self {
        match ending {
            Ending::StreamError { condition, .. } => match condition.as_str() {
                "conflict" => Self::Replaced,
                "not-authorized" => Self::NotAuthorized,
                "host-unknown" | "host-gone" => Self::HostUnknown,
                "system-shutdown" => Self::Closed,
                _ => Self::StreamError,
            },
            Ending::Closed => Self::Closed,
            Ending::Broken(_) => Self::Protocol,
            Ending::Silent | Ending::Stalled => Self::Unresponsive,
        }
    }
}

impl From<&LoginError> for Cause {
    fn from(error: &LoginError) -> Self {
        match error {
            LoginError::Lookup { .. } => Self::Unreachable,
            error if error.is_refusal() => Self::Refused,
            LoginError::Connect { .. } => Self::Unreachable,
            LoginError::Timeout { .. } => Self::Timeout,
            // A port for clients minds the namespace of the stream.
            LoginError::Refused(Ending::StreamError { condition, .. })
                if condition == "invalid-namespace" =>
            {
                Self::WrongPort
            }
            LoginError::Refused(ending) => match Self::from(ending) {
                Self::Replaced => Self::Conflict,
                other => other,
            },
            LoginError::NoStreamId | LoginError::Unexpected(_) => Self::Protocol,
            LoginError::Broken(error) if error.kind() == io::ErrorKind::InvalidData => {
                Self::Protocol
            }
            LoginError::Broken(_) | LoginError::Mute => Self::Disconnected,
            LoginError::TlsWanted => Self::TlsWanted,
            LoginError::Tls(error) => Self::from(error),
        }
    }
}

impl From<&TlsError> for Cause {
    fn from(error: &TlsError) -> Self {
        match error {
            TlsError::WrongName { .. } => Self::CertificateName,
            TlsError::Expired { .. } | TlsError::NotYetValid { .. } => Self::CertificateExpired,
            TlsError::UnknownIssuer { .. } | TlsError::OtherKey => Self::CertificateUntrusted,
            TlsError::NotOfServer | TlsError::Certificate(_) => Self::Certificate,
            TlsError::NotSpoken => Self::NoTls,
            TlsError::Alert(_) | TlsError::Handshake(_) => Self::Tls,
            TlsError::Broken(_) => Self::Disconnected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_errors_are_another_matter_on_a_working_stream() {
        let conflict = Ending::StreamError { condition: "conflict".into(), text: None };
        assert_eq!(Cause::from(&conflict), Cause::Replaced);
        assert_eq!(Cause::from(&LoginError::Refused(conflict)), Cause::Conflict);
        let namespace = Ending::StreamError { condition: "invalid-namespace".into(), text: None };
        assert_eq!(Cause::from(&namespace), Cause::StreamError);
        assert_eq!(Cause::from(&LoginError::Refused(namespace)), Cause::WrongPort);
    }
}
