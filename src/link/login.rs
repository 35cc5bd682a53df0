//! Connects to the server and logs in as a component (XEP-0114), by way of tokio-xmpp.

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_xmpp::xmlstream::{
    FallibleStreamElement, ReadError, StreamElementError, StreamHeader, Timeouts, XmppStream,
    XmppStreamElement, initiate_stream,
};
use xmpp_parsers::component::Handshake;
use xmpp_parsers::minidom::Element;
use xmpp_parsers::ns;

use crate::config;
use crate::session::ending::Ending;

use super::greeting::{Greeting, READ_SIZE};
use super::socket::{Socket, Tls};
use super::tls::{self, TlsError};

/// A stream that has logged in.
#[derive(Debug)]
pub struct LoggedIn {
    pub socket: Socket,
    /// What arrived together with the answer to the handshake.
    pub early: Vec<u8>,
}

/// Why a login did not come about.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    #[error("can't find {server}: {error}")]
    Lookup { server: String, error: io::Error },
    #[error("can't connect to {server}: {error}")]
    Connect { server: String, error: io::Error },
    #[error("the server did not {awaited} within {} s", limit.as_secs())]
    Timeout { awaited: &'static str, limit: Duration },
    #[error("{0}")]
    Refused(Ending),
    #[error("the server's stream header has no id: is this a port for components?")]
    NoStreamId,
    #[error("the server answered the handshake with something else: {0}")]
    Unexpected(String),
    #[error("the connection broke during login: {0}")]
    Broken(io::Error),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("the server speaks TLS there, and we do not")]
    TlsWanted,
    #[error(
        "the server ended the connection before it had said anything: does it speak TLS there \
         (tls = true)?"
    )]
    Mute,
}

impl LoginError {
    /// Does nobody listen there?
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Connect { error, .. } if error.kind() == io::ErrorKind::ConnectionRefused)
    }
}

/// Connects to the server of `config`, and proves to be its domain with its secret.
pub async fn login(config: &config::Stream) -> Result<LoggedIn, LoginError> {
    let tcp = connect(&config.server).await?;
    let Some(tls) = &config.tls else {
        let mut socket = Greeting::of(tcp);
        let early = match open(&mut socket, config).await {
            Err(LoginError::Broken(_) | LoginError::Unexpected(_)) if socket.is_tls_alert() => {
                return Err(LoginError::TlsWanted);
            }
            Err(LoginError::Broken(_)) if socket.first.is_none() => return Err(LoginError::Mute),
            opened => opened?,
        };
        return Ok(LoggedIn { socket: Socket::Plain(socket.socket), early });
    };
    let awaited = "finish the TLS handshake";
    let encrypted = timeout(LOGIN_TIME, tls::encrypt(tcp, tls))
        .await
        .map_err(|_| LoginError::Timeout { awaited, limit: LOGIN_TIME })??;
    let mut socket = Greeting::of(encrypted);
    let early = open(&mut socket, config).await?;
    Ok(LoggedIn { socket: Socket::Tls(Box::new(Tls::new(socket.socket))), early })
}

/// Opens the stream; gives what arrived together with the answer to the handshake.
async fn open<S>(socket: &mut Greeting<S>, config: &config::Stream) -> Result<Vec<u8>, LoginError>
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
    let mut stream = timeout(LOGIN_TIME, opening)
        .await
        .map_err(|_| LoginError::Timeout { awaited: "open its stream", limit: LOGIN_TIME })?
        .map_err(LoginError::Broken)?;
    let id = stream.take_header().id;
    let mut stream = stream.skip_features();
    // A server may end the stream right behind its header: then that is the reason to name.
    let answer = match id {
        Some(id) => timeout(LOGIN_TIME, shake_hands(&mut stream, &id, &config.secret)).await,
        None => timeout(LOGIN_TIME, next(&mut stream)).await.map(|_| Err(LoginError::NoStreamId)),
    };
    answer.map_err(|_| LoginError::Timeout {
        awaited: "answer the handshake",
        limit: LOGIN_TIME,
    })??;
    Ok(stream.into_inner().buffer().to_vec())
}

