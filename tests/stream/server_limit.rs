//! A server whose limit for stanzas is lower than the configuration's.

use jat_proxy::jat::reason::Reason;
use jat_proxy::link::cause::Cause;
use jat_proxy::link::stream::State;
use test_support::daemon::DOMAIN;

use crate::fixture::{Fixture, component};

/// Otherwise any user could end the stream any number of times.
#[tokio::test]
async fn a_stream_that_a_large_stanza_ended_takes_smaller_ones_until_a_reload() {
    let mut it = Fixture::start().await;
    let large = "x".repeat(100_000);
    for (login, condition, size) in
        [(1, "policy-violation", 100_000), (2, "not-well-formed", 40_000)]
    {
        let large = &large[..size];
        ask(&it, large);
        let request = it.service.recv_iq().await.expect("the request");
        it.connection().await.fail(condition, "XML stanza is too big");
        it.until("it failed", |r| {
            r.component().stream().failures[Cause::ServerLimit as usize] == login
        })
        .await;
        let message = down(&it).unwrap_or_default();
        if !message.is_empty() {
            let size = format!("a stanza of {} bytes", request.len());
            assert!(message.contains(condition) && message.contains(&size), "{message}");
        }
        it.until_logged_in(login + 1).await;
        let (lowered, warning) = {
            let component = it.replica.component();
            (component.stream().lowered.unwrap(), component.stream().limit_warning().unwrap())
        };
        assert!(lowered < large.len() && lowered > large.len() / 2, "{lowered}");
        assert!(warning.contains("max-stanza-bytes") && warning.contains(&lowered.to_string()));
        // The same stanza again is refused, and is not sent to the server.
        ask(&it, large);
        let refused = it.user.recv_iq().await.expect("an answer");
        assert!(refused.contains("policy-violation"), "{refused}");
        it.serves().await;
    }
    assert_eq!(it.replica.count(Reason::OverLimit), 2);
    it.replica.reload(&component(&it.server));
    it.until("the limit is as configured", |r| r.component().stream().lowered.is_none()).await;
    ask(&it, &large);
    it.service.recv_iq().await.expect("the request");
    assert_eq!(it.replica.component().stream().logins, 3);
}

/// Something else ended the stream.
#[tokio::test]
async fn a_stanza_that_the_server_has_read_or_a_small_one_is_not_blamed() {
    for size in [100_000, 100] {
        let mut it = Fixture::start().await;
        ask(&it, &"x".repeat(size));
        it.service.recv_iq().await.expect("the request");
        if size > 10_000 {
            // Our own echo is sent some seconds after it, and comes back.
            let echoes = it.replica.count(Reason::Echo);
            it.until("an echo", |r| r.count(Reason::Echo) > echoes).await;
        }
        it.connection().await.fail("policy-violation", "");
        it.until_failed(Cause::StreamError).await;
        it.until_logged_in(2).await;
        assert_eq!(it.replica.component().stream().lowered, None);
    }
}

fn ask(it: &Fixture, text: &str) {
    let request = format!("<iq type='get' id='large' to='{DOMAIN}'><ask>{text}</ask></iq>");
    it.user.send(&request).unwrap();
}

fn down(it: &Fixture) -> Option<String> {
    match it.replica.component().stream().state.clone() {
        State::Down { message, .. } => Some(message),
        _ => None,
    }
}
