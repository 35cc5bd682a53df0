//! Logins that fail, or are unusual.

use std::time::Duration;

use jat_proxy::config::ComponentConfig;
use jat_proxy::jat::reason::Reason;
use jat_proxy::link::cause::Cause;
use jat_proxy::link::stream::State;
use mock_server::{Login, Options, Server};
use test_support::daemon::DOMAIN;
use tokio::time::sleep;

use crate::fixture::{Fixture, Replica, SECRET, component, secret};

const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
                      xmlns:stream='http://etherx.jabber.org/streams' from='proxy.example'";

fn scripted(header: &str, handshake: &str, chunk: usize) -> Login {
    Login::Scripted { header: header.into(), handshake: handshake.into(), chunk }
}

/// Checks that the login fails for `cause`; returns the message.
async fn fails(login: Login, cause: Cause, config: impl Fn(&Server) -> ComponentConfig) -> String {
    let it = Fixture::with(Options::prosody(DOMAIN, SECRET), |server| {
        server.set_login(login.clone());
        config(server)
    })
    .await;
    it.until_failed(cause).await;
    match it.replica.component().stream().state.clone() {
        State::Down { message, .. } => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_wrong_secret_and_an_unknown_domain_are_told_apart() {
    let wrong = |server: &Server| ComponentConfig { secret: secret("wrong"), ..component(server) };
    let message = fails(Login::Normal, Cause::NotAuthorized, wrong).await;
    assert!(message.starts_with("the server ended the stream: not-authorized"), "{message}");
    assert!(message.ends_with("; our secret is from the configuration itself"), "{message}");
    let it = Fixture::with(Options::prosody("other.example", SECRET), component).await;
    it.until_failed(Cause::HostUnknown).await;
}

#[tokio::test]
async fn a_second_process_stands_by_and_takes_over() {
    let mut it = Fixture::start().await;
    let standby = Replica::start(&component(&it.server));
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
        fails(scripted(&format!("{HEADER}>"), "", 1000), Cause::Protocol, component),
    );
    assert_eq!(no_header, "the server did not open its stream within 15 s");
    assert_eq!(no_answer, "the server did not answer the handshake within 15 s");
    assert_eq!(no_id, "the server's stream header has no id");
}

#[tokio::test]
async fn what_is_not_an_answer_to_the_handshake() {
    let header = format!("{HEADER} id='x'>");
    for (answer, said) in [
        (
            "<message from='a.example' to='proxy.example'/>",
            "the server answered the handshake with <message/>",
        ),
        ("<x:success xmlns:x='urn:x'/>", "the server answered the handshake with <success/>"),
        ("<handshake>", "the server did not answer the handshake within 15 s"),
        (
            "no element",
            "what the server sent can't be read: non-whitespace text content before XSO",
        ),
        ("<handshake></x>", "what the server sent can't be read: "),
        ("<!-- a comment --><handshake/>", "what the server sent can't be read: "),
    ] {
        let cause = if said.contains("15 s") { Cause::Timeout } else { Cause::Protocol };
        let message = fails(scripted(&header, answer, 1000), cause, component).await;
        assert!(message.starts_with(said), "{answer}: {message}");
    }
}

/// The code that reads logins is limited in depth and size.
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
        assert!(message.starts_with("what the server sent can't be read: "), "{message}");
    }
}

/// Everything that XEP-0114 and XML allow, whether or not servers send it; with pieces of different
/// lengths.
#[tokio::test]
async fn odd_but_legal() {
    let header = |more: &str| format!("{HEADER} id='x'{more}>");
    let other = |start: &str| HEADER.replacen("<?xml version='1.0'?><stream:stream", start, 1);
    let long = format!(" xmlns:y='{0}' xmlns:z='{0}z' xmlns:zz='zz{0}'", "y".repeat(7_000));
    let mechanisms = "<mechanism>PLAIN</mechanism>".repeat(10);
    for (header, handshake) in [
        // With a version, features come first: jabberd2 sends them, and accepts the handshake.
        (header(" version='1.0'") + "<stream:features/>", "<handshake/>".to_owned()),
        (
            header(" version='1.0'"),
            format!(
                "<stream:features><m xmlns='urn:x'>{mechanisms}</m></stream:features><handshake/>"
            ),
        ),
        (header(""), "<handshake></handshake>".into()),
        (header(""), "<handshake xmlns='jabber:component:accept'/>".into()),
        (header(""), "<handshake a='b'>welcome <b/>&amp; <![CDATA[<]]></handshake>".into()),
        (header("") + " \n \n", " \r\n\t<handshake/> \n".into()),
        (format!("{HEADER} id=''>"), "<handshake/>".into()),
        (
            format!("{HEADER} id=' &lt;&quot;😀&#10;&#x41;{} '>", "x".repeat(300)),
            "<handshake/>".into(),
        ),
        (other("<stream:stream") + " id='x'>", "<handshake/>".into()),
        (
            other("<?xml version=\"1.0\" encoding='UTF-8' ?>\n\n<stream:stream") + " id='x'>",
            "<handshake/>".into(),
        ),
        (
            header("").replace("stream:stream", "s:stream").replace(":stream=", ":s="),
            "<handshake/>".into(),
        ),
        (header("").replace("jabber:component:accept", "jabber:client"), "<handshake/>".into()),
        (header("").replace(" from='proxy.example'", ""), "<handshake/>".into()),
        (header("").replace("proxy.example", "other.example"), "<handshake/>".into()),
        (
            header(" xmlns:db='jabber:server:dialback' xml:lang='de'\n\tto = \"\""),
            "<handshake/>".into(),
        ),
        (header(&long), "<handshake/>".into()),
    ] {
        for chunk in [1, 10_000] {
            // One byte at a time would take long.
            if chunk == 1 && header.len() > 1_000 {
                continue;
            }
            let script = scripted(&header, &format!("{handshake}{EARLY}"), chunk);
            logs_in(script, &header).await;
        }
    }
}

/// Stanzas together with the answer to the handshake are not lost.
async fn logs_in(script: Login, header: &str) {
    let it = Fixture::with(Options::prosody(DOMAIN, SECRET), |server| {
        server.set_login(script);
        component(server)
    })
    .await;
    it.until(&format!("logged in with {header:.300}"), |r| r.component().stream().logins == 1)
        .await;
    it.until("the early stanzas are counted", |r| {
        r.count(Reason::ChildCount) == 1 && r.count(Reason::NotFromTarget) == 1
    })
    .await;
}

const EARLY: &str = "<iq type='get' id='early' from='u@some-domain.example/r' \
                     to='proxy.example'/><iq type='result' id='early' \
                     from='u@some-domain.example/r' to='proxy.example'/>";
