//! What a port is for, judged by the first bytes that it sends.

use std::fmt;

use quick_xml::Reader;
use quick_xml::events::Event;

/// A port that is not for components (XEP-0114).
#[derive(Debug, PartialEq, Eq)]
pub enum Port {
    /// For clients (RFC 6120).
    Clients,
    /// For other servers.
    Servers,
    /// It speaks TLS.
    Tls,
    /// Of an HTTP server, with the first line that it said.
    Http(String),
    /// Of something else that speaks no XMPP, with its first line.
    Other(String),
}

impl Port {
    /// What the first bytes, `said`, show; `None`: it may well be a port for components. A
    /// stream header says what the port is for (docs/servers.md#says-its-port).
    pub fn of(said: &[u8]) -> Option<Self> {
        // The alert of a server that wanted a TLS handshake (RFC 8446 section 5.1;
        // docs/servers.md#tls-alert).
        if said.first() == Some(&21) {
            return Some(Self::Tls);
        }
        let text = String::from_utf8_lossy(said);
        let text = text.trim_start_matches('\u{feff}').trim_ascii_start();
        if text.starts_with("HTTP/") {
            return Some(Self::Http(first_line(text)));
        }
        match root(text) {
            Some((name, namespace)) if name == "stream" => match namespace.as_deref() {
                Some("jabber:client") => Some(Self::Clients),
                Some("jabber:server") => Some(Self::Servers),
                _ => None,
            },
            Some(_) => Some(Self::Other(first_line(text))),
            // An incomplete header proves nothing.
            None if text.is_empty() || text.starts_with('<') => None,
            None => Some(Self::Other(first_line(text))),
        }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clients => f.write_str("that is the server's port for clients"),
            Self::Servers => f.write_str("that is the server's port for other servers"),
            Self::Tls => f.write_str("the server speaks TLS there, and we do not"),
            Self::Http(line) => write!(f, "an HTTP server, or a proxy, answered: {line:?}"),
            Self::Other(line) => {
                write!(f, "something that is not an XMPP server answered: {line:?}")
            }
        }
    }
}

/// The local name and the default namespace of the first element of `text`, if its start tag is
/// there and well formed.
fn root(text: &str) -> Option<(String, Option<String>)> {
    let mut reader = Reader::from_str(text);
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) | Event::Empty(tag) => {
                let namespace = tag.try_get_attribute("xmlns").ok()?;
                let namespace = namespace.map(|attribute| attribute.value.into_owned());
                return Some((tag.local_name().as_ref().to_owned(), namespace));
            }
            Event::Decl(_) | Event::DocType(_) => {}
            Event::Text(text) if text.trim_ascii().is_empty() => {}
            _ => return None,
        }
    }
}

/// As much of the first line as fits into a line of the log.
fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars().filter(|c| matches!(c, ' '..='~')).take(LONGEST_LINE).collect()
}

const LONGEST_LINE: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    fn of(said: &str) -> Option<Port> {
        Port::of(said.as_bytes())
    }

    #[test]
    fn streams_are_told_by_the_namespace_of_what_they_hold() {
        let stream = |namespace: &str| {
            let stream = "<?xml version='1.0'?>\n<x:stream xmlns:x='urn:x' xmlns=";
            of(&format!("{stream}'{namespace}' id='1'><x:features/>"))
        };
        assert_eq!(stream("jabber:client"), Some(Port::Clients));
        assert_eq!(stream("jabber:server"), Some(Port::Servers));
        assert_eq!(stream("jabber:component:accept"), None);
        assert_eq!(of("\u{feff}<stream xmlns=\"jabber:client\">"), Some(Port::Clients));
        for nothing in ["", " ", "<", "<?xml version='1.0'?><stream:stream xmlns='jabber:cl"] {
            assert_eq!(of(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn what_is_no_xmpp_is_quoted() {
        let http = "HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n<html></html>";
        assert_eq!(of(http), Some(Port::Http("HTTP/1.1 400 Bad Request".into())));
        let other = |said: &str, line: &str| assert_eq!(of(said), Some(Port::Other(line.into())));
        other("SSH-2.0-OpenSSH_9.2\r\n", "SSH-2.0-OpenSSH_9.2");
        other("<!DOCTYPE html>\n<html><body>", "<!DOCTYPE html>");
        other("\u{1b}[2J\u{202e}x\0", "[2Jx");
        other(&"x".repeat(1_000), &"x".repeat(80));
        assert_eq!(Port::of(b"\xff\xfe\x00"), Some(Port::Other(String::new())));
        assert_eq!(Port::of(b"\x15\x03\x03\x00\x02\x02\x28"), Some(Port::Tls));
    }
}
