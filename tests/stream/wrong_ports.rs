//! Ports that are not for components, or where nobody answers: what is reported about them, and that
//! there is a remedy.

use jat_proxy::config::ComponentConfig;
use jat_proxy::link::cause::Cause;
use jat_proxy::link::stream::State;
use mock_server::{Options, STREAM_ERRORS};
use test_support::daemon::DOMAIN;
use test_support::tls::authority::{Authority, Valid};
use test_support::tls::terminator::{Terminator, listen};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::fixture::{Fixture, SECRET, component};
use crate::tls_login::{NAME, trusting};

const STREAM: &str = "<?xml version='1.0'?><stream:stream id='1' version='1.0' \
                      xmlns:stream='http://etherx.jabber.org/streams'";

/// What is reported about a peer that answers our header, and then anything else, with these bytes,
/// and then only reads.
async fn answered(cause: Cause, header: &str, more: &str) -> String {
    let (header, more) = (header.to_owned(), more.to_owned());
    let (address, _task) = listen(move |tcp| talk(tcp, header.clone(), more.clone()));
    connecting(&address.to_string(), cause).await
}

async fn connecting(server: &str, cause: Cause) -> String {
    let it = Fixture::with(Options::prosody(DOMAIN, SECRET), |it| ComponentConfig {
        server: server.to_owned(),
        ..component(it)
    });
    let it = it.await;
    it.until_failed(cause).await;
    assert!(!cause.remedy().is_empty());
    let State::Down { cause: named, message, .. } = it.replica.component().stream().state.clone()
    else {
        panic!("{:?}", it.replica.component().stream().state.clone())
    };
    assert_eq!(named, cause, "{message}");
    message
}

async fn talk(mut tcp: TcpStream, header: String, more: String) {
    let mut buffer = [0; 4096];
    for answer in [header, more] {
        // The peer may be gone by then.
        if !matches!(tcp.read(&mut buffer).await, Ok(1..))
            || tcp.write_all(answer.as_bytes()).await.is_err()
        {
            return;
        }
    }
    while matches!(tcp.read(&mut buffer).await, Ok(1..)) {}
}

fn error(condition: &str, text: &str) -> String {
    let namespace = "xmlns='urn:ietf:params:xml:ns:xmpp-streams'";
    format!(
        "<stream:error><{condition} {namespace}/><text {namespace}>{text}</text></stream:error>\
         </stream:stream>"
    )
}

/// The answers of Prosody and ejabberd there.
#[tokio::test]
async fn the_ports_for_clients_and_for_servers() {
    let features = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>\
                    </stream:features>";
    for (namespace, said) in [
        ("jabber:client", "that is the server's port for clients"),
        ("jabber:server", "that is the server's port for other servers"),
    ] {
        let header = format!("{STREAM} xmlns='{namespace}'>");
        for (behind, answer) in [
            (error("host-unknown", "This server does not serve proxy.example"), String::new()),
            (error("invalid-namespace", ""), String::new()),
            (features.to_owned(), error("unsupported-stanza-type", "")),
            (features.to_owned(), "</stream:stream>".to_owned()),
        ] {
            let header = format!("{header}{behind}");
            assert_eq!(answered(Cause::WrongPort, &header, &answer).await, said, "{header}");
        }
    }
    let other =
        format!("{STREAM} xmlns='jabber:component:accept'>{}", error("invalid-namespace", "x"));
    let said = answered(Cause::WrongPort, &other, "").await;
    assert_eq!(said, "the server ended the stream: invalid-namespace (\"x\")");
}

/// A wrong secret is reported as such, even after an unusual header.
#[tokio::test]
async fn an_answer_that_only_a_port_for_components_gives() {
    let header = format!("{STREAM} xmlns='jabber:client'>");
    for (condition, cause) in
        [("not-authorized", Cause::NotAuthorized), ("conflict", Cause::Conflict)]
    {
        answered(cause, &header, &error(condition, "")).await;
    }
}

#[tokio::test]
async fn what_does_not_speak_xmpp() {
    for (greeting, said) in [
        (
            "HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n<html></html>",
            "an HTTP server, or a proxy, answered: \"HTTP/1.1 400 Bad Request\"",
        ),
        (
            "SSH-2.0-OpenSSH_9.2p1\r\n",
            "something that is not an XMPP server answered: \"SSH-2.0-OpenSSH_9.2p1\"",
        ),
        (
            "220 mail.example ESMTP\r\n",
            "something that is not an XMPP server answered: \"220 mail.example ESMTP\"",
        ),
        ("<html></html>", "something that is not an XMPP server answered: \"<html></html>\""),
        ("\u{1b}[2J\u{202e}\0x", "something that is not an XMPP server answered: \"[2Jx\""),
    ] {
        assert_eq!(answered(Cause::NotXmpp, greeting, "").await, said);
    }
}

