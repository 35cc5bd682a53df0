//! `config/prosody/mod_component_fleet.lua`, which lets Prosody have a fleet: what is special about it,
//! compared with a fleet on any server.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use test_support::interop::client::{Client, SILENCE};
use test_support::interop::proxy::{Proxy, Settings};
use test_support::interop::server::{Kind, Server};
use test_support::wait::{PATIENCE, wait_until};

use crate::component::Component;
use crate::fleet::{FORWARDED, Fleet, REVERTED, SIZE};
use crate::load::{Answerer, Asker, alone};
use crate::wire::{Class, Wire};

case!(each_replica_gets_a_third: prosody);
fn each_replica_gets_a_third(kind: Kind) {
    const REQUESTS: usize = 1_500;
    let _alone = alone();
    let fleet = Fleet::fixed(kind, |_, _| ());
    let client = Answerer::start(fleet.service("a"), Duration::ZERO);
    let user = Asker::in_flight(fleet.user(), &fleet.domain, 32);
    heard(&user, REQUESTS);
    let account = user.finish();
    client.finish();
    assert_eq!(account.answered.len(), account.sent(), "missing: {:?}", account.missing);
    let [forwarded, reverted] = [FORWARDED, REVERTED].map(|what| by_replica(&fleet, what));
    println!("{kind}: requests by replica {forwarded:?}, replies {reverted:?}");
    // Nine standard deviations from a third.
    let fair = account.sent() as u64 * 3 / 14..=account.sent() as u64 * 19 / 42;
    assert!(forwarded.iter().chain(&reverted).all(|it| fair.contains(it)), "not in thirds");
}

case!(nothing_goes_to_a_connection_that_is_gone: prosody);
fn nothing_goes_to_a_connection_that_is_gone(kind: Kind) {
    let _alone = alone();
    let mut fleet = Fleet::fixed(kind, |_, _| ());
    let client = Answerer::start(fleet.service("a"), Duration::ZERO);
    for going in [2, 0] {
        // The latest, with which Prosody alone would lose all; and one that ends without a closing tag.
        match going {
            2 => assert_eq!(fleet.replicas[going].stop_with(Signal::TERM).code(), Some(0)),
            _ => fleet.replicas[going].kill(),
        }
        let user = Asker::in_flight(fleet.user(), &fleet.domain, 8);
        heard(&user, 200);
        let account = user.finish();
        assert_eq!(account.answered.len(), account.sent(), "missing: {:?}", account.missing);
    }
    client.finish();
}

case!(a_reload_of_the_module_loses_nothing: prosody);
fn a_reload_of_the_module_loses_nothing(kind: Kind) {
    const RELOADS: usize = 5;
    let _alone = alone();
    let fleet = Fleet::fixed(kind, |_, _| ());
    let client = Answerer::start(fleet.service("a"), Duration::ZERO);
    let user = Asker::in_flight(fleet.user(), &fleet.domain, 32);
    for reload in 1..=RELOADS {
        heard(&user, reload * 100);
        // The second name reloads Prosody's own module, and ours with it.
        for module in ["component_fleet", "component"] {
            let said = format!("module:reload('{module}', '{}')", fleet.domain);
            let answer = fleet.server.shell(&said);
            assert!(answer.contains(&format!("Reloaded on {}", fleet.domain)), "{answer}");
        }
    }
    let before = by_replica(&fleet, FORWARDED);
    heard(&user, user.heard() + 300);
    let account = user.finish();
    client.finish();
    println!("{kind}: {RELOADS} reloads: {}", account.figures());
    assert_eq!(account.answered.len(), account.sent(), "missing: {:?}", account.missing);
    let after = by_replica(&fleet, FORWARDED);
    assert!(
        before.iter().zip(&after).all(|(before, after)| before < after),
        "{before:?} {after:?}"
    );
    assert!(fleet.replicas.iter().all(|it| it.logins() == 1), "a stream was lost");
}

