//! However a stream ends, the cause is named, and the next one serves.

use jat_proxy::link::cause::Cause;
use jat_proxy::link::stream::State;
use mock_server::{Connection, STREAM_ERRORS};

use crate::fixture::Fixture;

/// Ends the stream in some way; the replica must come back and serve.
async fn comes_back(cause: Cause, end: impl FnOnce(&Connection)) {
    let mut it = Fixture::start().await;
    it.serves().await;
    end(&*it.connection().await);
    it.until_failed(cause).await;
    it.until_logged_in(2).await;
    it.serves().await;
}

#[tokio::test]
async fn a_closing_tag_in_the_midst_of_traffic() {
    comes_back(Cause::Closed, Connection::close).await;
}

#[tokio::test]
async fn an_end_without_a_closing_tag() {
    comes_back(Cause::Disconnected, Connection::cut).await;
}

#[tokio::test]
async fn a_reset_in_the_middle_of_a_stanza() {
    let half = |c: &Connection| {
        c.inject(b"<iq type='get' id='half' from='user@some-domain.example/abc'");
        c.reset();
    };
    comes_back(Cause::Disconnected, half).await;
}

#[tokio::test]
async fn a_shutdown() {
    comes_back(Cause::Closed, |c| c.fail("system-shutdown", "going down")).await;
}

#[tokio::test]
async fn what_no_server_may_send() {
    for garbage in [&b"<!-- x -->"[..], b"<?x y?>", b"<!DOCTYPE x>", b"<iq>&nbsp;</iq>", b"\xff"] {
        comes_back(Cause::Protocol, |c| c.inject(garbage)).await;
    }
}

#[tokio::test]
async fn every_other_stream_error_by_its_name() {
    for condition in STREAM_ERRORS.into_iter().chain(["never-heard-of-it"]) {
        if OF_OTHER_CAUSES.contains(&condition) {
            continue;
        }
        let mut it = Fixture::start().await;
        it.connection().await.fail(condition, "because <of> it");
        it.until_failed(Cause::StreamError).await;
        it.until_logged_in(2).await;
        it.serves().await;
    }
}

#[tokio::test]
async fn a_server_that_wants_us_elsewhere() {
    comes_back(Cause::Redirected, |c| c.fail("see-other-host", "over there")).await;
}

/// These wait for seconds, so only the cause is checked.
#[tokio::test]
async fn stream_errors_that_have_a_remedy() {
    for (condition, cause) in [
        ("conflict", Cause::Replaced),
        ("not-authorized", Cause::NotAuthorized),
        ("host-unknown", Cause::HostUnknown),
        ("host-gone", Cause::HostUnknown),
    ] {
        let it = Fixture::start().await;
        it.connection().await.fail(condition, "because");
        it.until_failed(cause).await;
        let State::Down { cause: named, message, .. } =
            it.replica.component().stream().state.clone()
        else {
            panic!("{condition}: {:?}", it.replica.component().stream().state.clone())
        };
        assert_eq!(named, cause);
        assert_eq!(message, format!("the server ended the stream: {condition} (\"because\")"));
        assert!(!cause.remedy().is_empty());
    }
}

#[tokio::test]
async fn a_server_that_was_away_is_found_again_at_once() {
    let mut it = Fixture::start().await;
    it.server.stop_listening().await;
    it.connection().await.cut();
    it.until_failed(Cause::Refused).await;
    it.server.listen_again().await.unwrap();
    it.until_logged_in(2).await;
    it.serves().await;
}

/// A task that fails does not end the process, nor any other stream.
#[tokio::test]
async fn a_bug_in_the_task_of_a_stream() {
    let mut it = Fixture::start().await;
    it.serves().await;
    it.replica.crash().await;
    it.until_failed(Cause::Crashed).await;
    it.until_logged_in(2).await;
    it.until("the service is online", |r| r.online() == 1).await;
    it.serves().await;
    // After each failure it takes longer, but it comes back.
    it.replica.crash().await;
    it.until_logged_in(3).await;
}

/// Each of these has a test of its own.
const OF_OTHER_CAUSES: [&str; 6] = [
    "conflict",
    "host-gone",
    "host-unknown",
    "not-authorized",
    "see-other-host",
    "system-shutdown",
];
