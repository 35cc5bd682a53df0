//! A connection during login: it keeps what the server sends, since that shows what kind of server
//! it is, and limits how much that may be.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection on which the server has not answered the handshake yet.
pub(super) struct LoginGuard<S> {
    pub socket: S,
    /// All that came.
    pub said: Vec<u8>,
    /// Whether the server has ended the connection.
    pub ended: bool,
    /// How many tags and the like it contains.
    tags: usize,
}

impl<S> LoginGuard<S> {
    pub(super) fn of(socket: S) -> Self {
        Self { socket, said: Vec::new(), ended: false, tags: 0 }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for LoginGuard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.said.len() >= MOST_BYTES || self.tags >= MOST_TAGS {
            let message = "it is too much for a login";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, message)));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(context, buffer))?;
        let read = &buffer.filled()[before..];
        self.ended = read.is_empty();
        self.tags += memchr::memchr_iter(b'<', read).count();
        self.said.extend(read);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for LoginGuard<S> {
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

/// A login takes some hundred bytes, in ten tags, and what a server offers may be some thousand.
/// The parser builds a tree of each element and walks it recursively, so nothing may be nested
/// much deeper than this.
const MOST_TAGS: usize = 64;
const MOST_BYTES: usize = 32 * 1024;
/// How much is read at a time, and so how far the limits can be exceeded at most.
pub(super) const READ_SIZE: usize = 1024;
