//! SIGKILL between a request and its reply: what must be known is in the token.

use std::thread::sleep;
use std::time::Duration;

use crate::scene::Scene;
use crate::server::Kind;

/// Between a death and the replies: the server has noticed it.
const GONE: Duration = Duration::from_millis(250);

const KILLS: usize = 20;

case!(a_killed_single_proxy_reverts_what_it_forwarded_before: both);
fn a_killed_single_proxy_reverts_what_it_forwarded_before(kind: Kind) {
    const HELD: usize = 5;
    let mut scene = Scene::new(kind);
    let (mut service, mut user) = (scene.service("a"), scene.user());
    let mut delivered = 0;
    for kill in 0..KILLS {
        let ids: Vec<String> = (0..HELD).map(|held| format!("{kill}-{held}")).collect();
        ids.iter().for_each(|id| user.ask(&scene.domain, id));
        let held: Vec<_> = ids.iter().map(|_| service.receive_request()).collect();
        scene.proxy.kill();
        sleep(GONE);
        scene.proxy.restart();
        for request in &held {
            service.answer(request, "<a xmlns='urn:1'/>");
        }
        for id in &ids {
            assert!(user.receive_reply(id).child("a").is_some());
            delivered += 1;
        }
        assert_eq!(scene.proxy.reason("relayed"), HELD as u64, "this life relayed replies only");
        // It finds the resource again, for the next requests.
        scene.proxy.wait_online(&[&service.jid]);
    }
    println!("{kind}: {KILLS} kills, {delivered} of {} replies", KILLS * HELD);
    assert_eq!(delivered, KILLS * HELD);
}
