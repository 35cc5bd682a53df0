//! Presence that servers lose, or send in the wrong order: jat-proxy checks with probes.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use test_support::interop::client::Client;
use test_support::interop::proxy::{Proxy, Settings};
use test_support::interop::scene::{Scene, accept_subscription, asked_once, round_trip};
use test_support::interop::server::{Kind, Server};
use test_support::wait::{PATIENCE, wait_until};

case!(a_client_that_takes_its_own_resource_over_is_there: both);
fn a_client_that_takes_its_own_resource_over_is_there(kind: Kind) {
    // ejabberd reports the old session's end late in one of three (docs/servers.md#late-unavailable).
    let takeovers = std::env::var("TAKEOVERS").map_or(12, |it| it.parse().unwrap());
    let scene = Scene::new(kind);
    let mut user = scene.user();
    let mut service = scene.service("focus");
    let mut longest = Duration::ZERO;
    let mut absences = 0;
    for _ in 0..takeovers {
        let mut old = std::mem::replace(&mut service, {
            let mut new = Client::login(scene.server, &scene.target, "focus");
            new.available("");
            new
        });
        // Its session ends with its stream, and the presence for that is under way.
        wait_until("the old stream to end", || {
            old.try_receive(Duration::from_millis(100));
            old.ended()
        });
        let refused = asked_until_served(&scene.domain, &mut user, &mut service);
        absences += usize::from(refused > Duration::ZERO);
        longest = longest.max(refused);
    }
    println!("{kind}: absent in {absences} of {takeovers} takeovers, for up to {longest:.1?}");
}

case!(a_recreated_account_is_asked_again: both);
fn a_recreated_account_is_asked_again(kind: Kind) {
    let scene = Scene::new(kind);
    let mut user = scene.user();
    let mut service = scene.service("a");
    scene.round_trip(&mut user, &mut service);
    service.send(
        "<iq type='set' id='remove'><query xmlns='jabber:iq:register'><remove/></query></iq>",
    );
    wait_until("its stream to end", || {
        service.try_receive(Duration::from_millis(100));
        service.ended()
    });
    scene.server.register(scene.target.split('@').next().unwrap());
    let mut service = Client::login(scene.server, &scene.target, "b");
    service.fetch_roster();
    service.available("");
    // A server may have kept the subscription without reporting that the client left; then a request
    // fails and shows it.
    asked_until_served(&scene.domain, &mut user, &mut service);
}

case!(a_resource_that_went_without_notice_fails_one_request: prosody);
fn a_resource_that_went_without_notice_fails_one_request(kind: Kind) {
    // As if its account were on another server, which crashed (docs/servers.md#missing-resource).
    let module = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/server");
    let server = Server::start_changed(kind, |text| {
        let path = text.replace("plugin_paths = { ", &format!("plugin_paths = {{ \"{module}\", "));
        let first = "Component \"proxy1.prosody.example\"\n";
        path.replace(first, &format!("{first}\tmodules_enabled = {{ \"lost_presence\" }}\n"))
    });
    let (domain, target) = (server.new_domain(), server.new_account("service"));
    let proxy = Proxy::start(&server, Settings::new(&domain, &target));
    let mut user = Client::login(&server, &server.new_account("user"), "abc");
    let mut stays = Client::login(&server, &target, "stays");
    stays.available("");
    accept_subscription(&mut stays, &domain);
    let mut goes = Client::login(&server, &target, "goes");
    goes.available("");
    proxy.wait_online(&[&stays.jid, &goes.jid]);
    let gone = goes.jid.clone();
    // Its end is not reported.
    goes.send("</stream:stream>");
    wait_until("its stream to end", || {
        goes.try_receive(Duration::from_millis(100));
        goes.ended()
    });

    let mut failed = 0;
    let begun = Instant::now();
    while proxy.status().to_string().contains(&gone) {
        assert!(begun.elapsed() < Duration::from_secs(60), "{}", proxy.status());
        failed += u32::from(asked_once(&domain, &mut user, &mut stays, PATIENCE).is_err());
    }
    println!("{kind}: {failed} failed, and it went after {:.1?}", begun.elapsed());
    assert_eq!(failed, 1, "the first of them puts it in doubt");
    round_trip(&domain, &mut user, &mut stays);
    proxy.wait_until("a line that says so", |it| {
        it.log().iter().any(|line| line.contains("are gone without notice"))
    });
}

case!(a_fleet_without_presence_domains_forgets_nobody: both);
fn a_fleet_without_presence_domains_forgets_nobody(kind: Kind) {
    const RELOADS: usize = 1;
    let server = Server::shared(kind);
    let (domain, target) = (server.new_fleet_domain(), server.new_account("service"));
    let start = |_| Proxy::start(server, Settings::new(&domain, &target));
    let replicas: Vec<Proxy> = (0..3).map(start).collect();
    let shared = |it: &Proxy| it.status()["components"][0]["sharing"] == "shared";
    replicas.iter().for_each(|it| it.wait_until("the others to be seen", shared));
    let mut first = Client::login(server, &target, "a");
    first.available("");
    accept_subscription(&mut first, &domain);
    let more: Vec<Client> = ["b", "c"]
        .map(|resource| {
            let mut client = Client::login(server, &target, resource);
            client.available("");
            client
        })
        .into();
    // Each answer goes to a random one of them, so it takes some probes to fill all lists.
    let listed = |it: &Proxy| it.status()["components"][0]["resources"].as_array().unwrap().len();
    for replica in &replicas {
        replica.wait_until("a resource", |it| {
            let knows = listed(it) > 0;
            if !knows {
                it.signal(Signal::HUP);
            }
            knows
        });
    }
    let mut known: Vec<usize> = replicas.iter().map(listed).collect();
    for _ in 0..RELOADS {
        replicas.iter().for_each(|it| it.signal(Signal::HUP));
        // Longer than it takes until a missing answer counts.
        let end = Instant::now() + Duration::from_secs(12);
        while Instant::now() < end {
            let now: Vec<usize> = replicas.iter().map(listed).collect();
            assert!(known.iter().zip(&now).all(|(was, is)| was <= is), "{known:?}, then {now:?}");
            known = now;
            std::thread::sleep(Duration::from_millis(300));
        }
    }
    println!("{kind}: resources known after {RELOADS} questions of each: {known:?}");
    drop(more);
}

/// Sends requests until the service gets one; returns for how long they were refused.
fn asked_until_served(domain: &str, user: &mut Client, service: &mut Client) -> Duration {
    let begun = Instant::now();
    let mut refused = Duration::ZERO;
    while asked_once(domain, user, service, ONE_REQUEST).is_err() {
        refused = begun.elapsed();
        assert!(refused < Duration::from_secs(60), "nobody is there for {refused:.1?}");
        std::thread::sleep(Duration::from_millis(200));
    }
    refused
}

/// A sender gets few errors at a time.
const ONE_REQUEST: Duration = Duration::from_secs(2);
