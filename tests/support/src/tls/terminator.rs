//! Speaks TLS in front of a server that does not, with all kinds of faults on demand.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ALL_VERSIONS, ServerConfig, SupportedProtocolVersion};

use super::authority::Identity;

/// A port that speaks TLS; it ends with the server behind it.
pub struct Terminator {
    pub address: SocketAddr,
    pub habits: Arc<Habits>,
    task: JoinHandle<()>,
}

/// How it treats connections; all of it may change while they are open.
pub struct Habits {
    /// The maximum number of bytes of a record, and of a write to TCP.
    pub record: AtomicUsize,
    pub write: AtomicUsize,
    /// How many more bytes it writes to TCP before it cuts the connection.
    pub cut_after: AtomicUsize,
    /// 1: when the server ends a connection, it sends no close_notify.
    pub abrupt: AtomicUsize,
    /// How many components have ended with a close_notify.
    pub farewells: AtomicUsize,
    /// How many bytes it has written to TCP.
    pub written: AtomicUsize,
}

impl Terminator {
    pub fn start(server: SocketAddr, identity: &Identity) -> Self {
        Self::speaking(server, identity, ALL_VERSIONS)
    }

    pub fn speaking(
        server: SocketAddr,
        identity: &Identity,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(config(identity, versions)));
        let habits = Arc::new(Habits {
            record: usize::MAX.into(),
            write: usize::MAX.into(),
            cut_after: usize::MAX.into(),
            abrupt: 0.into(),
            farewells: 0.into(),
            written: 0.into(),
        });
        let shared = Arc::clone(&habits);
        let (address, task) = listen(move |tcp| {
            let (acceptor, habits) = (acceptor.clone(), Arc::clone(&shared));
            async move {
                // Failed handshakes are not of interest, nor how a connection ends.
                let _ = serve(tcp, server, acceptor, &habits).await;
            }
        });
        Self { address, habits, task }
    }
}

impl Drop for Terminator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Handles everyone who connects to a new port; returns the port.
pub fn listen<F: Future<Output = ()> + Send + 'static>(
    with: impl Fn(TcpStream) -> F + Send + 'static,
) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    // Otherwise the kernel's buffers grow to some 10 MB, which take minutes to fill on a busy machine.
    sockopt::set_socket_recv_buffer_size(&listener, BUFFER).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let task = tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            tokio::spawn(with(tcp));
        }
    });
    (address, task)
}

fn config(identity: &Identity, versions: &[&'static SupportedProtocolVersion]) -> ServerConfig {
    let certificates = CertificateDer::pem_slice_iter(identity.certificate.as_bytes());
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates.map(Result::unwrap).collect(), key)
        .unwrap()
}

async fn serve(
    tcp: TcpStream,
    server: SocketAddr,
    acceptor: TlsAcceptor,
    habits: &Arc<Habits>,
) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    let tls = acceptor.accept(Faulty { tcp, habits: Arc::clone(habits) }).await?;
    let backend = TcpStream::connect(server).await?;
    sockopt::set_socket_send_buffer_size(&backend, BUFFER)?;
    backend.set_nodelay(true)?;
    let (mut tls_reader, mut tls_writer) = tokio::io::split(tls);
    let (mut reader, mut writer) = backend.into_split();
    let up = async {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            match tls_reader.read(&mut buffer).await {
                Ok(0) => {
                    habits.farewells.fetch_add(1, Ordering::Relaxed);
                    return Ok(());
                }
                Ok(count) => writer.write_all(&buffer[..count]).await?,
                Err(error) => return Err(error),
            }
        }
    };
    let down = async {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let count = reader.read(&mut buffer).await?;
            if count == 0 {
                if habits.abrupt.load(Ordering::Relaxed) == 0 {
                    tls_writer.shutdown().await?;
                }
                return io::Result::Ok(());
            }
            let mut rest = &buffer[..count];
            while !rest.is_empty() {
                let record = habits.record.load(Ordering::Relaxed).min(rest.len());
                tls_writer.write_all(&rest[..record]).await?;
                tls_writer.flush().await?;
                rest = &rest[record..];
            }
        }
    };
    tokio::pin!(up);
    tokio::select! {
        ended = &mut up => ended,
        ended = down => {
            ended?;
            if habits.abrupt.load(Ordering::Relaxed) != 0 {
                return Ok(());
            }
            // What the component still sends to a server that is gone.
            let _ = tokio::time::timeout(std::time::Duration::from_secs(5), up).await;
            Ok(())
        }
    }
}

/// A connection that is slow, or is cut, in one direction.
struct Faulty {
    tcp: TcpStream,
    habits: Arc<Habits>,
}

impl AsyncRead for Faulty {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(context, buffer)
    }
}

impl AsyncWrite for Faulty {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let left = self.habits.cut_after.load(Ordering::Relaxed);
        if left == 0 {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let most = self.habits.write.load(Ordering::Relaxed).min(left).min(bytes.len());
        let poll = Pin::new(&mut self.tcp).poll_write(context, &bytes[..most]);
        if let Poll::Ready(Ok(count)) = poll {
            self.habits.written.fetch_add(count, Ordering::Relaxed);
            if left != usize::MAX {
                self.habits.cut_after.store(left - count, Ordering::Relaxed);
            }
        }
        poll
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}

const BUFFER: usize = 64 * 1024;
