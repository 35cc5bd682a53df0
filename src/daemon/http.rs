//! HTTP: metrics, health, readiness, status.
//!
//! It shares the event loop with the relay, so a client costs little whatever it does: one
//! request for each connection, few connections, not too fast, not for long, and an answer that
//! is made from one brief look at each component.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tracing::warn;

use crate::link::component::lock;

use super::links::Links;
use super::status::{self, Status};
use super::{host, metrics, watchdog};

/// Serves until it is aborted. Requests that are being answered then are answered still.
pub async fn serve(listener: TcpListener, links: Arc<Links>) {
    let routes = TowerToHyperService::new(routes(links));
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let slot = Arc::clone(&slots).acquire_owned().await;
        match listener.accept().await {
            Ok((socket, _)) => {
                let routes = routes.clone();
                tokio::spawn(async move {
                    connection(socket, routes).await;
                    drop(slot);
                });
                sleep(PACE).await;
            }
            Err(error) => {
                warn!("can't take an HTTP connection: {error}");
                sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

/// Answers one request.
async fn connection(socket: TcpStream, routes: TowerToHyperService<Router>) {
    // An error says that the client has gone already.
    let Ok(local) = socket.local_addr() else { return };
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = host::check(&request, local.ip()).map(|()| routes.call(request));
        async move {
            match answer {
                Ok(answer) => answer.await,
                Err(refusal) => Ok(refusal.into_response()),
            }
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

fn routes(links: Arc<Links>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/status", get(status))
        .fallback(not_found)
        .with_state(links)
}

async fn metrics(State(links): State<Arc<Links>>) -> Response {
    let content_type = HeaderValue::from_static(metrics::CONTENT_TYPE);
    ([(header::CONTENT_TYPE, content_type)], metrics::render(&links)).into_response()
}

/// Does the event loop turn?
async fn healthz(State(links): State<Arc<Links>>) -> (StatusCode, &'static str) {
    if watchdog::is_late(&links) {
        (StatusCode::SERVICE_UNAVAILABLE, "a component's task hangs\n")
    } else {
        (StatusCode::OK, "ok\n")
    }
}

/// Is every component logged in, with somebody to forward to?
async fn readyz(State(links): State<Arc<Links>>) -> (StatusCode, String) {
    let components = links.components();
    if components.is_empty() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned());
    }
    let mut code = StatusCode::OK;
    let mut text = String::new();
    for component in components {
        let component = lock(&component);
        let missing = status::missing(&component);
        if missing.is_some() {
            code = StatusCode::SERVICE_UNAVAILABLE;
        }
        let domain = &component.translator.settings().domain;
        text += &format!("{domain}: {}\n", missing.as_deref().unwrap_or("ready"));
    }
    (code, text)
}

async fn status(State(links): State<Arc<Links>>) -> Json<Status> {
    Json(Status::of(&links))
}

async fn not_found() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "There are: /metrics /healthz /readyz /status\n")
}

const MAX_CONNECTIONS: usize = 64;
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// How long a client may take to send the head of its request.
const HEAD_TIME: Duration = Duration::from_secs(5);
/// The same, and to read the answer.
const CONNECTION_TIME: Duration = Duration::from_secs(15);
/// Between two connections: most of the event loop's time stays for the relay.
const PACE: Duration = Duration::from_millis(1);
/// After an error that only time mends, such as too many open files.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);
