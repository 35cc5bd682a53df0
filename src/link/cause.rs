//! Why there is no stream: a name for each cause, and its remedy.

use crate::named;
use crate::session::ending::Ending;

use super::connect::ConnectError;
use super::login::LoginError;
use super::port::Port;
use super::tls::TlsError;

macro_rules! causes {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:literal $wait:ident $remedy:literal,)+) => {
        named! {
            /// The cause of a lost stream or of a failed login. A new cause is one row of this
            /// table.
            pub enum Cause { $($(#[doc = $doc])+ $variant = $name,)+ }
        }

        impl Cause {
            /// How many seconds to wait before the next attempt: at least, and at most.
            pub fn wait(self) -> (f64, f64) {
                match self { $(Self::$variant => $wait,)+ }
            }

            /// What to do about it; empty where waiting is all.
            pub fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $remedy,)+ }
            }
        }
    };
}

causes! {
    /// Nobody listens at the address.
    Refused "refused" SOON "is the server running, and does it listen for components there?",
    /// Another component is connected under our name (docs/servers.md#one-connection).
    Conflict "conflict" STANDBY
        "another component is connected under this name; standing by until it goes",
    /// A working stream ended because another instance logged in under our name.
    Replaced "replaced" RIVAL
        "another instance replaced this one: run one process for each domain on this server, or \
         set its conflict policy to refuse the new connection",
    /// The secret is wrong.
    NotAuthorized "not-authorized" REPAIR
        "compare the secret, and the domain, with the server's configuration (on ejabberd the \
         domain must be under hosts: if the listener has any)",
    /// The server does not know the domain.
    HostUnknown "host-unknown" REPAIR
        "add the component to the server's configuration; or is this another port than the one for \
         components?",
    /// The server shut down or closed the stream in good order.
    Closed "closed" USUAL "",
    /// The connection ended without a closing tag or an error.
    Disconnected "disconnected" USUAL "the server's log may say more",
    /// What the server sent can't be a stream.
    Protocol "protocol" USUAL
        "check that this is its port for components (XEP-0114); if so, please report this line",
    /// The server ended the stream with another error.
    StreamError "stream-error" USUAL
        "the server's log may say more; docs/troubleshooting.md explains each condition",
    /// The server ended a working stream because of a stanza that is over its own limit.
    ServerLimit "server-limit" USUAL
        "set [limits] max-stanza-bytes below the server's limit, or raise that \
         (component_stanza_size_limit on Prosody, max_stanza_size of the listener on ejabberd), \
         and reload",
    /// The server wants us to connect to another one.
    Redirected "redirected" USUAL
        "set [server] address to that one, if it is the same operator's",
    /// It did not answer in time when we wanted to log in.
    Timeout "timeout" USUAL
        "is it the server's port for components (XEP-0114), and is `tls` set as that port needs it \
         (an HTTP server would be silent, too)? Or is a node of its cluster unreachable?",
    /// On a working stream it did not read, or did not answer, for too long.
    Unresponsive "unresponsive" USUAL
        "is the server overloaded or stopped, is its host down, or has a firewall in between \
         dropped the connection?",
    /// It ended the connection before it had said anything.
    HungUp "hung-up" USUAL
        "is it the server's port for components (XEP-0114), is `tls` set as that port needs it, \
         and may this machine connect? The server's log may say more",
    /// Its name has no address, or there is no way to it.
    Unreachable "unreachable" USUAL
        "check [server] address and the network: does a firewall reject the connection?",
    /// Nothing at the address answered when we wanted to connect.
    NoAnswer "no-answer" USUAL
        "is that host down, or does a firewall in between drop packets to this port? Check \
         [server] address",
    /// The server speaks XMPP there, but not with components.
    WrongPort "wrong-port" USUAL
        "set [server] address to the server's port for components (XEP-0114), usually 5347",
    /// Whatever answers there does not speak XMPP.
    NotXmpp "not-xmpp" USUAL
        "something else listens there, or a proxy is in between: check [server] address",
    /// The server speaks TLS there, and we do not.
    TlsWanted "tls-wanted" REPAIR "set tls = true beside the server's address",
    /// We speak TLS, and the server does not.
    NoTls "no-tls" REPAIR
        "configure TLS on that port of the server (on ejabberd `tls: true` and a certfile, on \
         Prosody mod_net_multiplex), or remove tls = true",
    /// The server's certificate is for other names.
    CertificateName "certificate-name" REPAIR
        "connect to the server by a name in its certificate, or set server-name to one (on \
         Prosody to one of its hosts)",
    /// The server's certificate is not valid now.
    CertificateExpired "certificate-expired" REPAIR
        "renew it and have the server load it; or is a clock wrong?",
    /// The server's certificate does not come from a trusted CA.
    CertificateUntrusted "certificate-untrusted" REPAIR
        "name the certificate of the CA that signed it in ca-file, or add it to those of the \
         system, and reload; or does the server not send the intermediate certificates?",
    /// The server's certificate can't be used for another reason.
    Certificate "certificate" REPAIR "give the server another certificate",
    /// The TLS handshake failed for another reason.
    Tls "tls" REPAIR
        "does the server have a certificate for this port, and TLS 1.2 or 1.3? Its log may say \
         more",
    /// This process, or this machine, has too few descriptors, threads or memory to connect.
    Shortage "shortage" USUAL
        "raise the limit that was reached: LimitNOFILE= (ulimit -n), TasksMax= or MemoryMax= in \
         its unit, or that of the container",
    /// The task that kept the stream up failed.
    Crashed "crashed" USUAL "this is a bug: please report it, with the lines before",
    /// The configuration wants another server or secret.
    Reconfigured "reconfigured" NONE "",
    /// Closed for an upgrade in place, since TLS can't be handed over.
    Upgrade "upgrade" NONE "",
}

