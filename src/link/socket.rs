//! The connection under a stream: plain, or encrypted.

use std::future::poll_fn;
use std::io::{self, BufRead, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::{ClientConnection, ProtocolVersion};

/// A connection to the server, without blocking.
#[derive(Debug)]
pub enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsSocket>),
}

/// What a socket is ready for after a wait.
pub enum Ready {
    /// So many bytes were read; 0: the server has ended its side.
    Read(io::Result<usize>),
    /// It may take more.
    Writable(io::Result<()>),
}

impl Socket {
    /// Reads what there is into `input`, at most as much as there is room for, or waits until the
    /// socket can be written to, whichever of the wanted comes first. Nothing is lost if this is
    /// dropped before that.
    pub async fn ready(&mut self, input: &mut Vec<u8>, may_read: bool, must_write: bool) -> Ready {
        match self {
            Self::Plain(tcp) => {
                let (mut reader, writer) = tcp.split();
                tokio::select! {
                    biased;
                    // If less came than there is room for, that was all: no second call is needed
                    // to learn that.
                    count = reader.read_buf(input), if may_read => Ready::Read(count),
                    ready = writer.writable(), if must_write => Ready::Writable(ready),
                    else => std::future::pending().await,
                }
            }
            Self::Tls(tls) => tls.ready(input, may_read, must_write).await,
        }
    }

    /// Reads what there is, without waiting.
    pub fn try_read(&mut self, input: &mut Vec<u8>) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.try_read_buf(input),
            Self::Tls(tls) => tls.try_read(input),
        }
    }

    /// Writes what the system takes of `output`, and returns how much that was. After
    /// [`io::ErrorKind::WouldBlock`] the next call must begin with the same bytes.
    pub fn try_write(&mut self, output: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.try_write(output),
            Self::Tls(tls) => tls.try_write(output),
        }
    }

    /// Waits until it may take more.
    pub async fn writable(&self) -> io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.writable().await,
            Self::Tls(tls) => tls.tcp.writable().await,
        }
    }

    /// Tells the server that nothing more will come, where the protocol can say so.
    pub fn close(&mut self) {
        if let Self::Tls(tls) = self {
            tls.close();
        }
    }

    /// Where it leads to.
    pub fn address(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Plain(tcp) => tcp.peer_addr(),
            Self::Tls(tls) => tls.tcp.peer_addr(),
        }
    }

    /// The connection as it is; `None` when only this process can go on with it.
    pub fn as_plain(&self) -> Option<&TcpStream> {
        match self {
            Self::Plain(tcp) => Some(tcp),
            Self::Tls(_) => None,
        }
    }
}

/// An encrypted connection.
///
/// Nothing readable stays inside: what was decrypted is passed on at once, and only then what
/// ended the connection. Nothing counts as written before the last byte of its record is written,
/// since the server can't read part of a record; so what waits inside is still in the session's
/// output, and counted there.
#[derive(Debug)]
pub struct TlsSocket {
    tcp: TcpStream,
    connection: ClientConnection,
    /// How many bytes of the output are in records that are not completely written.
    sealed: usize,
    keys: KeyWear,
}

/// Keys may only be used for a limited number of records. With TLS 1.3 rustls renews them; with
/// 1.2 it would silently drop what comes when they are used up, so the connection has to end
/// before that.
#[derive(Debug)]
struct KeyWear {
    /// Records that may still be written; `None`: any number.
    left: Option<u64>,
}

impl KeyWear {
    fn of(connection: &ClientConnection) -> Self {
        let wear_out = connection.protocol_version() == Some(ProtocolVersion::TLSv1_2);
        Self { left: wear_out.then_some(MOST_RECORDS) }
    }

    fn use_for(&mut self, bytes: usize) -> io::Result<()> {
        let Some(left) = self.left else { return Ok(()) };
        let records = bytes.div_ceil(RECORD_SIZE) as u64;
        let rest = left.checked_sub(records);
        self.left = Some(rest.ok_or_else(|| io::Error::other("the keys of TLS 1.2 are used up"))?);
        Ok(())
    }
}

impl TlsSocket {
    pub fn new(stream: TlsStream<TcpStream>) -> Self {
        let (tcp, mut connection) = stream.into_inner();
        // Not less than a batch, and `try_write` never has more than that inside.
        connection.set_buffer_limit(None);
        let keys = KeyWear::of(&connection);
        Self { tcp, connection, sealed: 0, keys }
    }

