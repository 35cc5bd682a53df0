//! Servers restart, proxies are killed, replaced and stopped.

use std::time::Duration;

use rustix::process::Signal;
use test_support::interop::client::{Client, SILENCE, is_reply, is_request};
use test_support::interop::proxy::{Proxy, Settings};
use test_support::interop::scene::{Scene, first_login, round_trip};
use test_support::interop::server::{Kind, Server};

case!(a_killed_proxy_reverts_after_its_restart: all);
fn a_killed_proxy_reverts_after_its_restart(kind: Kind) {
    let mut scene = Scene::new(kind);
    let (mut service, mut user) = (scene.service("a"), scene.user());
    user.ask(&scene.domain, "r");
    let request = service.receive_request();
    scene.proxy.kill();
    scene.proxy.restart();
    service.answer(&request, "<a xmlns='urn:1'/>");
    assert!(user.receive_reply("r").child("a").is_some());

    // It also finds the resource again, although the server pushes no presence.
    scene.proxy.wait_online(&[&service.jid]);
    scene.round_trip(&mut user, &mut service);
}

case!(a_stopped_proxy_exits_clean: all);
fn a_stopped_proxy_exits_clean(kind: Kind) {
    for signal in [Signal::TERM, Signal::INT] {
        // The wait ends with the server's closing tag, not with this timeout.
        let patient = |it: &mut Settings| it.top = "shutdown-timeout = \"1m\"".to_owned();
        let mut scene = Scene::with(kind, patient);
        let (mut service, mut user) = (scene.service("a"), scene.user());
        scene.round_trip(&mut user, &mut service);
        user.ask(&scene.domain, "r");
        let request = service.receive_request();
        let status = scene.proxy.stop_with(signal);
        assert_eq!(status.code(), Some(0), "{:?}", scene.proxy.log());
        scene.proxy.restart();
        service.answer(&request, "");
        user.receive_reply("r");
    }
}

case!(a_proxy_that_never_got_through_exits_clean_too: all);
fn a_proxy_that_never_got_through_exits_clean_too(kind: Kind) {
    let mut server = Server::start(kind);
    let (domain, target) = (server.new_domain(), server.new_account("service"));
    server.stop();
    let mut proxy = Proxy::launch(&server, Settings::new(&domain, &target));
    assert_eq!(proxy.stop_with(Signal::TERM).code(), Some(0));
}

// ejabberd itself loses some of what it has for a component that closes its stream
// (docs/servers.md#lost-at-close).
case!(every_request_is_accounted_for_when_a_proxy_stops: prosody);
fn every_request_is_accounted_for_when_a_proxy_stops(kind: Kind) {
    const BURST: usize = 1_000;
    let mut scene = Scene::new(kind);
    let (mut service, mut user) = (scene.service("a"), scene.user());
    let burst: String = (0..BURST)
        .map(|i| format!("<iq type='get' id='{i}' to='{}'><q xmlns='u'/></iq>", scene.domain))
        .collect();
    user.send(burst);
    service.receive_request();
    let status = scene.proxy.stop_with(Signal::TERM);
    assert_eq!(status.code(), Some(0));

    // Each was forwarded, bounced by the server, or counted as late after our closing tag.
    let mut forwarded = 1;
    while service.try_receive_where(SILENCE, is_request).is_some() {
        forwarded += 1;
    }
    let mut bounced = 0;
    while user.try_receive_where(SILENCE, is_reply).is_some() {
        bounced += 1;
    }
    let log = scene.proxy.log().join("\n");
    let late = log.split("arrived_after_close=").nth(1).expect("the count in the log");
    let late: usize = late.split_whitespace().next().unwrap().parse().unwrap();
    assert_eq!(forwarded + bounced + late, BURST, "{forwarded} + {bounced} + {late}");
}

case!(the_server_restarts_in_the_middle_of_traffic: both);
fn the_server_restarts_in_the_middle_of_traffic(kind: Kind) {
    survives_an_outage(kind, Server::stop);
}

// docs/servers.md#late-to-disk
case!(the_server_is_killed_in_the_middle_of_traffic: prosody);
fn the_server_is_killed_in_the_middle_of_traffic(kind: Kind) {
    survives_an_outage(kind, Server::kill);
}

fn survives_an_outage(kind: Kind, end: impl FnOnce(&mut Server)) {
    let mut server = Server::start(kind);
    let (domain, target) = (server.new_domain(), server.new_account("service"));
    let account = server.new_account("user");
    let proxy = Proxy::start(&server, Settings::new(&domain, &target));
    let mut service = first_login(&server, &proxy, "a");
    let mut user = Client::login(&server, &account, "abc");
    round_trip(&domain, &mut user, &mut service);
    user.ask(&domain, "before");
    let request = service.receive_request();
    let quiet = proxy.log().len();
    for number in 0..200 {
        user.ask(&domain, &number.to_string());
    }
    end(&mut server);
    std::thread::sleep(Duration::from_secs(2));
    server.resume();

    proxy.wait_connected();
    let mut service = Client::login(&server, &target, "a");
    service.available("");
    proxy.wait_online(&[&service.jid]);
    let mut user = Client::login(&server, &account, "abc");
    round_trip(&domain, &mut user, &mut service);
    // A reply to a request from before the restart still arrives.
    service.answer(&request, "<a xmlns='urn:1'/>");
    assert!(user.receive_reply("before").child("a").is_some());

    proxy.wait_log(quiet, "logged in again");
    let mut said = proxy.log().split_off(quiet);
    // Only lines about the stream: a server that stops may disconnect the client first, so that
    // requests are refused, and the target may come back late.
    said.retain(|line| {
        ["stream lost", "not connected", "logged in"].iter().any(|it| line.contains(it))
    });
    let [lost, waiting @ .., back] = &said[..] else { panic!("{said:#?}") };
    assert!(lost.contains("stream lost"), "{said:#?}");
    assert!(back.contains("logged in again"), "{said:#?}");
    // Refused; also, a server that is starting may accept a connection long before it answers.
    let mut causes: Vec<_> = waiting.iter().map(|it| it.split("cause=").nth(1).unwrap()).collect();
    let all = causes.len();
    causes.sort();
    causes.dedup();
    assert!(all > 0 && causes.len() == all, "each once: {said:#?}");
    assert_eq!(proxy.logins(), 2);
}