async fn connect(server: &str) -> Result<TcpStream, LoginError> {
    let lookup = |error| LoginError::Lookup { server: server.to_owned(), error };
    let failed = |error| LoginError::Connect { server: server.to_owned(), error };
    let timed_out =
        || LoginError::Timeout { awaited: "accept the connection", limit: CONNECT_TIME };
    let addresses: Vec<SocketAddr> = timeout(LOGIN_TIME, lookup_host(server))
        .await
        .map_err(|_| lookup(io::ErrorKind::TimedOut.into()))?
        .map_err(lookup)?
        .collect();
    let mut told = lookup(io::ErrorKind::NotFound.into());
    for address in addresses {
        // One that leads nowhere must not use up the time of the others.
        let error = match timeout(CONNECT_TIME, TcpStream::connect(address)).await {
            Ok(Ok(socket)) => {
                watch_over(&socket).map_err(failed)?;
                return Ok(socket);
            }
            Ok(Err(error)) => failed(error),
            Err(_) => timed_out(),
        };
        // The host is there, then, and its server will be: an address of a family that this
        // machine has no way to says less.
        if !told.is_refusal() {
            told = error;
        }
    }
    Err(told)
}

/// Lets the system notice a peer that has gone without a word.
fn watch_over(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    sockopt::set_socket_keepalive(socket, true)?;
    sockopt::set_tcp_keepidle(socket, Duration::from_secs(30))?;
    sockopt::set_tcp_keepintvl(socket, Duration::from_secs(10))?;
    sockopt::set_tcp_keepcnt(socket, 3)?;
    sockopt::set_tcp_user_timeout(socket, 60_000)?;
    Ok(())
}

async fn shake_hands<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut Stream<'_, S>,
    id: &str,
    secret: &config::Secret,
) -> Result<(), LoginError> {
    let handshake = Handshake::from_stream_id_and_password(id.to_owned(), secret.expose());
    let sent = stream.send(&XmppStreamElement::ComponentHandshake(handshake)).await;
    // A failure to send is less telling than the error that the server sent before it.
    match (next(stream).await, sent) {
        (Ok(XmppStreamElement::ComponentHandshake(_)), _) => Ok(()),
        // What it holds stays out of logs.
        (Ok(XmppStreamElement::Stanza(_)), _) => Err(LoginError::Unexpected("a stanza".into())),
        (Ok(_), _) => Err(LoginError::Unexpected("another element".into())),
        (Err(LoginError::Broken(_)), Err(error)) => Err(LoginError::Broken(error)),
        (Err(error), _) => Err(error),
    }
}

/// The next element; a stream error is an error.
async fn next<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut Stream<'_, S>,
) -> Result<XmppStreamElement, LoginError> {
    loop {
        return match stream.next().await {
            Some(Ok(FallibleStreamElement::Ok(XmppStreamElement::StreamError(error)))) => {
                let mut element = Vec::new();
                let xml = Element::from(error.0).write_to(&mut element);
                Err(match xml {
                    Ok(()) => LoginError::Refused(Ending::from_stream_error(&element)),
                    Err(_) => LoginError::Unexpected("a stream error".to_owned()),
                })
            }
            Some(Ok(FallibleStreamElement::Ok(element))) => Ok(element),
            Some(Ok(FallibleStreamElement::Err(StreamElementError::InvalidNonza {
                qname,
                ..
            }))) => {
                let (condition, text) = ("undefined-condition".to_owned(), None);
                Err(if qname.1.as_str() == "error" {
                    LoginError::Refused(Ending::StreamError { condition, text })
                } else {
                    LoginError::Unexpected(qname.1.as_str().to_owned())
                })
            }
            Some(Ok(FallibleStreamElement::Err(error))) => {
                Err(LoginError::Unexpected(error.to_string()))
            }
            Some(Err(ReadError::SoftTimeout)) => continue,
            Some(Err(ReadError::HardError(error))) => Err(LoginError::Broken(error)),
            Some(Err(ReadError::ParseError(error))) => {
                Err(LoginError::Unexpected(error.to_string()))
            }
            Some(Err(ReadError::StreamFooterReceived)) => Err(LoginError::Refused(Ending::Closed)),
            None => Err(LoginError::Broken(io::ErrorKind::UnexpectedEof.into())),
        };
    }
}

type Stream<'s, S> = XmppStream<BufReader<&'s mut Greeting<S>>>;

/// For each step of a login.
const LOGIN_TIME: Duration = Duration::from_secs(15);
/// For each address of the server.
const CONNECT_TIME: Duration = Duration::from_secs(5);
const TIMEOUTS: Timeouts = Timeouts { read_timeout: LOGIN_TIME, response_timeout: LOGIN_TIME };
