//! Nobody to forward to: the user learns why.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use test_support::interop::client::Client;
use test_support::interop::proxy::{Proxy, Settings};
use test_support::interop::scene::{Scene, accept_subscription, first_login};
use test_support::interop::server::{HOST, Kind, Server, Software};

case!(pending_and_denied_are_distinguished: all);
fn pending_and_denied_are_distinguished(kind: Kind) {
    let scene = Scene::new(kind);
    let mut user = scene.user();
    let pending = wait_refusal(&scene.domain, &mut user, "not yet accepted");

    let mut service = Client::login(scene.server, &scene.target, "a");
    service.available("");
    service.receive_where("the request", |it| it.attr("type") == Some("subscribe"));
    assert_eq!(refusal(&scene.domain, &mut user), pending, "online, but nothing is granted");
    service.send(format!("<presence type='unsubscribed' to='{}'/>", scene.domain));
    wait_refusal(&scene.domain, &mut user, "denied");
    service.hears_no_iq();
    assert!(scene.proxy.reason("subscription-pending") >= 2);
    assert!(scene.proxy.reason("subscription-denied") >= 1);
}

case!(a_reload_after_a_denial_asks_again_at_once: all);
fn a_reload_after_a_denial_asks_again_at_once(kind: Kind) {
    let scene = Scene::new(kind);
    let mut user = scene.user();
    let mut service = Client::login(scene.server, &scene.target, "a");
    service.available("");
    service.receive_where("the request", |it| it.attr("type") == Some("subscribe"));
    service.send(format!("<presence type='unsubscribed' to='{}'/>", scene.domain));
    wait_refusal(&scene.domain, &mut user, "denied");
    // ejabberd may deliver a request twice; this discards the second one, and all else before this
    // answer.
    service.fetch_roster();
    // Without the reload it would ask in 45 s to 60 s.
    let denied = Instant::now();
    scene.proxy.signal(Signal::HUP);
    accept_subscription(&mut service, &scene.domain);
    let asked = denied.elapsed();
    println!("asked again {asked:.2?} after the denial");
    assert!(asked < Duration::from_secs(40), "{asked:?}");
    scene.proxy.wait_online(&[&service.jid]);
    scene.round_trip(&mut user, &mut service);
}

case!(an_account_that_is_not_there_says_nothing: both);
fn an_account_that_is_not_there_says_nothing(kind: Kind) {
    let scene = Scene::with(kind, |settings| settings.target = format!("nobody@{HOST}"));
    let mut user = scene.user();
    for asked in 1..=3 {
        wait_refusal(&scene.domain, &mut user, "not yet accepted");
        let subscription = &scene.proxy.status()["components"][0]["subscription"];
        assert_eq!(subscription["state"], "pending");
        let remedy = subscription["remedy"].as_str().unwrap();
        assert!(remedy.contains(&format!("nobody@{HOST} is not the right account")), "{remedy}");
        scene.proxy.signal(Signal::HUP);
        scene.proxy.wait_until("the reload", |proxy| {
            let log = proxy.log();
            log.iter().filter(|line| line.contains("configuration reloaded")).count() == asked
        });
    }
    assert_eq!(scene.proxy.reason("never-subscribed"), 0);
}

case!(offline_and_withdrawn_are_distinguished: all);
fn offline_and_withdrawn_are_distinguished(kind: Kind) {
    let scene = Scene::new(kind);
    let (mut service, mut user) = (scene.service("a"), scene.user());
    scene.round_trip(&mut user, &mut service);
    service.send("<presence type='unavailable'/>");
    scene.proxy.wait_offline(&service.jid);
    wait_refusal(&scene.domain, &mut user, "offline");
    service.available("");
    scene.proxy.wait_online(&[&service.jid]);
    scene.round_trip(&mut user, &mut service);

    service.send(format!("<presence type='unsubscribed' to='{}'/>", scene.domain));
    scene.proxy.wait_offline(&service.jid);
    wait_refusal(&scene.domain, &mut user, "denied");
    service.hears_no_iq();
}

case!(a_subscription_that_failed_says_so: both);
fn a_subscription_that_failed_says_so(kind: Kind) {
    // A host that this server does not have, and may not connect to.
    let scene = Scene::with(kind, |settings| settings.target = "bot@nowhere.example".into());
    let mut user = scene.user();
    wait_refusal(&scene.domain, &mut user, "failed");
    assert!(scene.proxy.reason("never-subscribed") >= 1);
    // docs/servers.md#no-other-server
    let condition = if kind.is(Software::Prosody) { "not-allowed" } else { "forbidden" };
    let status = scene.proxy.status();
    assert_eq!(status["components"][0]["subscription"]["condition"], condition, "{status}");
}

case!(a_target_that_comes_late_is_served_at_once: all);
fn a_target_that_comes_late_is_served_at_once(kind: Kind) {
    let server = Server::shared(kind);
    let (domain, target) = (server.new_domain(), server.new_account("service"));
    let proxy = Proxy::start(server, Settings::new(&domain, &target));
    let mut user = Client::login(server, &server.new_account("user"), "abc");
    refusal(&domain, &mut user);

    let mut service = first_login(server, &proxy, "late");
    test_support::interop::scene::round_trip(&domain, &mut user, &mut service);

    // It leaves and comes back: its presence is enough, without a new subscription.
    drop(service);
    proxy.wait_offline(&format!("{target}/late"));
    let offline = refusal(&domain, &mut user);
    assert!(offline.contains("offline"), "{offline}");
    let mut service = Client::login(server, &target, "back");
    service.available("");
    proxy.wait_online(&[&service.jid]);
    test_support::interop::scene::round_trip(&domain, &mut user, &mut service);
}

/// The text of the error that says that nobody is there.
fn refusal(domain: &str, user: &mut Client) -> String {
    user.ask(domain, "nobody");
    let reply = user.receive_reply("nobody");
    assert_eq!(reply.attr("from"), Some(domain));
    assert_eq!(reply.child("error").unwrap().attr("type"), Some("cancel"));
    let (condition, text) = reply.error().expect("a stanza error");
    assert_eq!(condition, "service-unavailable");
    text
}

/// Sends requests until the text is this, since presence may take a while.
fn wait_refusal(domain: &str, user: &mut Client, fragment: &str) -> String {
    let mut text = String::new();
    test_support::wait::wait_until(&format!("a refusal that says {fragment:?}"), || {
        text = refusal(domain, user);
        text.contains(fragment)
    });
    text
}
