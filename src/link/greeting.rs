//! A connection during login: it remembers how the server began, since that tells what it
//! speaks, and lets it say only so much.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection on which the server has not answered the handshake yet.
pub struct Greeting<S> {
    pub socket: S,
    /// The first byte that came.
    pub first: Option<u8>,
    /// How many bytes, and how many tags and the like, have come.
    bytes: usize,
    tags: usize,
}

impl<S> Greeting<S> {
    pub fn of(socket: S) -> Self {
        Self { socket, first: None, bytes: 0, tags: 0 }
    }

    /// Was the first byte the alert of a server that wanted a TLS handshake (RFC 8446 section
    /// 5.1)? No XML begins like this.
    pub fn is_tls_alert(&self) -> bool {
        self.first == Some(21)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Greeting<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.bytes >= MOST_BYTES || self.tags >= MOST_TAGS {
            let message = "the server said too much before it answered the handshake";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, message)));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(context, buffer))?;
        let read = &buffer.filled()[before..];
        self.first = self.first.or(read.first().copied());
        self.bytes += read.len();
        self.tags += memchr::memchr_iter(b'<', read).count();
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Greeting<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

/// A login takes some hundred bytes, in ten tags. What reads them makes a tree of each element and
/// goes down into it by recursion, so nothing may be much deeper than this.
const MOST_TAGS: usize = 64;
const MOST_BYTES: usize = 4 * 1024;
/// How much is read at a time, and by how much more than these it can be at most.
pub const READ_SIZE: usize = 1024;
