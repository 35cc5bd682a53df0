//! How a component logs in (XEP-0114 section 3), and how that goes wrong on demand.

use std::fmt::Write;
use std::io;

use jat_core::stanza::escape::write_attribute;
use jat_core::stanza::head::Head;
use jat_core::stanza::splitter::{Piece, Splitter};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use xmpp_parsers::component::Handshake;

use crate::connection::trickle;
use crate::options::Options;
use crate::stanza::{UNLIMITED, stream_error};

/// What the server does with a component that wants to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// Checks domain and secret.
    Normal,
    /// Refuses it after the stream header, with this condition and text.
    Refused { condition: String, text: String },
    /// Sends exactly these bytes in answer to the header and to the handshake, which it does
    /// not check, `chunk` of them at a time. With nothing to send it stays silent for ever.
    Scripted { header: Vec<u8>, handshake: Vec<u8>, chunk: usize },
}

/// A component that is logged in.
pub(crate) struct LoggedIn {
    pub(crate) domain: String,
    /// What it sent after its handshake.
    pub(crate) early: Vec<u8>,
}

/// Logs the component in, except for the answer to its handshake. `None`: it was refused, or
/// disconnected.
pub(crate) async fn log_in(
    stream: &mut TcpStream,
    login: &Login,
    options: &Options,
) -> io::Result<Option<LoggedIn>> {
    let mut buffer = Vec::new();
    let Some(domain) = read_header(stream, &mut buffer).await? else { return Ok(None) };
    let id = format!("{:016x}", fastrand::u64(..));
    match login {
        Login::Scripted { header, chunk, .. } => trickle(stream, header, *chunk).await?,
        Login::Normal | Login::Refused { .. } => stream.write_all(&header(&id, &domain)).await?,
    }
    let known = options.domains.as_ref().is_none_or(|domains| domains.contains(&domain));
    match login {
        Login::Refused { condition, text } => {
            stream.write_all(&stream_error(condition, text)).await?;
            return Ok(None);
        }
        Login::Normal if !known => {
            stream.write_all(&stream_error("host-unknown", "")).await?;
            return Ok(None);
        }
        _ => {}
    }
    let Some((element, end)) = read_element(stream, &mut buffer).await? else { return Ok(None) };
    if *login == Login::Normal && element != handshake(&id, &options.secret) {
        stream.write_all(&stream_error("not-authorized", "Given token does not match")).await?;
        return Ok(None);
    }
    Ok(Some(LoggedIn { domain, early: buffer.split_off(end) }))
}

/// The text of the handshake that proves knowledge of `secret`.
pub(crate) fn handshake(id: &str, secret: &str) -> String {
    let digest = Handshake::from_stream_id_and_password(id.to_owned(), secret).data;
    digest.into_iter().flatten().fold(String::new(), |mut hex, byte| {
        // Writing to a String never fails.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn header(id: &str, domain: &str) -> Vec<u8> {
    let mut xml = b"<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
        xmlns:stream='http://etherx.jabber.org/streams' "
        .to_vec();
    write_attribute("id", id, &mut xml);
    xml.push(b' ');
    write_attribute("from", domain, &mut xml);
    xml.push(b'>');
    xml
}

/// Reads the stream header, leaves what follows it in `buffer`, and returns the domain.
async fn read_header(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<String>> {
    loop {
        let text = str::from_utf8(buffer).unwrap_or_default();
        let start = text.find("<stream:stream");
        let end = start.and_then(|start| Some(start + text[start..].find('>')? + 1));
        if let (Some(start), Some(end)) = (start, end) {
            let head = Head::parse(&text[start..end]).map_err(io::Error::other)?;
            let domain = head.to.unwrap_or_default().into_owned();
            buffer.drain(..end);
            return Ok(Some(domain));
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

/// Reads an element; returns its text, and where it ends in `buffer`.
async fn read_element(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
) -> io::Result<Option<(String, usize)>> {
    let mut splitter = Splitter::new(UNLIMITED);
    loop {
        match splitter.next(buffer).map_err(io::Error::other)? {
            Some(Piece::Element(element)) => {
                let content = &buffer[element.tag.end..element.end];
                let text = content.split(|b| *b == b'<').next().unwrap_or_default();
                return Ok(Some((String::from_utf8_lossy(text).into_owned(), element.end)));
            }
            Some(_) => return Ok(None),
            None if stream.read_buf(buffer).await? == 0 => return Ok(None),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Server;
    use crate::mock_component::{MockComponent, ejabberd};

    async fn server(login: Login) -> Server {
        let server = ejabberd().await;
        server.set_login(login);
        server
    }

    #[test]
    fn the_handshake_is_that_of_the_standard() {
        // XEP-0114 has no worked example; this one is from sha1sum.
        assert_eq!(handshake("sid", "123456"), "9accec263ab84a43c6037ccf7cd48cb1d3f6df8e");
    }

    #[tokio::test]
    async fn refuses_on_demand() {
        let (condition, text) = ("see-other-host".to_owned(), "over there".to_owned());
        let server = server(Login::Refused { condition, text }).await;
        let (_, answer) = MockComponent::try_log_in(&server, "p.example", "secret").await;
        assert!(answer.contains("<see-other-host") && answer.contains("over there"), "{answer}");
    }

    #[tokio::test]
    async fn follows_a_script_on_demand() {
        let silent = Login::Scripted { header: vec![], handshake: vec![], chunk: 1 };
        let server = server(silent).await;
        let mut component = MockComponent::connect(&server, "p.example").await;
        assert_eq!(component.recv_soon().await, None);
        server.set_login(Login::Scripted { header: header("", ""), handshake: vec![], chunk: 3 });
        let mut component = MockComponent::connect(&server, "p.example").await;
        component.read_header().await;
        component.send("<handshake>any</handshake>").await;
        assert_eq!(component.recv_soon().await, None);
        server.set_login(Login::Scripted {
            header: header("x", ""),
            handshake: b"<iq/><handshake/>".to_vec(),
            chunk: 5,
        });
        let (_, answer) = MockComponent::try_log_in(&server, "p.example", "wrong").await;
        assert_eq!(answer, "<iq/>");
        server.set_login(Login::Normal);
        MockComponent::log_in(&server, "p.example", "secret").await;
    }
}