/// A process that takes over must not be late.
const SOON: (f64, f64) = (0.2, 1.0);
const STANDBY: (f64, f64) = (1.0, 1.0);
/// Two processes that replace each other must not do so endlessly.
const RIVAL: (f64, f64) = (30.0, 300.0);
/// Somebody has to change something first.
const REPAIR: (f64, f64) = (5.0, 60.0);
const USUAL: (f64, f64) = (0.2, 60.0);
const NONE: (f64, f64) = (0.0, 0.0);

impl Cause {
    /// Whether something went wrong, rather than that we wanted it so.
    pub fn is_failure(self) -> bool {
        !matches!(self, Self::Reconfigured | Self::Upgrade)
    }

    /// `message`, and what to do about it.
    pub fn explain(self, message: &str) -> String {
        match self.remedy() {
            "" => message.to_owned(),
            remedy => format!("{message}; {remedy}"),
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
                "see-other-host" => Self::Redirected,
                _ => Self::StreamError,
            },
            Ending::TooLarge { .. } => Self::ServerLimit,
            Ending::Closed => Self::Closed,
            Ending::Broken(_) => Self::Protocol,
            Ending::Silent | Ending::Stalled => Self::Unresponsive,
        }
    }
}

impl From<&LoginError> for Cause {
    fn from(error: &LoginError) -> Self {
        match error {
            error if error.is_shortage() => Self::Shortage,
            LoginError::Connect(error) => Self::from(error),
            LoginError::Timeout { .. } => Self::Timeout,
            LoginError::WrongPort(Port::Clients | Port::Servers) => Self::WrongPort,
            LoginError::WrongPort(Port::Tls) => Self::TlsWanted,
            LoginError::WrongPort(Port::Http(_) | Port::Other(_)) => Self::NotXmpp,
            // Only ports that are not for components reject the stream's namespace.
            LoginError::StreamEnded(Ending::StreamError { condition, .. })
                if condition == "invalid-namespace" =>
            {
                Self::WrongPort
            }
            LoginError::StreamEnded(ending) => match Self::from(ending) {
                Self::Replaced => Self::Conflict,
                other => other,
            },
            LoginError::NoStreamId | LoginError::Unexpected(_) | LoginError::Unreadable(_) => {
                Self::Protocol
            }
            LoginError::Mute => Self::HungUp,
            LoginError::ConnectionEnded | LoginError::Broken(_) => Self::Disconnected,
            LoginError::Tls(error) => Self::from(error),
        }
    }
}

impl From<&ConnectError> for Cause {
    fn from(error: &ConnectError) -> Self {
        match error {
            error if error.is_shortage() => Self::Shortage,
            error if error.is_refused() => Self::Refused,
            ConnectError::NoAnswer { .. } => Self::NoAnswer,
            ConnectError::Lookup { .. }
            | ConnectError::NotLookedUp { .. }
            | ConnectError::Failed { .. } => Self::Unreachable,
        }
    }
}

impl From<&TlsError> for Cause {
    fn from(error: &TlsError) -> Self {
        match error {
            TlsError::WrongName { .. } | TlsError::UnknownName(_) => Self::CertificateName,
            TlsError::Expired { .. } | TlsError::NotYetValid { .. } => Self::CertificateExpired,
            TlsError::UnknownIssuer { .. } | TlsError::OtherKey => Self::CertificateUntrusted,
            TlsError::NotOfServer | TlsError::Certificate(_) => Self::Certificate,
            TlsError::NotSpoken => Self::NoTls,
            TlsError::Alert(_) | TlsError::Failed(_) => Self::Tls,
            TlsError::Broken(_) => Self::Disconnected,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_cause_has_a_name_of_its_own_and_a_place_in_the_list() {
        let names: HashSet<_> = Cause::ALL.iter().map(|c| c.name()).collect();
        assert_eq!(names.len(), Cause::ALL.len());
        for (place, cause) in Cause::ALL.iter().enumerate() {
            assert_eq!(*cause as usize, place);
        }
    }

    #[test]
    fn some_errors_are_another_matter_on_a_working_stream() {
        let conflict = Ending::StreamError { condition: "conflict".into(), text: None };
        assert_eq!(Cause::from(&conflict), Cause::Replaced);
        assert_eq!(Cause::from(&LoginError::StreamEnded(conflict)), Cause::Conflict);
        let namespace = Ending::StreamError { condition: "invalid-namespace".into(), text: None };
        assert_eq!(Cause::from(&namespace), Cause::StreamError);
        assert_eq!(Cause::from(&LoginError::StreamEnded(namespace)), Cause::WrongPort);
    }
}
