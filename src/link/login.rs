//! Connects to the server and logs in as a component (XEP-0114), with tokio-xmpp.

use std::borrow::Cow;
use std::io;
use std::time::Duration;

use fastrand::Rng;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_xmpp::xmlstream::{ReadError, StreamHeader, Timeouts, XmlStream, initiate_stream};
use xmpp_parsers::component::Handshake;
use xmpp_parsers::minidom::Element;
use xmpp_parsers::ns;

use crate::config;
use crate::session::ending::Ending;
use crate::shortage::is_shortage;

use super::connect::{Addresses, ConnectError, connect};
use super::login_guard::{LoginGuard, READ_SIZE};
use super::port::Port;
use super::socket::{Socket, TlsSocket};
use super::tls::{self, TlsError};

/// A stream that has logged in.
#[derive(Debug)]
pub(super) struct LoggedIn {
    pub socket: Socket,
    /// Bytes that arrived together with the answer to the handshake.
    pub early: Vec<u8>,
}

/// Why a login failed.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the server did not {awaited} within {} s", LOGIN_TIME.as_secs())]
    Timeout { awaited: &'static str },
    #[error("{0}")]
    StreamEnded(Ending),
    #[error("{0}")]
    WrongPort(Port),
    #[error("the server's stream header has no id")]
    NoStreamId,
    #[error("the server answered the handshake with <{0}/>")]
    Unexpected(String),
    #[error("what the server sent can't be read: {0}")]
    Unreadable(String),
    #[error("the server ended the connection during the login")]
    ConnectionEnded,
    #[error("the server ended the connection before it had sent anything")]
    Mute,
    #[error("the connection broke during the login: {0}")]
    Broken(io::Error),
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl LoginError {
    /// Whether this process, or this machine, had too little of something.
    pub fn is_shortage(&self) -> bool {
        match self {
            Self::Connect(error) => error.is_shortage(),
            Self::Broken(error) => is_shortage(error),
            _ => false,
        }
    }

    /// Whether only a server that accepts components there would answer like this.
    fn shows_components(&self) -> bool {
        let Self::StreamEnded(Ending::StreamError { condition, .. }) = self else { return false };
        matches!(condition.as_str(), "not-authorized" | "conflict")
    }

    /// The same error, or a better one in view of everything received by then.
    fn in_view_of<S>(self, guard: &LoginGuard<S>) -> Self {
        let (said, ended) = (&guard.said, guard.ended);
        match (self, Port::of(said)) {
            (error, _) if error.shows_components() => error,
            (error @ Self::Tls(_), _) => error,
            (_, Some(port)) => Self::WrongPort(port),
            // The XML parser reports an end of the connection as a fault of the document.
            (Self::ConnectionEnded | Self::Broken(_) | Self::Unreadable(_), None)
                if said.is_empty() =>
            {
                Self::Mute
            }
            (Self::Unreadable(_), None) if ended => Self::ConnectionEnded,
            (error, None) => error,
        }
    }
}

impl From<io::Error> for LoginError {
    fn from(error: io::Error) -> Self {
        if let Some(error) = TlsError::within(&error) {
            return Self::Tls(error);
        }
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::ConnectionEnded,
            io::ErrorKind::InvalidData => Self::Unreadable(error.to_string()),
            _ => Self::Broken(error),
        }
    }
}

/// Connects to the server of `config`, and proves to be its domain with its secret.
pub(super) async fn login(
    config: &config::StreamConfig,
    addresses: &mut Addresses,
    rng: &mut Rng,
) -> Result<LoggedIn, LoginError> {
    let tcp = connect(&config.server, addresses, rng).await?;
    let address = tcp.peer_addr();
    let logged_in = log_in(tcp, config).await;
    if let (Err(_), Ok(address)) = (&logged_in, address) {
        addresses.fail(address);
    }
    logged_in
}

async fn log_in(tcp: TcpStream, config: &config::StreamConfig) -> Result<LoggedIn, LoginError> {
    let Some(tls) = &config.tls else {
        let (socket, early) = open(tcp, config).await?;
        return Ok(LoggedIn { socket: Socket::Plain(socket), early });
    };
    let encrypted = within("finish the TLS handshake", tls::encrypt(tcp, tls)).await??;
    let (socket, early) = open(encrypted, config).await?;
    Ok(LoggedIn { socket: Socket::Tls(Box::new(TlsSocket::new(socket))), early })
}

