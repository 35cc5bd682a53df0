//! The demo's XMPP server: components over real TCP (XEP-0114), clients as handles.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep};
use xmpp_parsers::component::Handshake;
use xmpp_parsers::minidom;

use super::PATIENCE;
use super::client::Client;
use super::router::{Passed, Router, Shared, lock};
use crate::stanza::limits::Limits;
use crate::stanza::splitter::{Piece, Splitter};

/// A running server; everything ends when it is dropped.
pub(super) struct Server {
    pub(super) router: Shared,
    address: SocketAddr,
    listener: JoinHandle<()>,
}

impl Server {
    /// Listens on a free port of 127.0.0.1 for replicas that serve `domain`.
    pub(super) async fn start(domain: &'static str, secret: &'static str) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let router = Arc::new(Mutex::new(Router::new(domain)));
        let listener = tokio::spawn(accept(listener, secret, router.clone()));
        Ok(Self { router, address, listener })
    }

    /// Where replicas connect.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Logs a client in under the full JID `jid`.
    pub(super) fn client(&self, jid: &str) -> Client {
        Client::log_in(jid, &self.router)
    }

    /// The numbers of the connections that are logged in, oldest first.
    pub(super) fn connections(&self) -> Vec<u64> {
        lock(&self.router).connections()
    }

    /// Waits until `count` connections are logged in; `None` if that takes too long.
    pub(super) async fn connected(&self, count: usize) -> Option<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.connections().len() != count {
            if Instant::now() > deadline {
                return None;
            }
            sleep(Duration::from_millis(2)).await;
        }
        Some(())
    }

    /// The first stanza that passed between the server and a replica and that is `wanted`.
    pub(super) fn passed(&self, wanted: impl Fn(&Passed) -> bool) -> Option<Passed> {
        lock(&self.router).passed().iter().find(|passed| wanted(passed)).cloned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

async fn accept(listener: TcpListener, secret: &'static str, router: Shared) {
    // They end with this task.
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(connections.spawn(serve(stream, secret, router.clone()))),
            // Most likely out of descriptors: that passes.
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Serves a replica from its stream header to the end of its connection.
async fn serve(stream: TcpStream, secret: &str, router: Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.into_split();
    let splitter = Splitter::new(Limits::default());
    let mut input = Input { reader, buffer: Vec::new(), splitter };

    input.skip_header().await?;
    let id = format!("{:016x}", fastrand::u64(..));
    writer.write_all(header(&id).as_bytes()).await?;
    let proof = Handshake::from_stream_id_and_password(id, secret);
    let proof = minidom::Element::from(proof).text();
    let handshake = input.element().await?;
    if !handshake.is_some_and(|handshake| handshake.contains(&format!(">{proof}<"))) {
        return writer.write_all(NOT_AUTHORIZED.as_bytes()).await;
    }
    writer.write_all(b"<handshake/>").await?;

    let (connection, mut outgoing) = lock(&router).add_replica();
    let ended = async {
        loop {
            tokio::select! {
                Some(xml) = outgoing.recv() => writer.write_all(xml.as_bytes()).await?,
                element = input.element() => match element? {
                    Some(xml) => lock(&router).take_from_replica(connection, xml),
                    None => return writer.write_all(b"</stream:stream>").await,
                },
            }
        }
    };
    let ended = ended.await;
    lock(&router).remove_replica(connection);
    ended
}

/// What comes from a replica.
struct Input {
    reader: OwnedReadHalf,
    buffer: Vec<u8>,
    splitter: Splitter,
}

impl Input {
    async fn skip_header(&mut self) -> io::Result<()> {
        loop {
            let text = str::from_utf8(&self.buffer).unwrap_or_default();
            let start = text.find("<stream:stream");
            if let Some(end) = start.and_then(|start| Some(start + text[start..].find('>')?)) {
                self.buffer.drain(..=end);
                return Ok(());
            }
            self.read().await?;
        }
    }

    /// The next element; `None` at the end of the stream. Loses nothing if it is cancelled.
    async fn element(&mut self) -> io::Result<Option<String>> {
        loop {
            match self.splitter.next(&self.buffer).map_err(io::Error::other)? {
                Some(Piece::Element(element)) => {
                    let xml = &self.buffer[element.tag.start..element.end];
                    return Ok(Some(String::from_utf8_lossy(xml).into_owned()));
                }
                Some(_) => return Ok(None),
                None => {}
            }
            self.buffer.drain(..self.splitter.done());
            self.splitter.rebase();
            self.read().await?;
        }
    }

    async fn read(&mut self) -> io::Result<()> {
        match self.reader.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

fn header(id: &str) -> String {
    format!(
        "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
         xmlns:stream='http://etherx.jabber.org/streams' id='{id}'>"
    )
}

const NOT_AUTHORIZED: &str = "<stream:error>\
    <not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>";