case!(a_fleet_is_upgraded_in_place_under_load: both);
fn a_fleet_is_upgraded_in_place_under_load(kind: Kind) {
    const ROUNDS: usize = 4;
    let _alone = alone();
    let fleet = Fleet::fixed(kind, |_, _| ());
    let client = Answerer::start(fleet.service("a"), Duration::ZERO);
    let user = Asker::in_flight(fleet.user(), &fleet.domain, 32);
    for round in 1..=ROUNDS {
        for replica in &fleet.replicas {
            replica.signal(Signal::USR2);
            replica.wait_until("the upgrade", |it| said(it, "upgraded in place") >= round);
            heard(&user, user.heard() + 100);
        }
    }
    let account = user.finish();
    client.finish();
    println!("{kind}: {} upgrades in a fleet: {}", ROUNDS * SIZE, account.figures());
    assert_eq!(account.answered.len(), account.sent(), "missing: {:?}", account.missing);
    assert!(fleet.replicas.iter().all(|it| it.logins() == 1), "a stream was lost");
}

case!(a_replica_that_does_not_read_is_left_out: prosody);
fn a_replica_that_does_not_read_is_left_out(kind: Kind) {
    const BATCH: usize = 50;
    let _alone = alone();
    let fleet = Fleet::fixed(kind, |_, _| ());
    let client = Answerer::start(fleet.service("a"), Duration::ZERO);
    let mut user = Wire::new(fleet.user());
    let stopped = &fleet.replicas[0];
    let before = stopped.count(FORWARDED);
    stopped.signal(Signal::STOP);
    // Its stanzas fill the kernel's buffers first, and then what Prosody allows.
    let payload = "x".repeat(4_000);
    let (mut asked, mut answered) = (0, 0);
    let start = Instant::now();
    let mut held = 0;
    loop {
        assert!(start.elapsed() < PATIENCE, "{held} of {asked} are held by one that does not read");
        for id in asked..asked + BATCH {
            user.write(&format!(
                "<iq type='get' id='{id}' to='{}'><q xmlns='u'>{payload}</q></iq>",
                fleet.domain
            ));
        }
        asked += BATCH;
        answered += replies(&mut user, asked - held - answered);
        if asked - answered == held {
            break;
        }
        held = asked - answered;
    }
    println!("{kind}: one that does not read holds {held} of {asked}, and then others get all");
    // Without the module the kernel's buffers alone would hold a thousand.
    assert!((1..300).contains(&held), "{held}");

    stopped.signal(Signal::CONT);
    wait_until("what it held", || {
        answered += replies(&mut user, asked - answered);
        answered == asked
    });
    let more = stopped.count(FORWARDED);
    assert!(more > before);
    let user = Asker::in_flight(fleet.user(), &fleet.domain, 8);
    wait_until("its share again", || stopped.count(FORWARDED) > more + 20);
    let account = user.finish();
    client.finish();
    assert_eq!(account.answered.len(), account.sent(), "missing: {:?}", account.missing);
}

// Prosody's own answers are the same with the module and without it.
case!(other_components_are_as_they_were: prosody);
fn other_components_are_as_they_were(kind: Kind) {
    let server = Server::shared(kind);
    let target = server.new_account("service");
    let mut user = Client::login(server, &server.new_account("user"), "abc");
    let domains = [server.new_fleet_domain(), server.new_domain()];

    // Nobody is connected.
    let [with, without] = domains.each_ref().map(|domain| {
        user.ask(domain, "1");
        let error = user.receive_reply("1").child("error").expect("an error").clone();
        format!("{error:?}").replace(domain, "DOMAIN")
    });
    assert_eq!(with, without);
    assert!(with.contains("remote-server-timeout") && with.contains("Component unavailable"));

    // A wrong secret, also while another one is connected.
    let [first_with, first_without] =
        domains.each_ref().map(|domain| Proxy::start(server, Settings::new(domain, &target)));
    for domain in &domains {
        let mut settings = Settings::new(domain, &target);
        settings.secret = "wrong".into();
        let refused = Proxy::launch(server, settings);
        refused.wait_until("the cause", |it| cause(it) == "not-authorized");
    }

    // A second connection.
    let second = Proxy::launch(server, Settings::new(&domains[1], &target));
    second.wait_until("the conflict", |it| cause(it) == "conflict");
    Proxy::start(server, Settings::new(&domains[0], &target));
    assert!([&first_with, &first_without].iter().all(|it| it.logins() == 1 && it.is_connected()));

    // No connection is left.
    drop((first_with, first_without, second));
    let [with_again, without_again] = domains.each_ref().map(|domain| {
        let mut error = None;
        let mut asked = 1;
        wait_until("the domain to be left", || {
            asked += 1;
            let id = asked.to_string();
            user.ask(domain, &id);
            // A stanza to one that was just killed is lost.
            let reply = user.try_receive_where(Duration::from_secs(1), |it| {
                it.attr("type") == Some("error") && it.attr("id") == Some(id.as_str())
            });
            error = reply.and_then(|reply| reply.child("error").cloned());
            format!("{error:?}").contains("Component unavailable")
        });
        format!("{:?}", error.unwrap()).replace(domain, "DOMAIN")
    });
    assert_eq!((with_again, without_again), (with, without));
}