    async fn ready(&mut self, input: &mut Vec<u8>, may_read: bool, must_write: bool) -> Ready {
        poll_fn(|context| {
            if may_read && let Poll::Ready(count) = self.poll_read(context, input) {
                return Poll::Ready(Ready::Read(count));
            }
            if must_write {
                return self.tcp.poll_write_ready(context).map(Ready::Writable);
            }
            // Records of the protocol itself are sent without anybody having to ask.
            match ready!(self.poll_flush(context)) {
                Ok(()) => Poll::Pending,
                Err(error) => Poll::Ready(Ready::Writable(Err(error))),
            }
        })
        .await
    }

    /// Reads until there is no more, or no more room.
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        input: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        let read = self.read(input, |tcp, connection| {
            connection.read_tls(&mut Polled { tcp: Pin::new(tcp), context })
        });
        match read {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            read => Poll::Ready(read),
        }
    }

    fn try_read(&mut self, input: &mut Vec<u8>) -> io::Result<usize> {
        self.read(input, |tcp, connection| connection.read_tls(&mut Tried(tcp)))
    }

    fn read(
        &mut self,
        input: &mut Vec<u8>,
        mut more: impl FnMut(&mut TcpStream, &mut ClientConnection) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let (before, room) = (input.len(), input.capacity() - input.len());
        loop {
            let mut state = self.take(input);
            let count = input.len() - before;
            if count < room && is_blocked(&state) {
                state = match more(&mut self.tcp, &mut self.connection) {
                    Ok(_) => continue,
                    Err(error) => Err(error),
                };
            }
            // A fault, or an end, is reported once everything before it has been passed on.
            return if count > 0 { Ok(count) } else { state };
        }
    }

    /// Moves what can be decrypted of what was read to `input`; returns 0 at the end.
    fn take(&mut self, input: &mut Vec<u8>) -> io::Result<usize> {
        let broken = self.connection.process_new_packets().err();
        let mut reader = self.connection.reader();
        loop {
            match reader.fill_buf() {
                Ok([]) => return Ok(0),
                Ok(chunk) => {
                    let count = chunk.len();
                    input.extend(chunk);
                    reader.consume(count);
                }
                Err(error) => {
                    return Err(match broken {
                        Some(broken) => io::Error::new(io::ErrorKind::InvalidData, broken),
                        None => error,
                    });
                }
            }
        }
    }

    fn try_write(&mut self, output: &[u8]) -> io::Result<usize> {
        if self.sealed == 0 {
            let batch = &output[..output.len().min(BATCH)];
            self.keys.use_for(batch.len())?;
            self.sealed = self.connection.writer().write(batch)?;
        }
        self.try_flush()?;
        Ok(std::mem::take(&mut self.sealed))
    }

    /// Writes all records completely.
    fn try_flush(&mut self) -> io::Result<()> {
        while self.connection.wants_write() {
            self.connection.write_tls(&mut Tried(&self.tcp))?;
        }
        Ok(())
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match self.try_flush() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.tcp.poll_write_ready(context))?;
                }
                flushed => return Poll::Ready(flushed),
            }
        }
    }

    fn close(&mut self) {
        self.connection.send_close_notify();
        // If it can't be written, the peer no longer reads and does not need it.
        let _ = self.try_flush();
    }
}

fn is_blocked<T>(result: &io::Result<T>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

/// The connection for a task that waits: it is woken when there is more.
struct Polled<'s, 'c, 'w> {
    tcp: Pin<&'s mut TcpStream>,
    context: &'c mut Context<'w>,
}

impl Read for Polled<'_, '_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(into);
        match self.tcp.as_mut().poll_read(self.context, &mut buffer) {
            Poll::Ready(read) => read.map(|()| buffer.filled().len()),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

/// The connection for one that does not wait.
struct Tried<'s>(&'s TcpStream);

impl Read for Tried<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(into)
    }
}

impl Write for Tried<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, records: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(records)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How much is encrypted at a time: a few records, for one system call.
const BATCH: usize = 64 * 1024;
/// RFC 5246 section 6.2.1.
const RECORD_SIZE: usize = 16 * 1024;
/// AES-GCM takes 2²⁴ (RFC 8446 section 5.5); the handshake and the closing alert need some, too.
const MOST_RECORDS: u64 = (1 << 24) - 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_wear_out_are_not_used_for_more() {
        let mut keys = KeyWear { left: Some(6) };
        for bytes in [1, RECORD_SIZE, BATCH] {
            keys.use_for(bytes).unwrap();
        }
        assert_eq!(keys.left, Some(0));
        assert!(keys.use_for(1).is_err());
        assert!(keys.use_for(1).is_err());
        let mut keys = KeyWear { left: None };
        keys.use_for(usize::MAX).unwrap();
    }
}
