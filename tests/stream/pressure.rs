//! A server that does not read, and a stream that is slow.

use std::time::Duration;

use jat_proxy::jat::reason::Reason;
use tokio::time::sleep;

use crate::fixture::Fixture;

/// Both TCP buffers full in both directions would be a deadlock.
#[tokio::test]
async fn a_server_that_stops_reading_gets_everything_later() {
    const REQUESTS: usize = 20_000;
    let mut it = Fixture::start().await;
    let connection = it.connection().await;
    connection.set_reading(false);
    let request = "<iq type='get' id='1' from='flood@some-domain.example/abc' to='proxy.example'/>";
    connection.inject(request.repeat(REQUESTS).as_bytes());
    it.until("the backlog is full", |r| r.component().stream().backlog > 1 << 20).await;
    sleep(Duration::from_millis(300)).await;
    let backlog = it.replica.component().stream().backlog;
    assert!(backlog < (1 << 20) + 200_000, "{backlog} bytes wait");
    let before = it.replica.count(Reason::ChildCount);
    assert!(before < REQUESTS as u64, "it went on reading");
    connection.set_reading(true);
    it.until("all are answered", |r| r.count(Reason::ChildCount) == REQUESTS as u64).await;
    it.until("the backlog is gone", |r| r.component().stream().backlog == 0).await;
    it.serves().await;
    assert_eq!(it.replica.component().stream().logins, 1);
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