// Prosody takes the component from the `to` of a handshake, if there is one.
case!(a_handshake_is_for_the_component_of_its_stream: prosody);
fn a_handshake_is_for_the_component_of_its_stream(kind: Kind) {
    let server = Server::shared(kind);
    let (fleet, other) = (server.new_fleet_domain(), server.new_domain());
    let to = format!("to='{fleet}'");
    assert!(Component::try_login_saying(server, &other, "", &to).is_err());
    assert!(Component::try_login_saying(server, &fleet, "", &to).is_ok());
}

case!(unloading_the_module_leaves_one_connection: prosody);
fn unloading_the_module_leaves_one_connection(kind: Kind) {
    let fleet = Fleet::fixed(kind, |_, _| ());
    let order = |what: &str| {
        let answer =
            fleet.server.shell(&format!("module:{what}('component_fleet', '{}')", fleet.domain));
        assert!(answer.contains("OK"), "{answer}");
    };
    let connected = || fleet.replicas.iter().filter(|it| it.is_connected()).count();
    order("unload");
    wait_until("one to be connected, and conflicts", || {
        let conflicts = fleet.replicas.iter().filter(|it| cause(it) == "conflict").count();
        (connected(), conflicts) == (1, SIZE - 1)
    });
    order("load");
    wait_until("all to be connected", || connected() == SIZE);
    let client = Answerer::start(fleet.service("a"), Duration::ZERO);
    let before = by_replica(&fleet, FORWARDED);
    let user = Asker::in_flight(fleet.user(), &fleet.domain, 8);
    wait_until("a share for each", || {
        by_replica(&fleet, FORWARDED).iter().zip(&before).all(|(now, before)| now > before)
    });
    let account = user.finish();
    client.finish();
    assert_eq!(account.answered.len(), account.sent(), "missing: {:?}", account.missing);
}

/// Reads until so many replies have arrived, or none for a while; returns their number.
fn replies(user: &mut Wire, wanted: usize) -> usize {
    let (mut count, mut last) = (0, Instant::now());
    while count < wanted && last.elapsed() < 2 * SILENCE {
        user.read(SILENCE, |iq| {
            assert_eq!(iq.class, Class::Result);
            (count, last) = (count + 1, Instant::now());
        });
    }
    count
}

/// The cause for which it has no stream, if it has none.
fn cause(proxy: &Proxy) -> String {
    let status = proxy.status();
    status["components"][0]["stream"]["cause"].as_str().unwrap_or_default().to_string()
}

fn heard(user: &Asker, count: usize) {
    wait_until("replies", || user.heard() >= count);
}

fn by_replica(fleet: &Fleet, what: &[&str]) -> Vec<u64> {
    fleet.replicas.iter().map(|it| it.count(what)).collect()
}

fn said(replica: &Proxy, words: &str) -> usize {
    replica.log().iter().filter(|line| line.contains(words)).count()
}
