//! Stopping and reconfiguring a working stream.

use std::time::Duration;

use jat_proxy::config::ComponentConfig;
use jat_proxy::jat::reason::Reason;
use jat_proxy::link::cause::Cause;
use jat_proxy::link::stream::State;
use tokio::time::{Instant, sleep, timeout};

use crate::backlog::flood;
use crate::fixture::{Fixture, MAX_BACKLOG, component, secret};

#[tokio::test]
async fn a_stop_answers_what_was_read_and_closes_the_stream() {
    let it = Fixture::start().await;
    let connection = it.connection().await;
    connection.inject(flood(1000).as_bytes());
    it.until("the flood has begun", |r| r.count(Reason::ChildCount) > 0).await;
    it.replica.stop(Duration::from_secs(10));
    it.until("closed", |r| r.component().stream().state == State::Closed).await;
    let said = String::from_utf8(connection.received()).unwrap();
    let answered = said.matches("<bad-request").count();
    let late = it.replica.count(Reason::ArrivedAfterClose);
    assert_eq!(answered as u64, it.replica.count(Reason::ChildCount));
    assert_eq!(answered as u64 + late, 1000, "late: {late}");
    assert!(said.ends_with("</stream:stream>"), "{}", &said[said.len() - 100..]);
    it.replica.ended().await;
}

/// Stanzas that were read before the closing tag are translated, even if the server reads slowly.
#[tokio::test]
async fn a_stop_behind_a_backlog_waits_for_the_server() {
    const REQUESTS: usize = 20_000;
    let it = Fixture::start().await;
    let connection = it.connection().await;
    connection.set_reading(false);
    connection.inject(flood(REQUESTS).as_bytes());
    it.until("the backlog is full", |r| r.component().stream().backlog > MAX_BACKLOG).await;
    it.replica.stop(Duration::from_secs(60));
    sleep(Duration::from_millis(200)).await;
    assert_eq!(it.replica.count(Reason::ArrivedAfterClose), 0, "it closed the stream too early");
    connection.set_reading(true);
    it.until("closed", |r| r.component().stream().state == State::Closed).await;
    let answered = it.replica.count(Reason::ChildCount);
    assert_eq!(answered + it.replica.count(Reason::ArrivedAfterClose), REQUESTS as u64);
    assert_eq!(answered, REQUESTS as u64, "all could be read before the closing tag");
    assert_eq!(it.replica.component().stream().unsent, 0);
}

#[tokio::test]
async fn a_stop_is_not_held_up_by_a_server_that_takes_nothing() {
    let it = Fixture::start().await;
    let connection = it.connection().await;
    connection.set_reading(false);
    connection.inject(flood(20_000).as_bytes());
    it.until("the backlog is full", |r| r.component().stream().backlog > MAX_BACKLOG).await;
    let translated = it.replica.count(Reason::ChildCount);
    it.replica.stop(Duration::from_secs(1));
    it.until("closed", |r| r.component().stream().state == State::Closed).await;
    assert!(it.replica.component().stream().unsent > MAX_BACKLOG as u64);
    // Stanzas that had been read and had to wait for the server are translated, and counted as unsent.
    assert!(it.replica.count(Reason::ChildCount) > translated);
}

/// Another process takes the domain over while this one leaves. Otherwise it would wait long before it
/// reconnects, but not when it has to end.
#[tokio::test]
async fn a_stop_is_obeyed_though_the_stream_fails_meanwhile() {
    let it = Fixture::start().await;
    let connection = it.connection().await;
    it.replica.stop(Duration::from_secs(600));
    connection.fail("conflict", "");
    // It would be 30 s at the least.
    timeout(Duration::from_secs(28), it.replica.ended()).await.expect("no wait for another login");
}

#[tokio::test]
async fn new_limits_need_no_new_stream() {
    let mut it = Fixture::start().await;
    let mut new = component(&it.server);
    new.bounds.limits.max_bytes = 10_000;
    it.replica.reload(&new);
    let large = "x".repeat(10_000);
    it.user
        .send(&format!("<iq type='get' id='large' to='proxy.example'><a>{large}</a></iq>"))
        .unwrap();
    let refused = it.user.recv_iq().await.unwrap();
    assert!(refused.contains("policy-violation"), "{refused}");
    it.serves().await;
    assert_eq!(it.replica.component().stream().logins, 1);
}

#[tokio::test]
async fn another_target_is_subscribed_to_and_the_old_ones_replies_are_refused() {
    let mut it = Fixture::start().await;
    it.user.send("<iq type='get' id='old' to='proxy.example'><ask/></iq>").unwrap();
    let request = it.service.recv_iq().await.unwrap();
    let mut new = component(&it.server);
    new.settings.target =
        jat_proxy::jat::target::Target::new("other@some-domain.example".parse().unwrap());
    it.replica.reload(&new);
    it.until("the new target", |r| {
        r.component().services.settings().target.bare().as_str() == "other@some-domain.example"
    })
    .await;
    it.service.send(&test_support::stage::reply_to(&request)).unwrap();
    it.until("refused", |r| r.count(Reason::NotFromTarget) == 1).await;
    let said = String::from_utf8(it.connection().await.received()).unwrap();
    assert!(
        said.contains("to='other@some-domain.example'")
            || said.contains("to=\"other@some-domain.example\""),
        "{said}"
    );
    assert_eq!(it.replica.component().stream().logins, 1);
}

#[tokio::test]
async fn another_secret_is_tried_at_once() {
    let mut it = Fixture::start().await;
    let wrong = ComponentConfig { secret: secret("wrong"), ..component(&it.server) };
    let mut waits = Vec::new();
    // A busy machine may take some seconds, but not each time.
    for round in 1..=5 {
        it.replica.reload(&wrong);
        let refused =
            |state: &State| matches!(state, State::Down { cause: Cause::NotAuthorized, .. });
        it.until("refused", |r| refused(&r.component().stream().state)).await;
        let corrected = Instant::now();
        it.replica.reload(&component(&it.server));
        it.until_logged_in(1 + round).await;
        it.serves().await;
        // By itself it would try again after 5 s at the earliest.
        if corrected.elapsed() < Duration::from_secs(4) {
            return;
        }
        waits.push(corrected.elapsed());
    }
    panic!("it waited each time: {waits:?}");
}