/// Opens the stream; also returns what arrived together with the answer to the handshake.
async fn open<S>(socket: S, config: &config::StreamConfig) -> Result<(S, Vec<u8>), LoginError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut guard = LoginGuard::of(socket);
    match greet(&mut guard, config).await {
        Ok(early) => Ok((guard.socket, early)),
        Err(error) => Err(error.in_view_of(&guard)),
    }
}

async fn greet<S>(
    socket: &mut LoginGuard<S>,
    config: &config::StreamConfig,
) -> Result<Vec<u8>, LoginError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let to = Some(Cow::Borrowed(config.domain.as_str()));
    let header = StreamHeader { to, from: None, id: None };
    let opening = initiate_stream(
        BufReader::with_capacity(READ_SIZE, socket),
        ns::COMPONENT,
        header,
        TIMEOUTS,
    );
    let mut stream = within("open its stream", opening).await??;
    let id = stream.take_header().id;
    let mut stream = stream.skip_features();
    let Some(id) = id else {
        // A server may end the stream right after such a header: then that is the reason.
        return match timeout(LOGIN_TIME, answer(&mut stream)).await {
            Ok(Err(error)) => Err(error),
            Ok(Ok(())) | Err(_) => Err(LoginError::NoStreamId),
        };
    };
    let handshake = Handshake::from_stream_id_and_password(id.into_owned(), config.secret.expose());
    // A failure to send is less telling than the error that the server sent before it.
    let sent = stream.send(&handshake).await;
    match (within("answer the handshake", answer(&mut stream)).await?, sent) {
        (Ok(()), _) => Ok(stream.into_inner().buffer().to_vec()),
        (Err(LoginError::Broken(_) | LoginError::ConnectionEnded), Err(error)) => Err(error.into()),
        (Err(error), _) => Err(error),
    }
}

/// Waits for the answer to the handshake.
async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut LoginStream<'_, S>,
) -> Result<(), LoginError> {
    loop {
        let element = next(stream).await?;
        match element.name() {
            // Whatever its content and namespace: it comes from the server that was asked.
            "handshake" => return Ok(()),
            // Some servers answer a stream header that has a version with features first (RFC 6120
            // section 4.3.2), but accept the handshake all the same
            // (docs/servers.md#features-first).
            "features" => {}
            "error" => {
                let mut bytes = Vec::new();
                let written = element.write_to(&mut bytes);
                written.map_err(|error| LoginError::Unreadable(error.to_string()))?;
                return Err(LoginError::StreamEnded(Ending::from_stream_error(&bytes)));
            }
            // Its content stays out of logs.
            name => return Err(LoginError::Unexpected(name.chars().take(LONGEST_NAME).collect())),
        }
    }
}

/// The next element, whatever it is.
async fn next<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut LoginStream<'_, S>,
) -> Result<Element, LoginError> {
    loop {
        return match stream.next().await {
            Some(Ok(element)) => Ok(element),
            Some(Err(ReadError::SoftTimeout)) => continue,
            Some(Err(ReadError::HardError(error))) => Err(error.into()),
            Some(Err(ReadError::ParseError(error))) => {
                Err(LoginError::Unreadable(error.to_string()))
            }
            Some(Err(ReadError::StreamFooterReceived)) => {
                Err(LoginError::StreamEnded(Ending::Closed))
            }
            None => Err(LoginError::ConnectionEnded),
        };
    }
}

type LoginStream<'s, S> = XmlStream<BufReader<&'s mut LoginGuard<S>>, Element>;

/// The result of `work`, unless the server takes too long for it.
async fn within<F: Future>(awaited: &'static str, work: F) -> Result<F::Output, LoginError> {
    timeout(LOGIN_TIME, work).await.map_err(|_| LoginError::Timeout { awaited })
}

/// For each step of a login.
const LOGIN_TIME: Duration = Duration::from_secs(15);
/// The library's timeouts have no messages for an operator: ours come first.
const LATER: Duration = Duration::from_secs(2 * LOGIN_TIME.as_secs());
const TIMEOUTS: Timeouts = Timeouts { read_timeout: LATER, response_timeout: LATER };
const LONGEST_NAME: usize = 50;
