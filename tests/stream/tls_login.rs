//! TLS to the server: which certificates are accepted, and what is reported about others.

use std::sync::atomic::Ordering;
use std::time::Duration;

use jat_proxy::config::{ComponentConfig, TlsConfig, Trust, tls::name};
use jat_proxy::jat::reason::Reason;
use jat_proxy::link::cause::Cause;
use jat_proxy::link::stream::State;
use mock_server::{Login, Options, Server};
use rcgen::{PKCS_ECDSA_P384_SHA384, PKCS_ED25519};
use test_support::daemon::DOMAIN;
use test_support::tls::authority::{Authority, Identity, Valid, self_signed};
use test_support::tls::terminator::{Terminator, listen};
use tokio::io::AsyncWriteExt;
use tokio::time::sleep;
use tokio_rustls::rustls::version::{TLS12, TLS13};

use crate::fixture::{Fixture, SECRET, component};

pub const NAME: &str = "xmpp.example";

/// The TLS settings for a server with this name.
pub fn trusting(ca: &str, server_name: &str) -> Option<TlsConfig> {
    Some(TlsConfig::new(name(server_name).unwrap(), Trust::from_pem(ca.as_bytes()).unwrap()))
}

/// A fixture whose replica goes through a port that speaks TLS.
pub async fn encrypted(identity: &Identity, tls: Option<TlsConfig>) -> (Fixture, Terminator) {
    let mut terminator = None;
    let options = Options::prosody(DOMAIN, SECRET);
    let fixture = Fixture::with(options, |server| {
        let port = Terminator::start(server.address(), identity);
        let server = ComponentConfig { tls: tls.clone(), ..at(&port, server) };
        assert!(terminator.replace(port).is_none());
        server
    });
    (fixture.await, terminator.unwrap())
}

pub fn at(port: &Terminator, server: &Server) -> ComponentConfig {
    ComponentConfig { server: port.address.to_string(), ..component(server) }
}

/// With a valid certificate.
pub async fn good() -> (Fixture, Terminator) {
    let ca = Authority::new("CA");
    let identity = ca.sign(&[NAME], Valid::Now);
    let (it, port) = encrypted(&identity, trusting(&ca.pem(), NAME)).await;
    it.until("the service is online", |r| r.online() == 1).await;
    (it, port)
}

/// Checks that the login fails for `cause`; returns the message, and how many streams reached the
/// server behind the port.
async fn fails(identity: &Identity, ca: &Authority, wanted: &str, cause: Cause) -> String {
    let (it, _port) = encrypted(identity, trusting(&ca.pem(), wanted)).await;
    it.until_failed(cause).await;
    assert_eq!(it.server.accepted(), 0, "nothing may get through");
    message(&it)
}

