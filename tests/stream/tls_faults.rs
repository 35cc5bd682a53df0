//! An encrypted stream with all faults of networks and servers.

use std::sync::atomic::Ordering;
use std::time::Duration;

use jat_proxy::jat::reason::Reason;
use jat_proxy::link::cause::Cause;
use jat_proxy::link::stream::State;
use mock_server::Connection;
use test_support::daemon::DOMAIN;
use test_support::stage::reply_to;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::backlog::{self, Backlog, REQUEST};
use crate::tls_login::good;

#[tokio::test]
async fn large_stanzas_both_ways() {
    let (mut it, _port) = good().await;
    for size in [1, 16_383, 16_384, 16_385, 65_536, 400_000] {
        let text = "x".repeat(size);
        it.user
            .send(&format!("<iq type='get' id='{size}' to='{DOMAIN}'><ask>{text}</ask></iq>"))
            .unwrap();
        let request = it.service.recv_iq().await.expect("the request");
        assert!(request.contains(&text), "{size}");
        let reply = reply_to(&request).replace("<answer/>", &format!("<a>{text}</a>"));
        it.service.send(&reply).unwrap();
        let reply = it.user.recv_iq().await.expect("the reply");
        assert!(reply.contains(&text), "{size}");
    }
    assert_eq!(it.replica.component().stream().logins, 1);
}

#[tokio::test]
async fn records_and_segments_of_every_size() {
    let (mut it, port) = good().await;
    for (record, write) in [(1, usize::MAX), (usize::MAX, 1), (1, 1), (7, 5), (16_384, 1_460)] {
        port.habits.record.store(record, Ordering::Relaxed);
        port.habits.write.store(write, Ordering::Relaxed);
        it.serves().await;
    }
    assert_eq!(it.replica.component().stream().logins, 1);
}

/// Wherever the connection is cut within a record, whole stanzas before it are translated, the cause
/// is named, and the next stream serves.
#[tokio::test]
async fn a_cut_at_every_byte_of_a_record() {
    // A record of TLS 1.3 has 5 bytes before and 17 after the content.
    let length = REQUEST.len() + 22;
    for cuts in (0..=length).collect::<Vec<_>>().chunks(24) {
        let cuts: JoinSet<()> = cuts.iter().map(|cut| cut_at(*cut, length)).collect();
        cuts.join_all().await;
    }
}

async fn cut_at(cut: usize, length: usize) {
    let (mut it, port) = good().await;
    let connection = it.connection().await;
    connection.inject(REQUEST.as_bytes());
    it.until("the first", |r| r.count(Reason::ChildCount) == 1).await;
    // Time for other output.
    sleep(Duration::from_millis(20)).await;
    port.habits.cut_after.store(cut, Ordering::Relaxed);
    let before = port.habits.written.load(Ordering::Relaxed);
    connection.inject(REQUEST.as_bytes());
    if cut == length {
        it.until("the second", |r| r.count(Reason::ChildCount) == 2).await;
        let written = port.habits.written.load(Ordering::Relaxed) - before;
        assert_eq!(written, length, "a record has another size than this test believes");
        connection.inject(REQUEST.as_bytes());
    }
    it.until_failed(Cause::Disconnected).await;
    port.habits.cut_after.store(usize::MAX, Ordering::Relaxed);
    assert_eq!(it.replica.count(Reason::ChildCount), if cut == length { 2 } else { 1 }, "{cut}");
    let State::Down { message, .. } = it.replica.component().stream().state.clone() else { return };
    assert!(
        message.contains("without closing the stream") || message.contains("reset"),
        "{cut}: {message}"
    );
    it.until_logged_in(2).await;
    it.serves().await;
}

/// With a close_notify and without, with `</stream:stream>` and without.
#[tokio::test]
async fn every_end() {
    for (cause, abrupt, end) in [
        (Cause::Closed, 0, Connection::close as fn(&Connection)),
        (Cause::Closed, 1, Connection::close),
        (Cause::Disconnected, 0, Connection::cut),
        (Cause::Disconnected, 1, Connection::cut),
    ] {
        let (mut it, port) = good().await;
        port.habits.abrupt.store(abrupt, Ordering::Relaxed);
        let connection = it.connection().await;
        connection.inject(REQUEST.repeat(100).as_bytes());
        end(&connection);
        it.until_failed(cause).await;
        assert_eq!(it.replica.count(Reason::ChildCount), 100, "what came before the end");
        it.until_logged_in(2).await;
        it.serves().await;
    }
}

/// Both TCP buffers full in both directions would be a deadlock.
#[tokio::test]
async fn a_server_that_stops_reading_gets_everything_later() {
    let (it, _port) = good().await;
    backlog::is_taken_later(it).await;
}

/// Stanzas that were read before the closing tag are translated, even if the server reads slowly.
#[tokio::test]
async fn a_stop_behind_a_backlog_waits_for_the_server() {
    let (it, port) = good().await;
    let connection = it.connection().await;
    let backlog = Backlog::fill(&it, &connection).await;
    it.replica.stop(Duration::from_secs(60));
    sleep(Duration::from_millis(200)).await;
    assert_eq!(it.replica.count(Reason::ArrivedAfterClose), 0, "it closed the stream too early");
    connection.set_reading(true);
    it.until("closed", |r| r.component().stream().state == State::Closed).await;
    let answered = it.replica.count(Reason::ChildCount);
    assert_eq!(answered + it.replica.count(Reason::ArrivedAfterClose), backlog.requests as u64);
    assert_eq!(it.replica.component().stream().unsent, 0);
    backlog.assert_answers(&connection, answered as usize);
    assert!(connection.received().ends_with(b"</stream:stream>"));
    it.until("a closing alert", |_| port.habits.farewells.load(Ordering::Relaxed) == 1).await;
}
