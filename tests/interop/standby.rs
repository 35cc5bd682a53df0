//! A second process for a domain, on Prosody: it stands by, or takes the domain over.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use test_support::interop::client::Client;
use test_support::interop::proxy::{Proxy, Settings};
use test_support::interop::scene::{Scene, first_login, round_trip};
use test_support::interop::server::{Kind, SECRET, Server};

// ejabberd accepts both and spreads the stanzas over them.
case!(a_second_process_stands_by: prosody);
fn a_second_process_stands_by(kind: Kind) {
    const TAKEOVERS: usize = 6;
    let mut scene = Scene::new(kind);
    let (mut service, mut user) = (scene.service("a"), scene.user());
    let mut standby = Proxy::launch(scene.server, Settings::new(&scene.domain, &scene.target));
    let mut attempts = Vec::new();
    for takeover in 0..TAKEOVERS {
        standby.wait_until("a line about the conflict", |it| lines(it, "conflict").len() == 1);
        assert_eq!(standby.status()["components"][0]["stream"]["cause"], "conflict");
        let quiet = standby.log().len();
        // Time for several attempts; the end comes at a different moment between two of them.
        std::thread::sleep(Duration::from_millis(2_500 + 150 * takeover as u64));
        assert_eq!(standby.log().len(), quiet, "one line when it begins: {:#?}", standby.log());
        assert!(!standby.is_connected());
        scene.round_trip(&mut user, &mut service);

        user.ask(&scene.domain, "held");
        let request = service.receive_request();
        let before = refused_attempts(&standby);
        if takeover % 2 == 0 {
            scene.proxy.kill();
        } else {
            assert_eq!(scene.proxy.stop_with(Signal::TERM).code(), Some(0));
        }
        standby.wait_connected();
        attempts.push(refused_attempts(&standby) - before);
        let said = standby.wait_log(quiet, "");
        assert!(said.contains("logged in to"), "one line when it ends: {said}");
        assert_eq!(standby.logins(), 1);
        service.answer(&request, "<a xmlns='urn:1'/>");
        assert!(user.receive_reply("held").child("a").is_some());
        standby.wait_online(&[&service.jid]);
        scene.round_trip(&mut user, &mut service);

        // The roles change, with a new process.
        let next = Proxy::launch(scene.server, Settings::new(&scene.domain, &scene.target));
        scene.proxy = std::mem::replace(&mut standby, next);
    }
    println!("{TAKEOVERS} takeovers, every other one after kill -9: refused before {attempts:?}");
    // It tries once a second. Now and then the server is late to see that the other one is gone.
    attempts.sort();
    assert!(attempts[TAKEOVERS / 2] <= 2, "{attempts:?}");
}

/// How often the server has refused it, as another one is connected.
fn refused_attempts(standby: &Proxy) -> u64 {
    standby.count(&["jat_proxy_stream_failures_total", "cause=\"conflict\""])
}

case!(two_processes_do_not_replace_each_other_for_ever: prosody);
fn two_processes_do_not_replace_each_other_for_ever(kind: Kind) {
    const WATCHED: Duration = Duration::from_secs(45);
    let domain = "kick-old.example";
    let server = Server::start_with(
        kind,
        &format!(
            "Component \"{domain}\"\n\tcomponent_secret = \"{SECRET}\"\n\
             \tcomponent_conflict_resolve = \"kick_old\"\n"
        ),
    );
    let target = server.new_account("service");
    let account = server.new_account("user");
    let first = Proxy::start(&server, Settings::new(domain, &target));
    let mut service = first_login(&server, &first, "a");
    let mut user = Client::login(&server, &account, "abc");
    round_trip(domain, &mut user, &mut service);

    let start = Instant::now();
    let second = Proxy::start(&server, Settings::new(domain, &target));
    first.wait_until("its stream to be replaced", |it| !it.is_connected());
    let stream = &first.status()["components"][0]["stream"];
    assert_eq!(stream["cause"], "replaced", "{stream}");
    assert!(stream["remedy"].as_str().unwrap().contains("run one process"), "{stream}");
    second.wait_online(&[&service.jid]);
    round_trip(domain, &mut user, &mut service);

    std::thread::sleep(WATCHED.saturating_sub(start.elapsed()));
    let logins = first.logins() + second.logins();
    let kicked = [&first, &second].map(|proxy| lines(proxy, "replaced this one"));
    let kicks = kicked.concat().len();
    println!("{kicks} kicks and {logins} logins in {:.0?}", start.elapsed());
    assert!((1..=2).contains(&kicks), "{kicked:#?}");
    assert!(logins as usize <= 1 + kicks, "{logins} logins, {kicked:#?}");
    assert!(kicked.iter().all(|lines| lines.len() <= 1), "one line with the remedy: {kicked:#?}");
    assert_eq!(kicked[0].len(), 1, "{kicked:#?}");
}

fn lines(proxy: &Proxy, word: &str) -> Vec<String> {
    proxy.log().into_iter().filter(|line| line.contains(word)).collect()
}
