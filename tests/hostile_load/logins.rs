//! Logins that have to fail, and stream errors that have a remedy, as often as other ends: after them
//! the replica logs in, and serves.

use std::time::Duration;

use jat_proxy::link::cause::Cause;
use mock_server::{Login, Options};
use test_support::daemon::DOMAIN;
use tokio::time::sleep;

use crate::ends::TIMES;
use crate::fixture::{Fixture, SECRET, component};
use crate::replicas::{many, settled};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "waits 15 s for a server that does not answer"]
async fn a_login_that_fails_is_tried_again() {
    let opened = format!("{HEADER} id='x'>");
    let early = "<iq type='get' id='early' from='u@some-domain.example/r' to='proxy.example'/>";
    let logins = [
        (scripted("", ""), Cause::Timeout),
        (scripted(&opened[..40], ""), Cause::Timeout),
        (scripted(&opened, ""), Cause::Timeout),
        (scripted(&format!("{HEADER}>"), ""), Cause::Protocol),
        (scripted(&opened, early), Cause::Protocol),
        (scripted("<html></html>", ""), Cause::NotXmpp),
        (refused("not-authorized"), Cause::NotAuthorized),
        (refused("host-unknown"), Cause::HostUnknown),
        (refused("conflict"), Cause::Conflict),
        (refused("internal-server-error"), Cause::StreamError),
    ];
    let each = logins.into_iter().flat_map(|login| std::iter::repeat_n(login, TIMES));
    many(AT_A_TIME, each.map(|(login, cause)| fails_first(login, cause))).await;
}

async fn fails_first(login: Login, cause: Cause) {
    let options = Options::prosody(DOMAIN, SECRET);
    let mut it = Fixture::with(options, |server| {
        server.set_login(login.clone());
        component(server)
    })
    .await;
    it.until_failed(cause).await;
    it.server.set_login(Login::Normal);
    it.until_logged_in(1).await;
    it.until("the service is online", |r| r.online() == 1).await;
    it.serves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "waits up to a minute, as two that replace each other must"]
async fn stream_errors_that_have_a_remedy() {
    let errors = [
        ("not-authorized", Cause::NotAuthorized, 5),
        ("host-unknown", Cause::HostUnknown, 5),
        ("host-gone", Cause::HostUnknown, 5),
        ("conflict", Cause::Replaced, 60),
    ];
    let each = errors.into_iter().flat_map(|error| std::iter::repeat_n(error, TIMES));
    many(
        AT_A_TIME,
        each.map(|(condition, cause, wait)| async move {
            let mut it = settled().await;
            it.connection().await.fail(condition, "");
            it.until_failed(cause).await;
            // Longer than the fixture waits.
            sleep(Duration::from_secs(wait)).await;
            it.until_logged_in(2).await;
            it.serves().await;
        }),
    )
    .await;
}

fn scripted(header: &str, handshake: &str) -> Login {
    Login::Scripted { header: header.into(), handshake: handshake.into(), chunk: 1_000 }
}

fn refused(condition: &str) -> Login {
    Login::Refused { condition: condition.into(), text: "because".into() }
}

/// All at once, since they only wait.
const AT_A_TIME: usize = 1_000;
const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
                      xmlns:stream='http://etherx.jabber.org/streams' from='proxy.example'";
