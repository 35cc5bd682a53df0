//! A simple component, to test the server with.

use std::time::Duration;

use jat_core::stanza::head::Head;
use jat_core::stanza::splitter::{Piece, Splitter};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::login::handshake;
use crate::stanza::{Stanza, UNLIMITED};
use crate::{Options, PATIENCE, Server};

pub(crate) const DOMAIN: &str = "proxy.example";
pub(crate) const SECRET: &str = "secret";

pub(crate) async fn ejabberd() -> Server {
    Server::start(Options::ejabberd(SECRET)).await.unwrap()
}

pub(crate) async fn prosody() -> Server {
    Server::start(Options::prosody(DOMAIN, SECRET)).await.unwrap()
}

pub(crate) struct MockComponent {
    stream: TcpStream,
    splitter: Splitter,
    buffer: Vec<u8>,
}

impl MockComponent {
    /// Connects and sends the header; does not read the answer.
    pub(crate) async fn connect(server: &Server, domain: &str) -> Self {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let header = format!(
            "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
             xmlns:stream='http://etherx.jabber.org/streams' to='{domain}'>"
        );
        stream.write_all(header.as_bytes()).await.unwrap();
        Self { stream, splitter: Splitter::new(UNLIMITED), buffer: Vec::new() }
    }

    /// Logs in and returns the answer to the handshake.
    pub(crate) async fn try_log_in(server: &Server, domain: &str, secret: &str) -> (Self, String) {
        let mut component = Self::connect(server, domain).await;
        let header = component.read_header().await;
        let at = header.find("<stream:stream").unwrap();
        let id = Head::parse(&header[at..]).unwrap().id.unwrap().into_owned();
        component.send(&format!("<handshake>{}</handshake>", handshake(&id, secret))).await;
        let answer = component.recv().await;
        (component, answer)
    }

    pub(crate) async fn log_in(server: &Server, domain: &str, secret: &str) -> Self {
        let (component, answer) = Self::try_log_in(server, domain, secret).await;
        assert_eq!(answer, "<handshake/>");
        component
    }

    /// The header of the server's stream, up to its end.
    pub(crate) async fn read_header(&mut self) -> String {
        let mut header = Vec::new();
        while !String::from_utf8_lossy(&header).contains("stream:stream")
            || header.last() != Some(&b'>')
        {
            header.push(self.stream.read_u8().await.unwrap());
        }
        String::from_utf8(header).unwrap()
    }

    pub(crate) async fn send(&mut self, xml: &str) {
        self.stream.write_all(xml.as_bytes()).await.unwrap();
    }

    /// The next element, the closing tag of the stream, or "" at the end of the connection.
    pub(crate) async fn recv(&mut self) -> String {
        timeout(PATIENCE, self.read()).await.unwrap()
    }

    /// The next element, if one arrives within a time that is long for loopback.
    pub(crate) async fn recv_soon(&mut self) -> Option<String> {
        timeout(Duration::from_millis(200), self.read()).await.ok()
    }

    /// The next element that contains `text`.
    pub(crate) async fn recv_with(&mut self, text: &str) -> String {
        let xml = self.recv().await;
        assert!(xml.contains(text), "{xml} without {text}");
        xml
    }

    async fn read(&mut self) -> String {
        loop {
            match self.splitter.next(&self.buffer).unwrap() {
                Some(Piece::Element(element)) => {
                    return Stanza::cut(&self.buffer, &element).unwrap().into_string();
                }
                Some(_) => return "</stream:stream>".to_owned(),
                None => {}
            }
            self.buffer.drain(..self.splitter.done());
            self.splitter.rebase();
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) => return String::new(),
                Ok(_) => {}
                Err(error) => return error.kind().to_string(),
            }
        }
    }
}
