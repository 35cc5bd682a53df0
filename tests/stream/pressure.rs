//! A server that does not read, and a stream that is slow.

use std::time::Duration;

use jat_proxy::config::ComponentConfig;
use jat_proxy::jat::reason::Reason;
use jat_proxy::link::stream::State;
use jat_proxy::session::Bounds;
use mock_server::{Options, Server};
use test_support::daemon::DOMAIN;

use crate::backlog::{self, flood};
use crate::fixture::{Fixture, SECRET, component};

/// Both TCP buffers full in both directions would be a deadlock.
#[tokio::test]
async fn a_server_that_stops_reading_gets_everything_later() {
    backlog::is_taken_later(Fixture::start().await).await;
}

/// One read may bring more than the backlog's limit, although the server reads everything.
#[tokio::test]
async fn a_small_backlog_holds_up_nobody() {
    let it = small_backlog().await;
    it.connection().await.inject(flood(300).as_bytes());
    it.until("all are answered", |r| r.count(Reason::ChildCount) == 300).await;
}

#[tokio::test]
async fn a_stop_translates_all_that_was_read_behind_a_small_backlog() {
    let it = small_backlog().await;
    it.connection().await.inject(flood(300).as_bytes());
    it.until("it has begun", |r| r.count(Reason::ChildCount) > 0).await;
    it.replica.stop(Duration::from_secs(10));
    it.until("it has left", |r| !matches!(r.component().stream().state, State::Up { .. })).await;
    let counts = [Reason::ChildCount, Reason::ArrivedAfterClose].map(|r| it.replica.count(r));
    assert_eq!(counts, [300, 0]);
}

async fn small_backlog() -> Fixture {
    let bounds = Bounds { max_backlog: 2_000, ..Bounds::default() };
    let small = |server: &Server| ComponentConfig { bounds, ..component(server) };
    let it = Fixture::with(Options::prosody(DOMAIN, SECRET), small).await;
    it.until("the service is online", |r| r.online() == 1).await;
    it
}

#[tokio::test]
async fn one_byte_at_a_time() {
    let mut it = Fixture::start().await;
    let connection = it.connection().await;
    let request = "<iq type='get' id='slow' from='user@some-domain.example/abc' to='proxy.example'><a>😀</a></iq>";
    connection.inject_chunks(request.as_bytes(), 1);
    let forwarded = it.service.recv_iq().await.expect("the request");
    assert!(forwarded.contains("<a>😀</a>"), "{forwarded}");
    it.serves().await;
}