fn message(it: &Fixture) -> String {
    match it.replica.component().stream().state.clone() {
        State::Down { message, .. } => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_certificate_for_the_name_is_good() {
    let (mut it, port) = good().await;
    it.serves().await;
    let connection = it.connection().await;
    it.replica.stop(Duration::from_secs(10));
    it.until("closed", |r| r.component().stream().state == State::Closed).await;
    let said = String::from_utf8(connection.received()).unwrap();
    assert!(said.ends_with("</stream:stream>"));
    it.until("a closing alert", |_| port.habits.farewells.load(Ordering::Relaxed) == 1).await;
}

#[tokio::test]
async fn every_version_and_every_kind_of_name_that_is_good() {
    let ca = Authority::new("CA");
    let identity = ca.sign(&["a.example", "*.b.example", "127.0.0.1", "::1"], Valid::Now);
    for (name, version) in
        [("a.example", &TLS12), ("x.b.example", &TLS13), ("127.0.0.1", &TLS12), ("::1", &TLS13)]
    {
        let mut port = None;
        let mut it = Fixture::with(Options::prosody(DOMAIN, SECRET), |server| {
            let it = Terminator::speaking(server.address(), &identity, &[version]);
            let component = ComponentConfig { tls: trusting(&ca.pem(), name), ..at(&it, server) };
            port = Some(it);
            component
        })
        .await;
        it.until("the service is online", |r| r.online() == 1).await;
        it.serves().await;
    }
}

#[tokio::test]
async fn a_self_signed_certificate_is_good_where_it_is_named() {
    let identity = self_signed(NAME);
    let (it, _port) = encrypted(&identity, trusting(&identity.certificate, NAME)).await;
    it.until_logged_in(1).await;
}

#[tokio::test]
async fn another_name() {
    let ca = Authority::new("CA");
    let identity = ca.sign(&["a.example", "*.b.example", "10.0.0.1"], Valid::Now);
    let said = fails(&identity, &ca, NAME, Cause::CertificateName).await;
    assert_eq!(
        said,
        "the server's certificate is not for xmpp.example, but for a.example, *.b.example, 10.0.0.1"
    );
    let said = fails(&identity, &ca, "127.0.0.1", Cause::CertificateName).await;
    assert!(said.starts_with("the server's certificate is not for 127.0.0.1, but"), "{said}");
    let identity = ca.sign(&[], Valid::Now);
    let said = fails(&identity, &ca, NAME, Cause::CertificateName).await;
    assert!(said.ends_with("but for no name at all (a common name does not count)"), "{said}");
}

#[tokio::test]
async fn another_time() {
    let ca = Authority::new("CA");
    let said = fails(&ca.sign(&[NAME], Valid::Before), &ca, NAME, Cause::CertificateExpired).await;
    assert_eq!(said, "the server's certificate expired at 2020-01-02T00:00:00Z");
    let said = fails(&ca.sign(&[NAME], Valid::Later), &ca, NAME, Cause::CertificateExpired).await;
    assert_eq!(said, "the server's certificate is not valid before 2100-01-01T00:00:00Z");
}

#[tokio::test]
async fn another_ca() {
    let (ca, other) = (Authority::new("CA"), Authority::new("other"));
    let untrusted = "the server's certificate comes from a CA that the ca-file does not name";
    let identity = other.sign(&[NAME], Valid::Now);
    let said = fails(&identity, &ca, NAME, Cause::CertificateUntrusted).await;
    assert_eq!(said, untrusted);
    let anew = Authority::new("CA").sign(&[NAME], Valid::Now);
    let said = fails(&anew, &ca, NAME, Cause::CertificateUntrusted).await;
    assert!(said.ends_with("another key has signed it: was the CA created again?"), "{said}");
    for kind in [&PKCS_ED25519, &PKCS_ECDSA_P384_SHA384] {
        let anew = Authority::of_kind("CA", kind);
        for (signs, trusted) in [(&anew, &ca), (&ca, &anew)] {
            let identity = signs.sign(&[NAME], Valid::Now);
            let said = fails(&identity, trusted, NAME, Cause::CertificateUntrusted).await;
            assert!(
                said.ends_with("another key has signed it: was the CA created again?"),
                "{said}"
            );
        }
    }
    let said = fails(&self_signed(NAME), &ca, NAME, Cause::CertificateUntrusted).await;
    assert_eq!(said, untrusted);
    // A CA's certificate is not accepted for a server, even if it is named.
    let said = fails(&ca.identity(), &ca, NAME, Cause::Certificate).await;
    assert!(said.contains("is that of a CA itself"), "{said}");
}

/// Checks the cause with something else than TLS at the other end; returns the message.
async fn met<F>(cause: Cause, with: impl Fn(tokio::net::TcpStream) -> F + Send + 'static) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    let (address, _task) = listen(with);
    let ca = Authority::new("CA");
    let it = Fixture::with(Options::prosody(DOMAIN, SECRET), |server| ComponentConfig {
        server: address.to_string(),
        tls: trusting(&ca.pem(), NAME),
        ..component(server)
    })
    .await;
    it.until_failed(cause).await;
    message(&it)
}

async fn say(mut tcp: tokio::net::TcpStream, bytes: &'static [u8]) {
    // The peer may be gone.
    let _ = tcp.write_all(bytes).await;
    sleep(Duration::from_secs(60)).await;
}

#[tokio::test]
async fn a_server_without_tls() {
    let said = met(Cause::NoTls, |tcp| say(tcp, b"<?xml version='1.0'?><stream:stream>")).await;
    assert_eq!(said, "the server does not speak TLS there");
    let said = met(Cause::NoTls, |tcp| say(tcp, b"HTTP/1.1 400 Bad Request\r\n\r\n")).await;
    assert_eq!(said, "the server does not speak TLS there");
    // TLS, as far as the first bytes show, and then none.
    let junk = met(Cause::Tls, |tcp| say(tcp, b"\x16\x03\x03\x00\x04\xff\xff\xff\xff")).await;
    assert!(junk.starts_with("TLS failed: "), "{junk}");
    let alert = met(Cause::Tls, |tcp| say(tcp, b"\x15\x03\x03\x00\x02\x02\x28")).await;
    assert_eq!(alert, "the server ended TLS with an alert: handshake failure");
    let alert = met(Cause::CertificateName, |tcp| say(tcp, b"\x15\x03\x03\x00\x02\x02\x70")).await;
    assert_eq!(alert, "the server has no host named xmpp.example");
    let gone = met(Cause::Disconnected, |tcp| async move { drop(tcp) }).await;
    assert!(gone.contains("does the server have a certificate for this port?"), "{gone}");
}

/// It takes the 15 s that a server has for a step.
#[tokio::test]
async fn a_handshake_that_never_ends() {
    let said = met(Cause::Timeout, |tcp| say(tcp, b"\x16\x03\x03\x00\x04")).await;
    assert_eq!(said, "the server did not finish the TLS handshake within 15 s");
}

#[tokio::test]
async fn a_server_with_tls_that_is_not_expected() {
    let ca = Authority::new("CA");
    let (it, _port) = encrypted(&ca.sign(&[NAME], Valid::Now), None).await;
    it.until_failed(Cause::TlsWanted).await;
    assert_eq!(message(&it), "the server speaks TLS there, and we do not");
    // ejabberd sends nothing.
    let (address, _task) = listen(|tcp| async move { drop(tcp) });
    let it = Fixture::with(Options::prosody(DOMAIN, SECRET), |server| ComponentConfig {
        server: address.to_string(),
        ..component(server)
    });
    let it = it.await;
    it.until_failed(Cause::HungUp).await;
    assert!(Cause::HungUp.remedy().contains("is `tls` set as that port needs it"));
}

#[tokio::test]
async fn another_ca_or_name_opens_a_new_stream_and_the_same_does_not() {
    let (ca, other) = (Authority::new("CA"), Authority::new("other"));
    let identity = ca.sign(&[NAME, "two.example"], Valid::Now);
    let (mut it, port) = encrypted(&identity, trusting(&ca.pem(), NAME)).await;
    it.until_logged_in(1).await;
    let with = |it: &Fixture, tls| ComponentConfig { tls, ..at(&port, &it.server) };
    let same = with(&it, trusting(&ca.pem(), NAME));
    it.replica.reload(&same);
    it.until("the service is online", |r| r.online() == 1).await;
    it.serves().await;
    assert_eq!(it.replica.component().stream().logins, 1);
    // One more CA is trusted: the content of the file counts.
    let more = with(&it, trusting(&(other.pem() + &ca.pem()), NAME));
    it.replica.reload(&more);
    it.until_logged_in(2).await;
    let named = with(&it, trusting(&ca.pem(), "two.example"));
    it.replica.reload(&named);
    it.until_logged_in(3).await;
    let wrong = with(&it, trusting(&other.pem(), NAME));
    it.replica.reload(&wrong);
    it.until_failed(Cause::CertificateUntrusted).await;
    it.replica.reload(&same);
    it.until_logged_in(4).await;
    let plain = with(&it, None);
    it.replica.reload(&plain);
    it.until_failed(Cause::TlsWanted).await;
}

/// Stanzas that arrive together with the answer to the handshake are already in the TLS layer.
#[tokio::test]
async fn what_comes_early_is_not_lost() {
    let ca = Authority::new("CA");
    let identity = ca.sign(&[NAME], Valid::Now);
    for (chunk, count) in [(1, 5), (10_000, 1000)] {
        let header = "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
                      xmlns:stream='http://etherx.jabber.org/streams' from='proxy.example' id='x'>";
        // From many senders, since one gets few errors.
        let early = |sender: usize| {
            format!(
                "<iq type='get' id='early' from='u{sender}@some-domain.example/r' \
                 to='proxy.example'/>"
            )
        };
        let early: String = (0..count).map(early).collect();
        let mut port = None;
        let it = Fixture::with(Options::prosody(DOMAIN, SECRET), |server| {
            let handshake = format!("<handshake/>{early}");
            server.set_login(Login::Scripted {
                header: header.into(),
                handshake: handshake.into(),
                chunk,
            });
            let it = Terminator::start(server.address(), &identity);
            let component = ComponentConfig { tls: trusting(&ca.pem(), NAME), ..at(&it, server) };
            port = Some(it);
            component
        })
        .await;
        let all = "all that came early is counted";
        it.until(all, |r| r.count(Reason::ChildCount) == count as u64).await;
    }
}
