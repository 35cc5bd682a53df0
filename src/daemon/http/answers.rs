//! What is answered at each path, and the headers that keep browsers from misusing it.

use hyper::body::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use crate::daemon::metrics::{self, Format};
use crate::daemon::recorder::Recorder;
use crate::daemon::status::{self, Status};
use crate::daemon::watchdog;
use crate::link::component::lock;

use super::page;

/// An answer, whole before any of it is written.
pub(super) type WholeResponse = Response<Bytes>;

/// The answer to a request, whose own body is ignored.
pub(super) fn to(request: &Request<()>, recorder: &Recorder) -> WholeResponse {
    let make = match request.uri().path() {
        "/" => page,
        "/metrics" => metrics,
        "/healthz" => healthz,
        "/readyz" => readyz,
        "/status" => status,
        _ => {
            return text(StatusCode::NOT_FOUND, "Available: / /metrics /healthz /readyz /status\n");
        }
    };
    match *request.method() {
        // The body is left out when it is written.
        Method::GET | Method::HEAD => make(request, recorder),
        _ => {
            let answer = text(StatusCode::METHOD_NOT_ALLOWED, "");
            with(answer, header::ALLOW, HeaderValue::from_static("GET,HEAD"))
        }
    }
}

/// A line for people.
pub(super) fn text(status: StatusCode, text: impl Into<Bytes>) -> WholeResponse {
    let mut answer = of_type("text/plain; charset=utf-8", text);
    *answer.status_mut() = status;
    answer
}

pub(super) fn with(
    mut answer: WholeResponse,
    name: HeaderName,
    value: HeaderValue,
) -> WholeResponse {
    answer.headers_mut().insert(name, value);
    answer
}

/// Headers of every answer: not to be cached, not for other sites, and not to be taken for another
/// type.
pub(super) fn guard(mut answer: WholeResponse) -> WholeResponse {
    let headers = answer.headers_mut();
    for (name, value) in GUARDS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    answer
}

/// With `?refresh` the page reloads itself.
fn page(request: &Request<()>, recorder: &Recorder) -> WholeResponse {
    let refresh = request.uri().query() == Some(page::REFRESH);
    let page = page::render(&Status::of(recorder), recorder, refresh);
    let answer = of_type("text/html; charset=utf-8", page);
    with(answer, header::CONTENT_SECURITY_POLICY, page::policy())
}

fn metrics(request: &Request<()>, recorder: &Recorder) -> WholeResponse {
    let accepted = request.headers().get_all(header::ACCEPT).iter();
    let format = Format::accepted(accepted.filter_map(|value| value.to_str().ok()));
    let answer = of_type(format.content_type(), metrics::render(recorder.components(), format));
    with(answer, header::VARY, HeaderValue::from_static("accept"))
}

/// Whether the event loop runs.
fn healthz(_: &Request<()>, recorder: &Recorder) -> WholeResponse {
    if watchdog::is_late(recorder.components()) {
        text(StatusCode::SERVICE_UNAVAILABLE, "a component's task hangs\n")
    } else {
        text(StatusCode::OK, "ok\n")
    }
}

/// Whether every component is logged in, with somebody to forward to.
fn readyz(_: &Request<()>, recorder: &Recorder) -> WholeResponse {
    let components = recorder.components().all();
    if components.is_empty() {
        return text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    let mut code = StatusCode::OK;
    let mut lines = String::new();
    for component in components {
        let component = lock(&component);
        let why = status::not_ready(&component);
        if why.is_some() {
            code = StatusCode::SERVICE_UNAVAILABLE;
        }
        let domain = &component.services.settings().domain;
        lines += &format!("{domain}: {}\n", why.as_deref().unwrap_or("ready"));
    }
    text(code, lines)
}

fn status(_: &Request<()>, recorder: &Recorder) -> WholeResponse {
    let status = serde_json::to_vec(&Status::of(recorder)).expect("all of it has a form in JSON");
    of_type("application/json", status)
}

fn of_type(content_type: &'static str, body: impl Into<Bytes>) -> WholeResponse {
    let answer = Response::new(body.into());
    with(answer, header::CONTENT_TYPE, HeaderValue::from_static(content_type))
}

const GUARDS: [(HeaderName, &str); 5] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    // The policy of everything but the page, which has its own.
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];
