//! What is answered at each path, and the headers that keep browsers from misusing it.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use crate::daemon::metrics::{self, Format};
use crate::daemon::recorder::Recorder;
use crate::daemon::status::{self, Status};
use crate::daemon::watchdog;
use crate::link::component::lock;

use super::page;

pub fn routes(recorder: Arc<Recorder>) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/status", get(status))
        .fallback(not_found)
        .with_state(recorder)
}

/// Every answer is of this moment, for this site alone, and what it says it is.
pub fn guard(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    for (name, value) in GUARDS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    answer
}

/// With `?refresh` it loads itself again and again.
async fn page(State(recorder): State<Arc<Recorder>>, RawQuery(query): RawQuery) -> Response {
    let refresh = query.as_deref() == Some(page::REFRESH);
    let page = page::render(&Status::of(&recorder), &recorder, refresh);
    ([(header::CONTENT_SECURITY_POLICY, page::policy())], Html(page)).into_response()
}

async fn metrics(State(recorder): State<Arc<Recorder>>, headers: HeaderMap) -> Response {
    let accepted = headers.get_all(header::ACCEPT).iter();
    let format = Format::accepted(accepted.filter_map(|value| value.to_str().ok()));
    let content_type = HeaderValue::from_static(format.content_type());
    let headers =
        [(header::CONTENT_TYPE, content_type), (header::VARY, HeaderValue::from_static("accept"))];
    (headers, metrics::render(recorder.components(), format)).into_response()
}

/// Whether the event loop turns.
async fn healthz(State(recorder): State<Arc<Recorder>>) -> (StatusCode, &'static str) {
    if watchdog::is_late(recorder.components()) {
        (StatusCode::SERVICE_UNAVAILABLE, "a component's task hangs\n")
    } else {
        (StatusCode::OK, "ok\n")
    }
}

/// Whether every component is logged in, with somebody to forward to.
async fn readyz(State(recorder): State<Arc<Recorder>>) -> (StatusCode, String) {
    let components = recorder.components().all();
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

async fn status(State(recorder): State<Arc<Recorder>>) -> Json<Status> {
    Json(Status::of(&recorder))
}

async fn not_found() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "There are: / /metrics /healthz /readyz /status\n")
}

const GUARDS: [(HeaderName, &str); 5] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    // Of what is no page; the page has its own.
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];
