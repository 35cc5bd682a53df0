//! A bot with many subscribers: all get its presence, and requests are served meanwhile.
//!
//! `SUBSCRIBERS=10000 cargo test --test interop -- --ignored --nocapture crowd::` takes minutes on
//! ejabberd and hours on Prosody, which write the whole roster to disk at each subscription.

use std::collections::BTreeSet;
use std::env;
use std::thread;
use std::time::{Duration, Instant};

use test_support::interop::server::Kind;
use test_support::interop::stanza::Stanza;

use crate::component::Component;

use super::stage::{User, answer, ask, bare, face, scene};

/// A multiple of [`AT_ONCE`].
fn subscribers() -> usize {
    env::var("SUBSCRIBERS").map_or(500, |n| n.parse().expect("a number of subscribers"))
}

/// So many are under way at once. Prosody reads all that has come of them, writes the roster for
/// each, and sends nothing meanwhile: more of them can take a busy machine a minute.
const AT_ONCE: usize = 25;
/// Requests while presence is relayed.
const REQUESTS: usize = 50;

case!(every_subscriber_gets_the_presence: both);
fn every_subscriber_gets_the_presence(kind: Kind) {
    let scene = scene(kind);
    let mut service = scene.service("a");
    service.fetch_roster();
    // All are at one domain, of which this test is the component.
    let mut crowd = Component::login(scene.server, &scene.server.new_domain());
    let helper = face(&scene, "helper");
    let began = Instant::now();
    for first in (0..subscribers()).step_by(AT_ONCE) {
        let subscriber = |number: usize| format!("u{number}@{}", crowd.domain);
        let from: Vec<_> = (first..first + AT_ONCE).map(subscriber).collect();
        let subscribe =
            |from: &String| format!("<presence type='subscribe' from='{from}' to='{helper}'/>");
        crowd.send(from.iter().map(subscribe).collect::<String>());
        for _ in &from {
            let asked = service.receive_where("a request", |it| is_presence(it, "subscribe"));
            service.send(format!(
                "<presence type='subscribed' to='{}'/>",
                asked.attr("from").unwrap()
            ));
        }
        for _ in &from {
            crowd.receive_where("consent", |it| is_presence(it, "subscribed"));
        }
    }
    let subscribed = began.elapsed();

    let mut user = User::new(&scene);
    let began = Instant::now();
    service.available("<status>to all</status>");
    let (told, slowest) = thread::scope(|scope| {
        let telling = scope.spawn(|| {
            hear(&mut crowd, &helper, |it| {
                it.child("status").is_some_and(|s| s.text() == "to all")
            });
            began.elapsed()
        });
        let mut slowest = Duration::ZERO;
        for number in 0..REQUESTS {
            let (asked, id) = (Instant::now(), format!("q{number}"));
            user.send(ask(&id, &scene.domain));
            let request = service.receive_request();
            answer(&mut service, &request);
            assert_eq!(user.answer_to(&id).attr("type"), Some("result"));
            slowest = slowest.max(asked.elapsed());
        }
        (telling.join().expect("all are told"), slowest)
    });
    let began = Instant::now();
    drop(service);
    hear(&mut crowd, &helper, |it| it.attr("type") == Some("unavailable"));
    println!(
        "{kind}: {} subscribed in {subscribed:.1?}, were told in {told:.1?} and of the end in \
         {:.1?}; the slowest of {REQUESTS} requests meanwhile took {slowest:.1?}",
        subscribers(),
        began.elapsed()
    );
    assert_eq!(scene.proxy.logins(), 1);
}

fn is_presence(stanza: &Stanza, type_: &str) -> bool {
    stanza.name == "presence" && stanza.attr("type") == Some(type_)
}

/// Waits until each subscriber has got such presence from the face, and none twice.
fn hear(crowd: &mut Component, helper: &str, fits: impl Fn(&Stanza) -> bool) {
    let mut told = BTreeSet::new();
    while told.len() < subscribers() {
        let it = crowd.receive_where("presence", |it| it.name == "presence" && fits(it));
        assert_eq!(bare(it.attr("from").unwrap()), helper);
        assert!(told.insert(it.attr("to").unwrap().to_owned()), "twice: {it:?}");
    }
}
