//! Upgrades in place under load: no stanza is lost, and the server notices nothing.

use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;
use test_support::interop::scene::Scene;
use test_support::interop::server::Kind;

use crate::load::{Answerer, Asker, alone};

const UPGRADES: usize = 20;
const IN_FLIGHT: usize = 64;
/// Each is two stanzas: a request and its reply.
const REQUESTS: usize = 25_000;

case!(twenty_upgrades_in_a_row_lose_nothing: all);
fn twenty_upgrades_in_a_row_lose_nothing(kind: Kind) {
    let _alone = alone();
    let scene = Scene::new(kind);
    let client = Answerer::start(scene.service("a"), Duration::ZERO);
    let user = Asker::in_flight(scene.user(), &scene.domain, IN_FLIGHT);
    for upgrade in 1..=UPGRADES {
        scene.proxy.signal(Signal::USR2);
        let done = |log: &[String]| {
            log.iter().filter(|line| line.contains("upgraded in place")).count() >= upgrade
        };
        scene.proxy.wait_until("the upgrade", |proxy| done(&proxy.log()));
        // Spread over the whole load.
        while user.heard() < REQUESTS * upgrade / UPGRADES {
            sleep(Duration::from_millis(5));
        }
    }
    let account = user.finish();
    client.finish();
    let stanzas = scene.proxy.count(&["jat_proxy_stanzas_total", "outcome=\"relayed\""]);
    println!(
        "{kind}: {UPGRADES} upgrades with {IN_FLIGHT} requests in flight, {stanzas} stanzas \
         relayed: {}",
        account.figures()
    );
    assert_eq!(account.answered.len(), account.sent(), "missing: {:?}", account.missing);
    assert_eq!(stanzas, 2 * account.sent() as u64, "each request and each reply once");
    assert!(stanzas >= 50_000);
    assert_eq!(scene.proxy.logins(), 1, "the stream is the same all the time");
}