/// Features are not for components, so this takes the 15 s that a server has for its answer.
#[tokio::test]
async fn features_and_then_nothing() {
    let header = format!("{STREAM} xmlns='jabber:component:accept'><stream:features/>");
    let said = answered(Cause::Timeout, &header, "").await;
    assert_eq!(said, "the server did not answer the handshake within 15 s");
}

#[tokio::test]
async fn a_server_that_hangs_up() {
    let (address, _task) = listen(|tcp| async move { drop(tcp) });
    let said = connecting(&address.to_string(), Cause::HungUp).await;
    assert_eq!(said, "the server ended the connection before it had sent anything");
    // After it has read our header, so that there is no reset.
    let (address, _task) = listen(|mut tcp| async move {
        let _ = tcp.read(&mut [0; 4096]).await;
    });
    let said = connecting(&address.to_string(), Cause::HungUp).await;
    assert_eq!(said, "the server ended the connection before it had sent anything");
    for header in
        ["<?xml version='1.0'?><stream:str", &format!("{STREAM} xmlns='jabber:component:accept'>")]
    {
        let header = header.to_owned();
        let (address, _task) = listen(move |mut tcp| {
            let header = header.clone();
            async move {
                let _ = tcp.read(&mut [0; 4096]).await;
                let _ = tcp.write_all(header.as_bytes()).await;
                let _ = tcp.shutdown().await;
                while matches!(tcp.read(&mut [0; 4096]).await, Ok(1..)) {}
            }
        });
        let said = connecting(&address.to_string(), Cause::Disconnected).await;
        assert_eq!(said, "the server ended the connection during the login");
    }
}

/// A listener whose queue of connections is full does not answer, like a firewall that drops packets.
/// It takes the 5 s that an address has.
#[tokio::test]
async fn a_port_that_does_not_answer() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(tcp)) =
        timeout(std::time::Duration::from_secs(1), TcpStream::connect(address)).await
    {
        waiting.push(tcp);
    }
    let said = connecting(&address.to_string(), Cause::NoAnswer).await;
    assert_eq!(said, format!("nothing at {address} answered within 5 s"));
    assert!(Cause::NoAnswer.remedy().contains("firewall"));
}

#[tokio::test]
async fn names_and_addresses_that_lead_nowhere() {
    let said = connecting("no-such-host.invalid:5347", Cause::Unreachable).await;
    assert!(said.starts_with("can't find no-such-host.invalid:5347: "), "{said}");
    // An address for documentation (RFC 3849); or the machine has no IPv6 at all.
    let said = connecting("255.255.255.255:5347", Cause::Unreachable).await;
    assert!(said.starts_with("can't connect to 255.255.255.255:5347: "), "{said}");
}

#[tokio::test]
async fn a_server_that_is_elsewhere() {
    let elsewhere = "<stream:error><see-other-host \
                     xmlns='urn:ietf:params:xml:ns:xmpp-streams'>b.example:5348</see-other-host>\
                     </stream:error></stream:stream>";
    let header = format!("{STREAM} xmlns='jabber:component:accept'>{elsewhere}");
    let said = answered(Cause::Redirected, &header, "").await;
    assert_eq!(said, "the server ended the stream: see-other-host (\"b.example:5348\")");
}

/// All of those in RFC 6120 section 4.9.3, at a login.
#[tokio::test]
async fn each_stream_error_has_a_cause() {
    // For a server that shuts down the only remedy is to wait.
    let known = STREAM_ERRORS.into_iter().filter(|it| *it != "system-shutdown");
    for condition in known.chain(["never-heard-of-it"]) {
        let cause = match condition {
            "conflict" => Cause::Conflict,
            "host-gone" | "host-unknown" => Cause::HostUnknown,
            "invalid-namespace" => Cause::WrongPort,
            "not-authorized" => Cause::NotAuthorized,
            "see-other-host" => Cause::Redirected,
            _ => Cause::StreamError,
        };
        let header = format!("{STREAM} xmlns='jabber:component:accept'>");
        let said = answered(cause, &header, &error(condition, "because")).await;
        let more = match cause {
            Cause::NotAuthorized => "; our secret is from the configuration itself",
            _ => "",
        };
        assert_eq!(said, format!("the server ended the stream: {condition} (\"because\"){more}"));
    }
}

/// The same through TLS.
#[tokio::test]
async fn what_is_behind_tls_is_told_too() {
    let ca = Authority::new("CA");
    let identity = ca.sign(&[NAME], Valid::Now);
    for (header, cause) in [
        ("HTTP/1.1 400 Bad Request\r\n\r\n".to_owned(), Cause::NotXmpp),
        (format!("{STREAM} xmlns='jabber:client'>{}", error("host-unknown", "")), Cause::WrongPort),
    ] {
        let (address, _task) = listen(move |tcp| talk(tcp, header.clone(), String::new()));
        let port = Terminator::start(address, &identity);
        let it = Fixture::with(Options::prosody(DOMAIN, SECRET), |it| ComponentConfig {
            server: port.address.to_string(),
            tls: trusting(&ca.pem(), NAME),
            ..component(it)
        });
        it.await.until_failed(cause).await;
    }
}
