//! One component's TCP connection, and what can be done to it.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::time::timeout;

use super::login::{self, LoggedIn, Login, stream_error};
use super::router::StreamError;
use super::server::Shared;
use super::stanza::{Stanza, UNLIMITED};
use crate::stanza::splitter::{Piece, Splitter};

/// The server's end of a connection that is logged in.
pub struct Connection {
    id: u64,
    domain: String,
    commands: UnboundedSender<Command>,
    reading: watch::Sender<bool>,
    received: Mutex<Vec<u8>>,
}

/// What a connection is told to do; all is done in the order in which it is told.
enum Command {
    Write(Vec<u8>),
    /// Writes so many bytes at a time.
    Trickle(Vec<u8>, usize),
    /// Ends it, behind these bytes.
    Close(Vec<u8>),
    /// Ends it without any farewell in XML.
    Cut,
    /// Ends it with a TCP reset.
    Reset,
}

impl Connection {
    /// Tells it from all others of the process.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The component's domain.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Writes raw bytes into the component's stream.
    pub fn inject(&self, bytes: &[u8]) {
        self.command(Command::Write(bytes.to_vec()));
    }

    /// Writes raw bytes, `chunk` of them (1 at least) at a time, each in a segment of its own.
    pub fn inject_chunks(&self, bytes: &[u8], chunk: usize) {
        self.command(Command::Trickle(bytes.to_vec(), chunk.max(1)));
    }

    /// All bytes that came from the component since its handshake, if the server records.
    pub fn received(&self) -> Vec<u8> {
        self.recording().clone()
    }

    /// Whether the server reads from the component; at first it does.
    pub fn set_reading(&self, reading: bool) {
        self.reading.send_replace(reading);
    }

    /// Ends the stream with an error (RFC 6120 section 4.9); no text if it is empty.
    pub fn fail(&self, condition: &str, text: &str) {
        self.command(Command::Close(stream_error(condition, text)));
    }

    /// Ends the stream in order.
    pub fn close(&self) {
        self.command(Command::Close(b"</stream:stream>".to_vec()));
    }

    /// Ends the connection without ending the stream.
    pub fn cut(&self) {
        self.command(Command::Cut);
    }

    /// Ends the connection with a TCP reset.
    pub fn reset(&self) {
        self.command(Command::Reset);
    }

    pub(super) fn write(&self, xml: &str) {
        self.command(Command::Write(xml.as_bytes().to_vec()));
    }

    fn command(&self, command: Command) {
        // A connection that has ended does nothing any more.
        let _ = self.commands.send(command);
    }

    fn recording(&self) -> MutexGuard<'_, Vec<u8>> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves a component from its stream header to the end of its connection.
pub(super) async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    // A peer that breaks the connection is no fault of the server.
    let _ = serve_stream(&mut stream, &shared).await;
}

async fn serve_stream(stream: &mut TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let script = shared.login();
    let Some(LoggedIn { domain, early }) = login::log_in(stream, &script, &shared.options).await?
    else {
        return linger(stream).await;
    };
    let answer = match script {
        Login::Scripted { handshake, .. } if handshake.is_empty() => return linger(stream).await,
        Login::Scripted { handshake, .. } => handshake,
        Login::Normal | Login::Refused { .. } => b"<handshake/>".to_vec(),
    };
    let (connection, commands) = connection(domain);
    // First in the queue, so that no stanza gets before it.
    connection.command(Command::Write(answer));
    let accepted = shared.router().connect(connection.clone());
    if let Err(StreamError(condition)) = accepted {
        stream.write_all(&stream_error(condition, "Component already connected")).await?;
        return linger(stream).await;
    }
    let (mut from, mut to) = stream.split();
    let end = tokio::select! {
        end = write(&mut to, commands) => end,
        never = read(&mut from, &connection, early, shared) => match never {},
    };
    shared.router().disconnect(connection.id);
    match end? {
        End::Reset => rustix::net::sockopt::set_socket_linger(&*stream, Some(Duration::ZERO))
            .map_err(io::Error::from),
        End::Closed => linger(stream).await,
    }
}

fn connection(domain: String) -> (Arc<Connection>, UnboundedReceiver<Command>) {
    static IDS: AtomicU64 = AtomicU64::new(1);
    let (commands, receiver) = unbounded_channel();
    let connection = Connection {
        id: IDS.fetch_add(1, Ordering::Relaxed),
        domain,
        commands,
        reading: watch::Sender::new(true),
        received: Mutex::default(),
    };
    (Arc::new(connection), receiver)
}

enum End {
    Closed,
    Reset,
}

/// Does what the connection is told; writes that wait together go out together.
async fn write(
    stream: &mut WriteHalf<'_>,
    mut commands: UnboundedReceiver<Command>,
) -> io::Result<End> {
    let mut waiting = Vec::new();
    let mut output = Vec::new();
    loop {
        if commands.recv_many(&mut waiting, 1000).await == 0 {
            return Ok(End::Closed);
        }
        for command in waiting.drain(..) {
            match command {
                Command::Write(bytes) => output.extend(bytes),
                Command::Trickle(bytes, size) => {
                    stream.write_all(&output).await?;
                    output.clear();
                    for chunk in bytes.chunks(size) {
                        stream.write_all(chunk).await?;
                        tokio::task::yield_now().await;
                    }
                }
                Command::Close(farewell) => {
                    output.extend(farewell);
                    stream.write_all(&output).await?;
                    return Ok(End::Closed);
                }
                Command::Cut => {
                    stream.write_all(&output).await?;
                    return Ok(End::Closed);
                }
                Command::Reset => return Ok(End::Reset),
            }
        }
        stream.write_all(&output).await?;
        output.clear();
    }
}

