//! Upgrades in place, which close every stream with TLS.

use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;
use test_support::interop::proxy::Proxy;
use test_support::interop::server::Kind;

use super::{RELAYED, Stage};
use crate::load::{Answerer, Asker, alone};

case!(an_upgrade_in_place_loses_nothing_that_was_translated: both);
fn an_upgrade_in_place_loses_nothing_that_was_translated(kind: Kind) {
    const UPGRADES: usize = 5;
    let _alone = alone();
    let scene = Stage::shared(kind).scene();
    let (mut service, mut user) = (scene.service("a"), scene.user());
    // With nothing under way nothing at all is lost, and the first request after it is served.
    scene.round_trip(&mut user, &mut service);
    upgrade(&scene.proxy, 1);
    scene.proxy.wait_online(&[&service.jid]);
    scene.round_trip(&mut user, &mut service);
    let before = scene.proxy.count(&RELAYED);
    let late = |proxy: &Proxy| {
        let of = |stanza| proxy.count(&["reason=\"arrived-after-close\"", stanza]);
        of("stanza=\"request\"") + of("stanza=\"reply\"")
    };
    let late_before = late(&scene.proxy);

    let client = Answerer::start(service, Duration::ZERO);
    let user = Asker::start(user, &scene.domain, 500);
    let relayed = |proxy: &Proxy| proxy.count(&RELAYED);
    // A busy server may be slow to close its side, and drops much meanwhile.
    let relays = |stanzas| {
        let before = relayed(&scene.proxy);
        scene.proxy.wait_until("more relayed", |it| relayed(it) >= before + stanzas);
    };
    for number in 2..=UPGRADES {
        relays(200);
        upgrade(&scene.proxy, number);
    }
    relays(200);
    let account = user.finish();
    let (_, seen) = client.finish();
    let relayed = scene.proxy.count(&RELAYED) - before;
    let late = late(&scene.proxy) - late_before;
    println!(
        "{} upgrades with TLS: {}; the client saw {}, relayed {relayed}, {late} came after our \
         closing tag",
        UPGRADES - 1,
        account.figures(),
        seen.len()
    );
    assert!(account.repeated.is_empty());
    // ejabberd itself may have dropped some while there was no component.
    assert!(account.missing.len() >= late as usize);
    assert_eq!(relayed as usize, seen.len() + account.answered.len(), "relayed is arrived");
    assert!(account.answered.len() > 100, "and there was enough of it");
    let last = |it: &Proxy| it.log().join("\n").matches("logged in again to").count() == UPGRADES;
    scene.proxy.wait_until("the last login to be said", last);
    let log = scene.proxy.log().join("\n");
    assert_eq!(log.matches("a stream with TLS can't be handed over").count(), UPGRADES);
    // The new program does not repeat the old one's log lines.
    for (said, times) in [("accepted", 1), ("is online", 1), ("logged in again to", UPGRADES)] {
        assert_eq!(log.matches(said).count(), times, "{said}: {log}");
    }
    assert!(!log.contains("stanzas=") && !log.contains("replies come from"), "{log}");
    assert!(!log.contains("unsent_bytes"), "{log}");
    assert_eq!(scene.proxy.logins(), 1 + UPGRADES as u64);
    let closed = scene.proxy.count(&["jat_proxy_stream_failures_total", "cause=\"upgrade\""]);
    assert_eq!(closed, UPGRADES as u64);
}

/// SIGUSR2, until the next program has its stream.
pub fn upgrade(proxy: &Proxy, number: usize) {
    proxy.signal(Signal::USR2);
    let done = |log: String| log.matches("upgraded in place").count() == number;
    proxy.wait_until("the upgrade", |it| done(it.log().join("\n")));
    proxy.wait_until("its stream", |it| it.is_connected() && it.logins() == 1 + number as u64);
}

case!(an_upgrade_that_fails_opens_the_stream_again: both);
fn an_upgrade_that_fails_opens_the_stream_again(kind: Kind) {
    let stage = Stage::shared(kind);
    let mut settings = stage.good();
    // The configuration becomes invalid in the middle of it: the child that checks it refuses.
    settings.top = "reply-ttl = \"1h\"".to_owned();
    let mut proxy = Proxy::start(&stage.server, settings);
    proxy.settings.top = "reply-ttl = 1".to_owned();
    proxy.rewrite();
    proxy.signal(Signal::USR2);
    let said = |it: &Proxy| it.log().join("\n").contains("`reply-ttl` must be");
    proxy.wait_until("the refusal", said);
    sleep(Duration::from_millis(300));
    assert_eq!((proxy.logins(), proxy.is_connected()), (1, true), "nothing was closed for it");
}
