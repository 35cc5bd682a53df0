//! One component's TCP connection, and what can be done to it.

use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::stanza::stream_error;

/// The server's end of a connection that is logged in.
pub struct Connection {
    id: u64,
    domain: String,
    commands: UnboundedSender<Command>,
    reading: watch::Sender<bool>,
    held_back: AtomicUsize,
    received: Mutex<Vec<u8>>,
}

/// Orders for a connection, which are carried out one after another.
pub(crate) enum Command {
    Write(Vec<u8>),
    /// Writes so many bytes at a time.
    Trickle(Vec<u8>, usize),
    /// Ends it, after these bytes.
    Close(Vec<u8>),
    /// Ends it without a closing tag.
    Cut,
    /// Ends it with a TCP reset.
    Reset,
}

impl Connection {
    /// A number that no other connection of the process has.
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

    /// Writes raw bytes, `chunk` of them (1 at least) at a time, 1 ms apart, so that a component
    /// that is not busy reads them separately.
    pub fn inject_chunks(&self, bytes: &[u8], chunk: usize) {
        self.command(Command::Trickle(bytes.to_vec(), chunk));
    }

    /// All bytes that came from the component since its handshake, if the server records.
    pub fn received(&self) -> Vec<u8> {
        self.recording().clone()
    }

    /// Whether the server reads from the component; at first it does.
    pub fn set_reading(&self, reading: bool) {
        self.reading.send_replace(reading);
    }

    /// From now on the last `count` bytes of output wait for more output, so that the component always
    /// has an incomplete stanza. The initial value is 0.
    pub fn hold_back(&self, count: usize) {
        self.held_back.store(count, Ordering::Relaxed);
        self.inject(b"");
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

    /// A connection of `domain`, and its orders.
    pub(crate) fn new(domain: String) -> (Arc<Self>, UnboundedReceiver<Command>) {
        static IDS: AtomicU64 = AtomicU64::new(1);
        let (commands, receiver) = unbounded_channel();
        let connection = Self {
            id: IDS.fetch_add(1, Ordering::Relaxed),
            domain,
            commands,
            reading: watch::Sender::new(true),
            held_back: AtomicUsize::new(0),
            received: Mutex::default(),
        };
        (Arc::new(connection), receiver)
    }

    pub(crate) fn write(&self, xml: &str) {
        self.command(Command::Write(xml.as_bytes().to_vec()));
    }

    /// Reports changes by [`Self::set_reading`].
    pub(crate) fn reading(&self) -> watch::Receiver<bool> {
        self.reading.subscribe()
    }

    /// The value set by [`Self::hold_back`].
    pub(crate) fn held_back(&self) -> usize {
        self.held_back.load(Ordering::Relaxed)
    }

    pub(crate) fn command(&self, command: Command) {
        // A connection that has ended does nothing any more.
        let _ = self.commands.send(command);
    }

    pub(crate) fn recording(&self) -> MutexGuard<'_, Vec<u8>> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes `chunk` bytes (1 at least) at a time, each in a segment of its own.
pub(crate) async fn trickle(
    stream: &mut (impl AsyncWrite + Unpin),
    bytes: &[u8],
    chunk: usize,
) -> io::Result<()> {
    for chunk in bytes.chunks(chunk.max(1)) {
        stream.write_all(chunk).await?;
        sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Server;
    use crate::mock_component::{MockComponent, ejabberd};

    async fn pair() -> (Server, MockComponent, Arc<Connection>) {
        let server = ejabberd().await;
        let component = MockComponent::log_in(&server, "p.example", "secret").await;
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
    async fn the_end_of_what_is_written_waits_for_more() {
        let (_server, mut component, connection) = pair().await;
        connection.hold_back(1);
        connection.inject(b"<a/>");
        assert_eq!(component.recv_soon().await, None);
        connection.inject(b"<b/>");
        assert_eq!(component.recv().await, "<a/>");
        assert_eq!(component.recv_soon().await, None);
        connection.hold_back(0);
        assert_eq!(component.recv().await, "<b/>");
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
        component.send(echo).await;
        assert_eq!(component.recv_soon().await, None);
        connection.set_reading(true);
        assert_eq!(component.recv().await, echo);
        assert_eq!(connection.received(), echo.as_bytes());
    }
}
