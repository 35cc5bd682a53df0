//! Logins that go wrong, or are odd.

use std::time::Duration;

use jat_proxy::config::Component;
use jat_proxy::demo::server::{Login, Options, Server};
use jat_proxy::link::cause::Cause;
use jat_proxy::link::stream::State;
use tokio::time::sleep;

use crate::fixture::{DOMAIN, Fixture, SECRET, component, secret};

const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
                      xmlns:stream='http://etherx.jabber.org/streams' from='proxy.example'";

fn scripted(header: &str, handshake: &str, chunk: usize) -> Login {
    Login::Scripted { header: header.into(), handshake: handshake.into(), chunk }
}

/// Fails to log in for `cause`; the message that says so.
async fn fails(login: Login, cause: Cause, config: impl Fn(&Server) -> Component) -> String {
    let it = Fixture::with(Options::prosody(DOMAIN, SECRET), |server| {
        server.set_login(login.clone());
        config(server)
    })
    .await;
    it.until_failed(cause).await;
    match it.state() {
        State::Down { message, .. } => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_wrong_secret_and_an_unknown_domain_are_told_apart() {
    let wrong = |server: &Server| Component { secret: secret("wrong"), ..component(server) };
    let message = fails(Login::Normal, Cause::NotAuthorized, wrong).await;
    assert!(message.starts_with("the server ended the stream: not-authorized"), "{message}");
    let it = Fixture::with(Options::prosody("other.example", SECRET), component).await;
    it.until_failed(Cause::HostUnknown).await;
}

#[tokio::test]
async fn a_second_process_stands_by_and_takes_over() {
    let mut it = Fixture::start().await;
    let standby = jat_proxy::demo::replica::Replica::start(&component(&it.server));
    while standby.component().stream().failures[Cause::Conflict as usize] == 0 {
        sleep(Duration::from_millis(2)).await;
    }
    let first = std::mem::replace(&mut it.replica, standby);
    it.until_failed(Cause::Conflict).await;
    first.kill().await;
    it.until_logged_in(1).await;
    it.until("the service is online", |r| r.online() == 1).await;
    it.serves().await;
}

/// Each takes the 15 s that a server has for a step.
#[tokio::test]
async fn a_header_or_an_answer_that_never_comes() {
    let (no_header, no_answer, no_id) = tokio::join!(
        fails(scripted("", "", 1), Cause::Timeout, component),
        fails(scripted(&format!("{HEADER} id='x'>"), "", 1000), Cause::Timeout, component),
        fails(scripted(&format!("{HEADER}>"), "", 1000), Cause::Timeout, component),
    );
    assert_eq!(no_header, "the server did not open its stream within 15 s");
    assert_eq!(no_answer, "the server did not answer the handshake within 15 s");
    assert_eq!(no_id, "the server did not answer the handshake within 15 s");
}

#[tokio::test]
async fn what_is_no_handshake() {
    let message = fails(
        scripted(
            &format!("{HEADER} id='x'>"),
            "<message from='a.example' to='proxy.example'/>",
            1000,
        ),
        Cause::Protocol,
        component,
    )
    .await;
    assert!(message.starts_with("the server answered the handshake with something else"));
    fails(scripted("<html></html>", "", 1000), Cause::Protocol, component).await;
}

/// [37] What reads logins makes a tree of each element, whose depth is that of the stack.
#[tokio::test]
async fn what_is_too_deep_or_too_large() {
    let header = format!("{HEADER} id='x'>");
    let error = "<stream:error><undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>";
    let deep = "<a xmlns='urn:a'>".to_owned() + &"<a>".repeat(100_000);
    let (ends, never) = ("</a>".repeat(100_001), "");
    let text = "x".repeat(1_000_000);
    for (header, handshake) in [
        (header.as_str(), format!("{error}{deep}{ends}</stream:error>")),
        (&header, format!("{error}{deep}{never}")),
        (&header, format!("<message>{deep}{ends}</message>")),
        (&header, format!("{error}<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>{text}")),
        (&format!("{HEADER} id='{text}'>"), String::new()),
    ] {
        let message = fails(scripted(header, &handshake, 100_000), Cause::Protocol, component);
        let message = message.await;
        assert!(message.contains("said too much before"), "{message}");
    }
}

/// An odd id, one byte at a time, and stanzas together with the answer to the handshake.
#[tokio::test]
async fn odd_but_legal() {
    for chunk in [1, 10_000] {
        let it = Fixture::with(Options::prosody(DOMAIN, SECRET), |server| {
            server.set_login(scripted(
                &format!("{HEADER} id='&lt;&quot;😀&#10;{}'>", "x".repeat(300)),
                "<handshake/><iq type='get' id='early' from='u@some-domain.example/r' \
                 to='proxy.example'/><iq type='result' id='early' from='u@some-domain.example/r' \
                 to='proxy.example'/>",
                chunk,
            ));
            component(server)
        })
        .await;
        it.until_logged_in(1).await;
        use jat_proxy::jat::reason::Reason;
        it.until("the early stanzas are counted", |r| {
            r.count(Reason::ChildCount) == 1 && r.count(Reason::NotFromTarget) == 1
        })
        .await;
    }
}
