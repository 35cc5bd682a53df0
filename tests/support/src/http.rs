//! A minimal HTTP client: it sends a request as it is, and reads the answer.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::wait::PATIENCE;

#[derive(Debug)]
pub struct HttpAnswer {
    pub status: u16,
    /// Status line and headers, in lower case.
    pub head: String,
    pub body: String,
}

/// Sends a whole request, and reads until the connection ends.
pub fn ask(address: SocketAddr, request: &str) -> io::Result<HttpAnswer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or(ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or(ErrorKind::Other)?;
    Ok(HttpAnswer { status, head: head.to_lowercase(), body: body.to_owned() })
}

/// A plain GET.
pub fn get(address: SocketAddr, path: &str) -> io::Result<HttpAnswer> {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"))
}
