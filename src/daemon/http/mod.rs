//! HTTP: a page for people, metrics, health, readiness, status.
//!
//! It shares the event loop with the relay, so a client costs little whatever it does: one
//! request for each connection, few connections, not too fast, not for long, and an answer that
//! is made from one brief look at each component, and paid for with a pause.

mod answers;
pub mod endpoint;
mod host;
mod page;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::Request;
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Semaphore, watch};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use crate::config::Host;

use super::recorder::Recorder;

/// What is served, and under which names.
#[derive(Clone)]
pub struct Site {
    pub recorder: Arc<Recorder>,
    pub hosts: watch::Receiver<Vec<Host>>,
}

/// Serves until it is aborted. Requests that are being answered then are answered still.
pub async fn serve(listener: TcpListener, site: Site) {
    let routes = TowerToHyperService::new(answers::routes(site.recorder));
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let turn = Arc::new(Mutex::new(()));
    // Since when none can be taken.
    let mut trouble: Option<Instant> = None;
    loop {
        let slot = Arc::clone(&slots).acquire_owned().await;
        match listener.accept().await {
            Ok((socket, _)) => {
                if let Some(since) = trouble.take() {
                    let seconds = since.elapsed().as_secs_f64();
                    info!("HTTP connections can be taken again after {seconds:.1} s");
                }
                let (routes, hosts) = (routes.clone(), site.hosts.clone());
                let turn = Arc::clone(&turn);
                tokio::spawn(async move {
                    connection(socket, routes, hosts, turn).await;
                    drop(slot);
                });
                sleep(PACE).await;
            }
            Err(error) => {
                trouble.get_or_insert_with(|| {
                    warn!("can't take HTTP connections, trying on: {error}");
                    Instant::now()
                });
                sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

/// Answers one request.
async fn connection(
    socket: TcpStream,
    routes: TowerToHyperService<Router>,
    hosts: watch::Receiver<Vec<Host>>,
    turn: Arc<Mutex<()>>,
) {
    // An error says that the client has gone already.
    let Ok(local) = socket.local_addr() else { return };
    let service = service_fn(move |request: Request<Incoming>| {
        let known = host::check(&request, local.ip(), &hosts.borrow());
        let answer = known.map(|()| routes.call(request));
        let turn = Arc::clone(&turn);
        async move {
            let answer = match answer {
                Ok(answer) => in_turn(turn, answer).await,
                Err(refusal) => Ok(refusal.into_response()),
            };
            answer.map(answers::guard)
        }
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(socket), service);
    // Whatever ends it early is the client's own affair.
    let _ = timeout(CONNECTION_TIME, connection).await;
}

/// Makes one answer at a time, and lets the relay have four times as long before the next.
async fn in_turn<A: Future>(turn: Arc<Mutex<()>>, answer: A) -> A::Output {
    let turn = turn.lock_owned().await;
    let began = Instant::now();
    let answer = answer.await;
    let pause = (began.elapsed() * 4).min(LONGEST_PAUSE);
    tokio::spawn(async move {
        sleep(pause).await;
        drop(turn);
    });
    answer
}

const MAX_CONNECTIONS: usize = 64;
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// How long a client may take to send the head of its request.
const HEAD_TIME: Duration = Duration::from_secs(5);
/// The same, and to read the answer.
const CONNECTION_TIME: Duration = Duration::from_secs(15);
/// Between two connections: most of the event loop's time stays for the relay.
const PACE: Duration = Duration::from_millis(1);
/// Who comes last of all connections waits for less than the 15 s.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
/// After an error that only time mends, such as too many open files.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);
