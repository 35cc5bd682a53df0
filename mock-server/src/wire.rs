//! The work on one component's socket: login, stanzas in and out, and the end in all its forms.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use jat_core::stanza::splitter::{Piece, Splitter};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;

use crate::connection::{Command, Connection, trickle};
use crate::login::{self, LoggedIn, Login};
use crate::router::StreamError;
use crate::shared::Shared;
use crate::stanza::{Stanza, UNLIMITED, stream_error};

/// Serves a component from its stream header to the end of its connection.
pub(crate) async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
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
        Login::Scripted { handshake, .. } if handshake.is_empty() => {
            return until_gone(stream).await;
        }
        Login::Scripted { handshake, chunk, .. } => Command::Trickle(handshake, chunk),
        Login::Normal | Login::Refused { .. } => Command::Write(b"<handshake/>".to_vec()),
    };
    let (connection, commands) = Connection::new(domain);
    // First in the queue, so that no stanza gets before it.
    connection.command(answer);
    let accepted = shared.router().connect(connection.clone());
    if let Err(StreamError(condition)) = accepted {
        stream.write_all(&stream_error(condition, "Component already connected")).await?;
        return linger(stream).await;
    }
    let (mut from, mut to) = stream.split();
    let end = tokio::select! {
        end = write(&mut to, &connection, commands) => end,
        never = read(&mut from, &connection, early, shared) => match never {},
    };
    shared.router().disconnect(connection.id());
    match end? {
        End::Reset => rustix::net::sockopt::set_socket_linger(&*stream, Some(Duration::ZERO))
            .map_err(io::Error::from),
        End::Closed => linger(stream).await,
    }
}

enum End {
    Closed,
    Reset,
}

/// Carries out the connection's orders; writes that wait together are sent together.
async fn write(
    stream: &mut WriteHalf<'_>,
    connection: &Connection,
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
                    trickle(stream, &bytes, size).await?;
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
        let due = output.len().saturating_sub(connection.held_back());
        stream.write_all(&output[..due]).await?;
        output.drain(..due);
    }
}

/// Reads stanzas as long as the connection is open. The writer ends it, since it may have more to
/// send.
async fn read(
    stream: &mut ReadHalf<'_>,
    connection: &Connection,
    early: Vec<u8>,
    shared: &Shared,
) -> Infallible {
    let mut reading = connection.reading();
    let mut splitter = Splitter::new(UNLIMITED);
    let mut buffer = early;
    if shared.options.record {
        connection.recording().extend(&buffer);
    }
    let mut open = true;
    loop {
        if open && let Err(condition) = take(&mut splitter, &mut buffer, connection, shared) {
            shared.router().disconnect(connection.id());
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
        let read = tokio::select! {
            biased;
            _ = reading.wait_for(|reading| !*reading) => continue,
            read = stream.read_buf(&mut buffer) => read,
        };
        match read {
            Ok(1..) => {}
            Ok(0) | Err(_) => {
                shared.router().disconnect(connection.id());
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

/// Waits until the peer disconnects, without sending anything.
async fn until_gone(stream: &mut TcpStream) -> io::Result<()> {
    let mut rest = [0; 4096];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

/// Ends its own side, and waits a moment for the peer to disconnect. (With unread input a plain
/// close is a reset, which discards what is still under way.)
async fn linger(stream: &mut TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    timeout(Duration::from_secs(1), until_gone(stream)).await.unwrap_or(Ok(()))
}
