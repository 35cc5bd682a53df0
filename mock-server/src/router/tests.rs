//! Who gets which stanza, and what the server answers when nobody can get it.

use tokio::time::timeout;

use crate::PATIENCE;
use crate::mock_component::{DOMAIN, MockComponent, ejabberd, prosody};

const USER: &str = "user@some-domain.example/abc";

#[tokio::test]
async fn what_has_no_receiver_comes_back() {
    let server = prosody().await;
    let mut user = server.client(USER);
    for (to, answer) in [
        ("bot@some-domain.example/a", "service-unavailable"),
        ("bot@some-domain.example", "service-unavailable"),
        ("proxy.example/res", "service-unavailable"),
        ("b@elsewhere.example", "remote-server-not-found"),
    ] {
        user.send(&format!("<iq type='get' id='1' to='{to}'><q/></iq>")).unwrap();
        let error = user.recv_iq().await.unwrap();
        assert!(error.contains(answer) && error.contains(&format!("from='{to}'")), "{error}");
    }
    assert!(user.send("<iq/><iq/>").is_err());
}

#[tokio::test]
async fn connections_of_one_domain_share_its_stanzas() {
    let server = ejabberd().await;
    let mut first = MockComponent::log_in(&server, DOMAIN, "secret").await;
    let mut second = MockComponent::log_in(&server, DOMAIN, "secret").await;
    for _ in 0..40 {
        first.send("<message type='headline' to='proxy.example' from='proxy.example'/>").await;
    }
    let mut counts = [0, 0];
    let shared = async {
        while counts[0] + counts[1] < 40 {
            counts[0] += usize::from(first.recv_soon().await.is_some());
            counts[1] += usize::from(second.recv_soon().await.is_some());
        }
    };
    timeout(PATIENCE, shared).await.expect("all come");
    assert!(counts.iter().all(|n| *n > 5), "{counts:?}");
}

#[tokio::test]
async fn a_second_connection_is_refused() {
    let server = prosody().await;
    let mut first = MockComponent::log_in(&server, DOMAIN, "secret").await;
    let (_, answer) = MockComponent::try_log_in(&server, DOMAIN, "secret").await;
    assert!(answer.contains("<conflict"), "{answer}");
    assert_eq!(first.recv_soon().await, None);
}

#[tokio::test]
async fn a_component_may_say_only_what_is_its_own() {
    let server = ejabberd().await;
    for (bad, condition) in [
        ("<iq type='get' from='x.example' to='a@some-domain.example'/>", "invalid-from"),
        ("<iq type='get' from='proxy.example'/>", "improper-addressing"),
        ("<foo/>", "unsupported-stanza-type"),
        ("<a></b>", "not-well-formed"),
    ] {
        let mut component = MockComponent::log_in(&server, DOMAIN, "secret").await;
        component.send(bad).await;
        component.recv_with(condition).await;
        assert_eq!(component.recv().await, "</stream:stream>");
    }
    assert!(server.connected(DOMAIN, 0).await.is_some());
}
