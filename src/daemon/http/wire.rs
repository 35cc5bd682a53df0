//! A client's connection that can be handed over: with what was read of its request, or what is
//! not yet written of its answer.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use rustix::net::{self, shutdown};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A connection in the middle of its request, or of its answer.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub tcp: Arc<TcpStream>,
    /// What was read of the request, if nothing was written.
    pub input: Vec<u8>,
    /// What is to be written, of an answer that has begun.
    pub output: Vec<u8>,
}

/// The connection as the HTTP library sees it. Clones are one and the same.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    tcp: Arc<TcpStream>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// What came before this process had it, and how much of it was read.
    before: Vec<u8>,
    read: usize,
    /// All that was read so far. Its length is bounded by that of a head.
    input: Vec<u8>,
    answered: bool,
    /// What would be written after [`Wire::hold`] is kept here instead.
    held: Option<Vec<u8>>,
}

impl Wire {
    pub(super) fn new(tcp: Arc<TcpStream>, before: Vec<u8>) -> Self {
        let state = State { before, ..State::default() };
        Self { tcp, state: Arc::new(Mutex::new(state)) }
    }

    /// From now on nothing is written. Returns whether an answer has begun, whose rest will be in
    /// [`Self::take_exchange`] when the library has finished with it.
    pub(super) fn hold(&self) -> bool {
        let mut state = self.state();
        state.held = Some(Vec::new());
        state.answered
    }

    /// What is left of the request or of the answer.
    pub(super) fn take_exchange(&self) -> Exchange {
        let mut state = self.state();
        let mut input = std::mem::take(&mut state.input);
        if !state.answered {
            input.extend_from_slice(&state.before[state.read..]);
        }
        let output = state.held.take().unwrap_or_default();
        Exchange { tcp: Arc::clone(&self.tcp), input, output }
    }

    /// Writes `bytes`, by `write` or to what is held.
    fn write(&self, context: &mut Context<'_>, bytes: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut state = self.state();
        if let Some(held) = &mut state.held {
            bytes.iter().for_each(|piece| held.extend_from_slice(piece));
            return Poll::Ready(Ok(bytes.iter().map(|piece| piece.len()).sum()));
        }
        loop {
            ready!(self.tcp.poll_write_ready(context))?;
            match self.tcp.try_write_vectored(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => {
                    // Once a byte of the answer is out, the request must not be handed over to be
                    // answered again.
                    state.answered = true;
                    state.input = Vec::new();
                    return Poll::Ready(written);
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.state();
        let already = buffer.filled().len();
        if state.read < state.before.len() {
            let end = state.before.len().min(state.read + buffer.remaining());
            buffer.put_slice(&state.before[state.read..end]);
            state.read = end;
        } else {
            loop {
                ready!(self.tcp.poll_read_ready(context))?;
                match self.tcp.try_read(buffer.initialize_unfilled()) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Poll::Ready(Err(error)),
                    Ok(count) => {
                        buffer.advance(count);
                        break;
                    }
                }
            }
        }
        if !state.answered {
            state.input.extend_from_slice(&buffer.filled()[already..]);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(if self.state().held.is_some() { Ok(()) } else { close(&self.tcp) })
    }
}

impl Exchange {
    /// A connection that has just begun.
    pub(crate) fn new(tcp: TcpStream) -> Self {
        Self { tcp: Arc::new(tcp), input: Vec::new(), output: Vec::new() }
    }

    /// Writes the rest of the answer; dropping this leaves in `output` what is not written.
    pub(crate) async fn finish(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            self.tcp.writable().await?;
            match self.tcp.try_write(&self.output) {
                Ok(count) => drop(self.output.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        close(&self.tcp)
    }
}

/// Tells the client that nothing more will come.
fn close(tcp: &TcpStream) -> io::Result<()> {
    Ok(shutdown(tcp, net::Shutdown::Write)?)
}
