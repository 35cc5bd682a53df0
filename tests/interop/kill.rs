//! SIGKILL between a request and its reply: everything that is needed is in the token.

use std::collections::HashSet;
use std::thread::sleep;
use std::time::Duration;

use test_support::interop::client::{Client, is_reply};
use test_support::interop::proxy::key;
use test_support::interop::scene::Scene;
use test_support::interop::server::Kind;
use test_support::interop::stanza::Stanza;

use crate::fleet::{Fleet, REVERTED, SIZE};
use crate::keys::key_id;
use crate::load::{Answerer, Asker, alone};

/// The time between a kill and the replies, in which the server notices it.
const GONE: Duration = Duration::from_millis(400);

const KILLS: usize = 20;

case!(a_killed_single_proxy_reverts_what_it_forwarded_before: all);
fn a_killed_single_proxy_reverts_what_it_forwarded_before(kind: Kind) {
    const HELD: usize = 5;
    let mut scene = Scene::new(kind);
    let (mut service, mut user) = (scene.service("a"), scene.user());
    let mut delivered = 0;
    for kill in 0..KILLS {
        for number in 0..HELD {
            user.ask(&scene.domain, &format!("{kill}-{number}"));
        }
        let held: Vec<_> = (0..HELD).map(|_| service.receive_request()).collect();
        scene.proxy.kill();
        sleep(GONE);
        scene.proxy.restart();
        delivered += deliver(&held, &mut service, &mut user);
        assert_eq!(scene.proxy.reason("relayed"), HELD as u64, "this life relayed replies only");
        // It finds the resource again, for the next requests.
        scene.proxy.wait_online(&[&service.jid]);
    }
    println!("{kind}: {KILLS} kills, {delivered} of {} replies", KILLS * HELD);
    assert_eq!(delivered, KILLS * HELD);
}

// What it has read, or the server has sent it, and it has not written yet. How much that is depends
// on the machine, so the figure is printed.
case!(replicas_killed_under_load_lose_only_what_was_inside: both);
fn replicas_killed_under_load_lose_only_what_was_inside(kind: Kind) {
    const RATE: usize = 300;
    let _alone = alone();
    let mut fleet = Fleet::fixed(kind, |_, _| ());
    let client = Answerer::start(fleet.service("a"), Duration::ZERO);
    let user = Asker::start(fleet.user(), &fleet.domain, RATE);
    for kill in 0..KILLS {
        // All are connected. The moments differ, relative to the load.
        sleep(Duration::from_millis(200 + 7 * kill as u64));
        fleet.replicas[kill % SIZE].kill();
        fleet.replicas[kill % SIZE].restart();
    }
    sleep(GONE);
    let account = user.finish();
    client.finish();
    println!("{kind}: {KILLS} kills under load: {}", account.figures());
    assert!(account.repeated.is_empty(), "more than one reply: {:?}", account.repeated);
    assert!(account.refused.is_empty(), "there is always another: {:?}", account.refused);
    assert!(account.answered.len() > account.sent() / 2, "most come through");
}

case!(what_a_killed_replica_forwarded_is_reverted_by_others: both);
fn what_a_killed_replica_forwarded_is_reverted_by_others(kind: Kind) {
    const HELD: usize = 50;
    let _alone = alone();
    // Each signs with a key of its own and verifies with all, so a token shows who made it.
    let mut fleet = Fleet::fixed(kind, |number, settings| settings.keys = ring(number));
    let (mut service, mut user) = (fleet.service("a"), fleet.user());
    let mut delivered = 0;
    for kill in 0..KILLS {
        let killed = kill % SIZE;
        let (mut held, mut asked) = (Vec::new(), 0);
        while held.len() < HELD {
            let batch = HELD - held.len();
            for number in asked..asked + batch {
                user.ask(&fleet.domain, &format!("{kill}-{number}"));
            }
            asked += batch;
            let requests = (0..batch).map(|_| service.receive_request());
            let by_the_killed =
                |it: &Stanza| usize::from(key_id(it.attr("from").unwrap())) == killed;
            let (its, other): (Vec<_>, Vec<_>) = requests.partition(by_the_killed);
            deliver(&other, &mut service, &mut user);
            held.extend(its);
        }
        let before = fleet.count_without(killed, REVERTED);
        fleet.replicas[killed].kill();
        sleep(GONE);
        delivered += deliver(&held, &mut service, &mut user);
        assert_eq!(fleet.count_without(killed, REVERTED) - before, HELD as u64);
        fleet.replicas[killed].restart();
    }
    println!("{kind}: {KILLS} kills in a fleet, {delivered} of {} replies", KILLS * HELD);
    assert_eq!(delivered, KILLS * HELD);
}

/// Answers all of these requests; returns the number of replies, which may come in any order.
fn deliver(requests: &[Stanza], service: &mut Client, user: &mut Client) -> usize {
    requests.iter().for_each(|request| service.answer(request, "<a xmlns='urn:1'/>"));
    let mut awaited: HashSet<_> = requests.iter().map(|it| it.attr("id").unwrap()).collect();
    while !awaited.is_empty() {
        let reply = user.receive_where("the replies", is_reply);
        assert!(awaited.remove(reply.attr("id").unwrap()), "not asked for: {reply:?}");
        assert!(reply.child("a").is_some(), "{reply:?}");
    }
    requests.len()
}

/// The key ring of a replica that signs with its own key, as the time of the others has not come.
fn ring(replica: usize) -> String {
    let later = (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24)).to_string();
    let key = |number: usize| {
        let since = if number == replica { None } else { Some(later.as_str()) };
        key(number as u8, char::from(b'A' + number as u8), since)
    };
    (0..SIZE).map(key).collect()
}
