//! What a replica on a cluster can know of others, and of bots that disappeared without notice; and what
//! only a comparison of replicas shows.

use std::thread::sleep;
use std::time::Duration;

use test_support::interop::client::{Client, is_reply, is_request};
use test_support::interop::proxy::{Proxy, Settings};
use test_support::interop::scene::{Scene, accept_subscriptions, round_trip};
use test_support::interop::server::{Kind, Server};
use test_support::wait::wait_within;

// docs/servers.md#own-node-first, docs/servers.md#dead-node
case!(a_missing_presence_domain_and_a_node_that_dies: ejabberd);
fn a_missing_presence_domain_and_a_node_that_dies(kind: Kind) {
    let [first, mut second] = Server::start_cluster(kind);
    let target = first.new_account("service");
    let [good, mixed, none, alone] = [(); 4].map(|()| first.new_domain());
    let start = |node: &Server, domain: &str, name: Option<&str>| {
        let mut settings = Settings::new(domain, &target);
        if let Some(name) = name {
            settings.component = format!("presence-domain = \"{name}.{domain}\"");
        }
        Proxy::start(node, settings)
    };
    let mut one = Client::login(&first, &target, "one");
    one.available("");
    let good_ones = [start(&first, &good, Some("a")), start(&second, &good, Some("b"))];
    let mixed_ones = [start(&first, &mixed, None), start(&second, &mixed, Some("b"))];
    let none_ones = [start(&first, &none, None), start(&second, &none, None)];
    let lone = start(&first, &alone, None);
    let names = [format!("a.{good}"), format!("b.{good}"), format!("b.{mixed}")];
    let domains = [&mixed, &none, &alone].into_iter().chain(&names);
    accept_subscriptions(&mut one, domains.map(String::as_str));
    let mut two = Client::login(&second, &target, "two");
    two.available("");
    good_ones.iter().for_each(|it| it.wait_online(&[&one.jid, &two.jid]));

    // Each sends two probes within 90 s of its login, or at most a minute after the subscription.
    let found = |it: &Proxy| it.count(&[ELSEWHERE]) == 1;
    wait_within(Duration::from_secs(300), "the missing presence domains to be found", || {
        found(&mixed_ones[1]) && none_ones.iter().all(found)
    });
    for finder in [&mixed_ones[1], &none_ones[0], &none_ones[1]] {
        let status = finder.status();
        let warning = status["components"][0]["warnings"].to_string();
        assert!(warning.contains("on another node of the server's cluster"), "{warning}");
        finder.wait_log(0, "on another node of the server's cluster");
    }
    // The one that can't know, and those for which all is well.
    for well in good_ones.iter().chain([&mixed_ones[0], &lone]) {
        assert!(is_quiet(well), "{}: {}", well.settings.domain, well.status());
    }
    assert_eq!(fingerprint(&good_ones[0]), fingerprint(&good_ones[1]));
    assert_ne!(fingerprint(&none_ones[0]), fingerprint(&none_ones[1]));
    println!("{kind}: found in each case");

    let replica = &good_ones[0];
    ask_twice(replica);
    assert!(is_quiet(replica), "{}", replica.status());
    second.kill();
    replica.reload();
    replica.wait_offline(&two.jid);
    replica.wait_until("a resource that vanished", |it| it.count(&[VANISHED]) == 1);
    let warning = replica.status()["components"][0]["warnings"].to_string();
    assert!(warning.contains("1 resource of"), "{warning}");
    replica.wait_log(0, "disappeared without notice");
}

// The same resources on the one node and on the other, under load, upgrades and reloads meanwhile.
case!(bots_that_come_and_go_raise_no_alarm: ejabberd);
fn bots_that_come_and_go_raise_no_alarm(kind: Kind) {
    let nodes = Server::start_cluster(kind);
    let (domain, target) = (nodes[0].new_domain(), nodes[0].new_account("service"));
    let replicas = [("a", &nodes[0]), ("b", &nodes[1])].map(|(name, node)| {
        let mut settings = Settings::new(&domain, &target);
        settings.component = format!("presence-domain = \"{name}.{domain}\"");
        Proxy::start(node, settings)
    });
    let mut stays = Client::login(&nodes[0], &target, "stays");
    stays.available("");
    let names = ["a", "b"].map(|it| format!("{it}.{domain}"));
    accept_subscriptions(&mut stays, names.iter().map(String::as_str));
    replicas.iter().for_each(|it| it.wait_online(&[&stays.jid]));
    let mut user = Client::login(&nodes[1], &nodes[1].new_account("user"), "abc");
    for turn in 0..60 {
        // It takes its resource over from the other node, logs out, or disappears without notice.
        let mut moves = Client::login(&nodes[turn % 2], &target, "moves");
        moves.available("");
        user.ask(&domain, &turn.to_string());
        let limit = Duration::from_millis(20);
        for client in [&mut moves, &mut stays] {
            if let Some(request) = client.try_receive_where(limit, is_request) {
                client.answer(&request, "");
            }
        }
        let _ = user.try_receive_where(limit, is_reply);
        if turn % 3 == 0 {
            moves.send("<presence type='unavailable'/></stream:stream>");
        }
        match turn {
            20 => replicas.iter().for_each(Proxy::reload),
            40 => replicas.iter().for_each(Proxy::upgrade),
            _ => {}
        }
    }
    let same = || fingerprint(&replicas[0]) == fingerprint(&replicas[1]);
    wait_within(Duration::from_secs(60), "both to know the same", same);
    for replica in &replicas {
        ask_twice(replica);
        assert!(is_quiet(replica), "{}", replica.status());
    }
    assert!(same());
}

// Killed, upgraded, and for as long as a lone process needs for two probes.
case!(a_lone_replica_raises_no_alarm: both);
fn a_lone_replica_raises_no_alarm(kind: Kind) {
    let mut scene = Scene::new(kind);
    let mut service = scene.service("a");
    for _ in 0..3 {
        scene.proxy.kill();
        scene.proxy.restart();
        scene.proxy.wait_online(&[&service.jid]);
    }
    let asked = scene.proxy.reason("presence-used") + 2;
    scene.proxy.upgrade();
    wait_within(Duration::from_secs(200), "two answers", || {
        scene.proxy.reason("presence-used") >= asked
    });
    round_trip(&scene.domain, &mut scene.user(), &mut service);
    assert!(is_quiet(&scene.proxy), "{}", scene.proxy.status());
    assert!(scene.proxy.cli(&["check", "--connect"]).contains("all is well"));
}

/// Waits until two more probes have been evaluated, with a pause, so that they stay separate.
fn ask_twice(replica: &Proxy) {
    for _ in 0..4 {
        let confirmed = || replica.status()["components"][0]["subscription"]["confirmed"].clone();
        let before = confirmed();
        sleep(Duration::from_secs(3));
        replica.reload();
        replica.wait_until("an answer", |_| confirmed() != before);
    }
}

fn is_quiet(replica: &Proxy) -> bool {
    let status = replica.status();
    let warnings = status["components"][0]["warnings"].as_array().unwrap();
    replica.count(&[ELSEWHERE]) == 0 && replica.count(&[VANISHED]) == 0 && warnings.is_empty()
}

fn fingerprint(replica: &Proxy) -> u64 {
    replica.count(&["jat_proxy_resources_fingerprint{"])
}

const ELSEWHERE: &str = "jat_proxy_domain_shared_elsewhere{";
const VANISHED: &str = "jat_proxy_vanished_resources_total{";
