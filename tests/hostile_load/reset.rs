//! A connection that is reset within a stanza.

use jat_proxy::jat::reason::Reason;
use jat_proxy::link::cause::Cause;
use test_support::daemon::DOMAIN;
use test_support::stage::reply_to;

use crate::fixture::Replica;
use crate::replicas::{many, settled};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_whole_before_a_reset_is_served_and_so_is_what_comes_after() {
    // At each byte of a stanza, and before and after it.
    many(50, (0..=request("cut").len()).map(reset_at)).await;
}

async fn reset_at(cut: usize) {
    for _ in 0..10 {
        if reset_once_at(cut).await {
            return;
        }
    }
    panic!("cut at {cut}: the server wrote into the gap each time");
}

/// Returns false if the server wrote something of its own into the gap, as it may on a busy machine: that
/// is no XML.
async fn reset_once_at(cut: usize) -> bool {
    let mut it = settled().await;
    let connection = it.connection().await;
    let second = request("cut");
    connection.inject(&[request("whole").as_bytes(), &second.as_bytes()[..cut]].concat());
    let request = it.service.recv_iq().await.expect("the whole request");
    assert!(request.contains(" id='whole'"), "{request}");
    let both = cut == second.len();
    if both {
        it.service.recv_iq().await.expect("the second one, which was whole too");
    }
    connection.reset();
    let failed = |r: &Replica, cause| r.component().stream().failures[cause as usize] > 0;
    let causes = [Cause::Disconnected, Cause::Protocol];
    it.until("the end", |r| causes.iter().any(|cause| failed(r, *cause))).await;
    if failed(&it.replica, Cause::Protocol) {
        return false;
    }
    it.until_logged_in(2).await;
    // No state of the request is left, and still its reply reaches the user.
    it.service.send(&reply_to(&request)).unwrap();
    let reply = it.user.recv_iq().await.expect("the reply to what was whole");
    assert!(reply.contains(" id='whole'") && reply.contains("<answer/>"), "{reply}");
    it.serves().await;
    assert_eq!(it.replica.count(Reason::Relayed), 4 + u64::from(both), "cut at {cut}");
    true
}

fn request(id: &str) -> String {
    format!(
        "<iq type='get' id='{id}' from='user@some-domain.example/abc' to='{DOMAIN}'>\
         <ask>😀 &amp; <![CDATA[</ask>]]></ask></iq>"
    )
}