/// Reads stanzas as long as the connection stands; its end is up to the writer, which still may
/// have something to say.
async fn read(
    stream: &mut ReadHalf<'_>,
    connection: &Connection,
    early: Vec<u8>,
    shared: &Shared,
) -> std::convert::Infallible {
    let mut reading = connection.reading.subscribe();
    let mut splitter = Splitter::new(UNLIMITED);
    let mut buffer = early;
    if shared.options.record {
        connection.recording().extend(&buffer);
    }
    let mut open = true;
    loop {
        if open && let Err(condition) = take(&mut splitter, &mut buffer, connection, shared) {
            shared.router().disconnect(connection.id);
            match condition {
                Some(StreamError(condition)) => connection.fail(condition, ""),
                None => connection.close(),
            }
            open = false;
        }
        if !open {
            buffer.clear();
        }
        // The sender lives in the connection.
        let _ = reading.wait_for(|reading| *reading).await;
        let before = buffer.len();
        buffer.reserve(64 * 1024);
        match stream.read_buf(&mut buffer).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => {
                shared.router().disconnect(connection.id);
                connection.cut();
                return std::future::pending().await;
            }
        }
        if shared.options.record {
            connection.recording().extend(&buffer[before..]);
        }
    }
}

/// Routes what is whole in the buffer. An error ends the stream: with a condition, or because
/// the component has ended it.
fn take(
    splitter: &mut Splitter,
    buffer: &mut Vec<u8>,
    connection: &Connection,
    shared: &Shared,
) -> Result<(), Option<StreamError>> {
    let broken = |_| Some(StreamError("not-well-formed"));
    while let Some(piece) = splitter.next(buffer).map_err(broken)? {
        let Piece::Element(element) = piece else { return Err(None) };
        let stanza = Stanza::cut(buffer, &element).map_err(broken)?;
        shared.router().take_from_component(connection, stanza)?;
    }
    buffer.drain(..splitter.done());
    splitter.rebase();
    Ok(())
}

/// Says that nothing more will come, and waits a moment for the peer to go. (With unread input
/// a plain close is a reset, which destroys what is still under way.)
async fn linger(stream: &mut TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut rest = [0; 4096];
    let gone = async {
        while stream.read(&mut rest).await? > 0 {}
        Ok(())
    };
    timeout(Duration::from_secs(1), gone).await.unwrap_or(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::super::component::Component;
    use super::super::server::{Options, Server};
    use super::*;

    async fn pair() -> (Server, Component, Arc<Connection>) {
        let server = Server::start(Options::ejabberd("secret")).await.unwrap();
        let component = Component::log_in(&server, "p.example", "secret").await;
        let connection = server.connections("p.example").remove(0);
        (server, component, connection)
    }

    #[tokio::test]
    async fn raw_bytes_reach_the_component() {
        let (_server, mut component, connection) = pair().await;
        connection.inject("<a>😀</a>".as_bytes());
        connection.inject_chunks(b"<b/>", 1);
        connection.inject(b"<c");
        connection.inject(b"/>");
        for wanted in ["<a>😀</a>", "<b/>", "<c/>"] {
            assert_eq!(component.recv().await, wanted);
        }
    }

    #[tokio::test]
    async fn it_ends_in_every_way() {
        for (end, seen) in [
            (Connection::close as fn(&Connection), "</stream:stream>"),
            (Connection::cut, ""),
            (Connection::reset, "connection reset"),
            (|c| c.fail("undefined-condition", "so <there>"), "so &lt;there&gt;"),
        ] {
            let (server, mut component, connection) = pair().await;
            end(&connection);
            component.recv_with(seen).await;
            assert!(server.connected("p.example", 0).await.is_some());
        }
    }

    #[tokio::test]
    async fn a_component_that_leaves_in_order_gets_what_waits_and_the_closing_tag() {
        let (_server, mut component, connection) = pair().await;
        connection.inject(b"<last/>");
        component.send("</stream:stream>").await;
        assert_eq!(component.recv().await, "<last/>");
        assert_eq!(component.recv().await, "</stream:stream>");
    }

    #[tokio::test]
    async fn a_server_that_does_not_read_answers_nothing() {
        let (_server, mut component, connection) = pair().await;
        connection.set_reading(false);
        let echo = "<message to='p.example' from='p.example'/>";
        // The read that is under way still takes this one.
        component.send(echo).await;
        assert_eq!(component.recv().await, echo);
        component.send(echo).await;
        assert_eq!(component.recv_soon().await, None);
        connection.set_reading(true);
        assert_eq!(component.recv().await, echo);
        assert_eq!(connection.received(), [echo, echo].concat().into_bytes());
    }
}
