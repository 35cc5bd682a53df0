//! Thousands of hostile stanzas among good requests, as far as Prosody lets clients send them: every
//! good one is served, every one is counted with its reason, and the stream stays up.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use fastrand::Rng;
use jat_proxy::jat::reason::Reason;
use jat_proxy::jat::tally::Tally;
use jat_proxy::jat::traffic::{TARGET_REPLY, USER_REQUEST};
use test_support::cases::{self, Case, Cast, Sender};
use test_support::interop::proxy::Proxy;
use test_support::interop::scene::Scene;
use test_support::interop::server::Kind;
use test_support::tally::{difference, read, shown, total, unbraked};
use test_support::wait::PATIENCE;

use crate::load::{alone, answer};
use crate::wire::{Class, Iq, Wire};

// Deep nesting must not go through ejabberd (docs/servers.md#deep-nesting).
case!(good_requests_among_hostile_stanzas_are_served: prosody);
fn good_requests_among_hostile_stanzas_are_served(kind: Kind) {
    let _alone = alone();
    let limits = format!("[limits]\nmax-stanza-bytes = {MOST}\n");
    let scene = Scene::with(kind, |settings| settings.top = limits);
    let (service, user) = (scene.service("a"), scene.user());
    let [service_jid, user_jid] = [&service, &user].map(|client| client.jid.clone());
    let cast = Cast { domain: &scene.domain, user: &user_jid, service: &service_jid, secret: b'A' };
    let mut small = cases::of_users(&cast);
    small.extend(cases::of_service(&cast));
    let large = cases::large(&cast, MOST);
    let mut order = order(&small, &large);
    let mut expected = Tally::default();
    for case in &order {
        match case {
            Some(case) => case.account(&mut expected),
            None => {
                expected.count(USER_REQUEST, Reason::Relayed);
                expected.count(TARGET_REPLY, Reason::Relayed);
            }
        }
    }
    let began = Instant::now();
    let before = counted(&scene.proxy);
    let mut stage = Stage {
        domain: &scene.domain,
        user: Wire::new(user),
        service: Wire::new(service),
        asked: 0,
        unserved: HashSet::new(),
        heard: Instant::now(),
    };
    while !order.is_empty() || !stage.unserved.is_empty() {
        if stage.unserved.len() < IN_FLIGHT && !order.is_empty() {
            stage.send(order.drain(..order.len().min(BATCH)));
        }
        stage.receive();
        assert!(stage.heard.elapsed() < PATIENCE, "{:?} are not served", stage.unserved);
    }
    // The last stanza may not be a request.
    let limit = Instant::now() + QUIET;
    let since = || difference(&counted(&scene.proxy), &before);
    while total(&since()) < total(&expected) && Instant::now() < limit {
        stage.receive();
    }
    println!(
        "{HOSTILE} hostile stanzas and {GOOD} requests in {:.1?}: {:?}",
        began.elapsed(),
        shown(&since())
    );
    assert_eq!(shown(&unbraked(&since(), &expected)), shown(&expected));
    assert_eq!(scene.proxy.logins(), 1);
}

/// All in a random order; `None` is a good request.
fn order<'c>(small: &'c [Case], large: &'c [Case]) -> Vec<Option<&'c Case>> {
    let mut rng = Rng::with_seed(1);
    // Prosody takes half a second for five hundred levels, so these come once each.
    let (deep, flat): (Vec<&Case>, Vec<&Case>) =
        small.iter().partition(|case| case.xml.contains("<x><x>"));
    let few = large.iter().filter(|case| !case.xml.contains("<x><x>")).collect::<Vec<_>>();
    let all_deep = deep.into_iter().chain(large.iter().filter(|case| case.xml.contains("<x><x>")));
    let mut order: Vec<_> = all_deep.map(Some).collect();
    for number in order.len()..HOSTILE {
        let from = if number < HOSTILE / 100 { &few } else { &flat };
        order.push(Some(from[rng.usize(..from.len())]));
    }
    order.extend(std::iter::repeat_n(None, GOOD));
    rng.shuffle(&mut order);
    order
}

/// One client sends requests, the other replies, and both are hostile.
struct Stage<'a> {
    domain: &'a str,
    user: Wire,
    service: Wire,
    asked: usize,
    /// Ids of requests that wait for their replies.
    unserved: HashSet<String>,
    /// When the last reply arrived.
    heard: Instant,
}

impl Stage<'_> {
    fn send<'c>(&mut self, stanzas: impl Iterator<Item = Option<&'c Case>>) {
        let (mut from_user, mut from_service) = (String::new(), String::new());
        for case in stanzas {
            match case {
                Some(case) if case.sender == Sender::Service => from_service += &case.xml,
                Some(case) => from_user += &case.xml,
                None => {
                    let id = format!("good-{}", self.asked);
                    self.asked += 1;
                    from_user += &format!(
                        "<iq type='get' id='{id}' to='{}'><q xmlns='u'/></iq>",
                        self.domain
                    );
                    self.unserved.insert(id);
                }
            }
        }
        self.user.write(&from_user);
        self.service.write(&from_service);
    }

    /// Reads what has arrived, and replies to requests.
    fn receive(&mut self) {
        let mut replies = String::new();
        let is_ours =
            |iq: &Iq| iq.from.split('/').next().is_some_and(|bare| bare.ends_with(self.domain));
        self.service.read(TICK, |iq| {
            if iq.class == Class::Request && is_ours(&iq) {
                replies += &answer(&iq);
            }
        });
        self.service.write(&replies);
        let Self { user, unserved, heard, .. } = self;
        user.read(TICK, |iq| {
            if iq.id.starts_with("good-") {
                assert_eq!((iq.class, iq.from.as_str()), (Class::Result, self.domain), "{iq:?}");
                assert!(unserved.remove(&iq.id), "twice: {iq:?}");
                *heard = Instant::now();
            }
        });
    }
}

fn counted(proxy: &Proxy) -> Tally {
    read(&proxy.try_get("/metrics").expect("the metrics page answers").1)
}

const HOSTILE: usize = 10_000;
const GOOD: usize = 10_000;
const IN_FLIGHT: usize = 200;
const BATCH: usize = 50;
/// Below the limit of Prosody for a client.
const MOST: usize = 20_000;
const TICK: Duration = Duration::from_millis(1);
const QUIET: Duration = Duration::from_secs(20);
