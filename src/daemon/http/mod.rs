//! HTTP: a page for people, metrics, health, readiness, status.
//!
//! It shares the event loop with the relay, so a client must cost little whatever it does: one
//! request for each connection, few connections, not too fast and not for long; an answer that
//! takes one brief look at each component, is followed by a pause, and is kept for a slow reader
//! only as long as there is room for it.

mod answers;
pub(crate) mod endpoint;
mod halt;
mod host;
mod page;
mod room;
mod stock;
mod wire;

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, oneshot, watch};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use crate::config::Host;
use crate::shortage::explain;

use super::recorder::Recorder;
use answers::WholeResponse;
use halt::Halt;
use room::{Room, Seat};
use stock::Stock;
use wire::{Exchange, Wire};

/// What is served, and under which names.
#[derive(Clone)]
pub(crate) struct Site {
    pub recorder: Arc<Recorder>,
    pub hosts: watch::Receiver<Vec<Host>>,
}

/// Serves until it is aborted. Requests that are being answered by then are still answered, until
/// they are told to `halt`. `exchanges` are connections that exist already.
pub(crate) async fn serve(listener: TcpListener, site: Site, halt: Halt, exchanges: Vec<Exchange>) {
    let counter = Counter { site, turn: Arc::default(), stock: Arc::new(Stock::new()), halt };
    let room = Arc::new(Room::default());
    // Since when none can be taken.
    let mut trouble: Option<Instant> = None;
    let mut numbers = 0..;
    for (exchange, number) in exchanges.into_iter().zip(&mut numbers) {
        counter.admit(exchange, &room, number).await;
    }
    for number in numbers {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = counter.halt.ordered() => return,
        };
        match accepted {
            Ok((socket, _)) => {
                if let Some(since) = trouble.take() {
                    let seconds = since.elapsed().as_secs_f64();
                    info!("accepting HTTP connections again after {seconds:.1} s");
                }
                counter.admit(Exchange::new(socket), &room, number).await;
                if number % BATCH == 0 {
                    sleep(PACE).await;
                }
            }
            Err(error) => {
                trouble.get_or_insert_with(|| {
                    warn!("can't accept HTTP connections, retrying: {}", explain(&error));
                    Instant::now()
                });
                let _ = timeout(ACCEPT_AGAIN, counter.halt.ordered()).await;
            }
        }
    }
}

/// What all connections have in common.
#[derive(Clone)]
struct Counter {
    site: Site,
    turn: Arc<Mutex<()>>,
    stock: Arc<Stock>,
    halt: Halt,
}

impl Counter {
    /// Serves a connection as soon as there is a seat for it.
    async fn admit(&self, exchange: Exchange, room: &Arc<Room>, number: u64) {
        tokio::select! {
            (seat, dismissed) = room.enter(number) => {
                tokio::spawn(self.clone().serve(exchange, seat, dismissed));
            }
            () = self.halt.ordered() => self.halt.leave(exchange),
        }
    }

    /// Answers one request.
    async fn serve(self, exchange: Exchange, seat: Seat, dismissed: oneshot::Receiver<()>) {
        if !exchange.output.is_empty() {
            return self.finish(exchange, seat, dismissed).await;
        }
        // An error means that the client has gone already.
        let Ok(local) = exchange.tcp.local_addr() else { return };
        let seat = &seat;
        let halt = self.halt.clone();
        let wire = Wire::new(exchange.tcp, exchange.input);
        let service = service_fn(move |request: Request<Incoming>| {
            seat.asked();
            let known = host::check(&request, local.ip(), &self.site.hosts.borrow());
            let counter = self.clone();
            async move {
                let answer = match known {
                    Ok(()) => counter.in_turn(request.map(drop)).await,
                    Err((status, text)) => answers::text(status, text),
                };
                seat.answered();
                Ok::<_, Infallible>(answers::guard(answer).map(Full::new))
            }
        });
        let connection = http1::Builder::new()
            .keep_alive(false)
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(wire.clone()), service);
        let mut connection = pin!(timeout(CONNECTION_TIME, connection));
        tokio::select! {
            // The client may end it early.
            _ = &mut connection => return,
            _ = dismissed => return,
            () = halt.ordered() => {}
        }
        let answered = wire.hold();
        if answered {
            // The library hands over the rest of the answer at once.
            let _ = connection.await;
        }
        let exchange = wire.take_exchange();
        if !(answered && exchange.output.is_empty()) {
            halt.leave(exchange);
        }
    }

    /// Writes the rest of an answer.
    async fn finish(self, mut exchange: Exchange, seat: Seat, dismissed: oneshot::Receiver<()>) {
        seat.answered();
        tokio::select! {
            _ = timeout(CONNECTION_TIME, exchange.finish()) => return,
            _ = dismissed => return,
            () = self.halt.ordered() => {}
        }
        self.halt.leave(exchange);
    }

    /// Makes one answer at a time, then leaves four times as long to the relay before the next.
    async fn in_turn(self, request: Request<()>) -> WholeResponse {
        let path = request.uri().path();
        let turn = self.turn.lock_owned().await;
        if !self.stock.has_room(path) {
            return stock::full();
        }
        let began = Instant::now();
        let answer = self.stock.keep(path, answers::to(&request, &self.site.recorder));
        let pause = (began.elapsed() * 4).min(LONGEST_PAUSE);
        tokio::spawn(async move {
            sleep(pause).await;
            drop(turn);
        });
        answer
    }
}

const MAX_HEAD_BYTES: usize = 16 * 1024;
/// How long a client may take to send the head of its request.
const HEAD_TIME: Duration = Duration::from_secs(5);
/// The same, and to read the answer.
const CONNECTION_TIME: Duration = Duration::from_secs(15);
/// After this many connections there is a pause: most of the event loop's time stays for the
/// relay, and a thousand connections that ask for nothing are still dealt with in a second.
const BATCH: u64 = 4;
const PACE: Duration = Duration::from_millis(1);
/// Even the last of all connections waits less than those 15 s.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
/// After an error that only time mends, such as too many open files.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);
