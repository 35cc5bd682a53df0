//! The target's presence, and which resource gets a request.

use test_support::interop::client::{Client, is_request};
use test_support::interop::scene::Scene;
use test_support::interop::server::Kind;

/// Enough that one of two random resources stays unused only once in 8 million runs.
pub const REQUESTS: usize = 24;

case!(requests_are_spread_over_what_is_online: all);
fn requests_are_spread_over_what_is_online(kind: Kind) {
    let scene = Scene::new(kind);
    let mut user = scene.user();
    let mut services = [scene.service("a"), scene.another("b")];
    // A negative priority hides a client from messages, not from us.
    services[1].available("<priority>-5</priority>");
    let spread = ask_many(&scene, &mut user, &mut services);
    assert!(spread.iter().all(|count| *count > 0), "{spread:?}");

    services[0].send("<presence type='unavailable'/>");
    scene.proxy.wait_offline(&services[0].jid);
    assert_eq!(ask_many(&scene, &mut user, &mut services), [0, REQUESTS]);
}

case!(dnd_drains_a_client: both);
fn dnd_drains_a_client(kind: Kind) {
    let scene = Scene::new(kind);
    let mut user = scene.user();
    let mut services = [scene.service("a"), scene.another("b")];
    user.ask(&scene.domain, "before");
    let (first, request) = whoever_got_it(&mut services);

    services[first].available("<show>dnd</show>");
    scene.proxy.wait_dnd(&services[first].jid, true);
    let spread = ask_many(&scene, &mut user, &mut services);
    assert_eq!(spread[first], 0, "{spread:?}");
    // It can still answer its requests.
    services[first].answer(&request, "");
    user.receive_reply("before");

    services[1 - first].available("<show>dnd</show>");
    scene.proxy.wait_dnd(&services[1 - first].jid, true);
    let spread = ask_many(&scene, &mut user, &mut services);
    assert_eq!(spread.iter().sum::<usize>(), REQUESTS, "better a busy client than none");

    services[first].available("<show>away</show>");
    scene.proxy.wait_dnd(&services[first].jid, false);
    let spread = ask_many(&scene, &mut user, &mut services);
    assert_eq!(spread[first], REQUESTS, "{spread:?}");
}

case!(sticky_keeps_a_user_with_its_resource: both);
fn sticky_keeps_a_user_with_its_resource(kind: Kind) {
    let scene = Scene::with(kind, |settings| settings.component = "dispatch = \"sticky\"".into());
    let mut services = [scene.service("a"), scene.another("b"), scene.another("c")];
    let mut users = Vec::new();
    for _ in 0..12 {
        let mut user = scene.user();
        // Another resource of the user is the same user.
        let mut again = Client::login(scene.server, &user.jid, "other");
        let chosen = ask_one(&scene, &mut user, &mut services);
        for user in [&mut again, &mut user] {
            assert_eq!(ask_one(&scene, user, &mut services), chosen, "{}", user.jid);
        }
        users.push((user, chosen));
    }
    assert!(users.iter().any(|(_, chosen)| *chosen != users[0].1), "only one is used");

    // A resource that leaves moves only its own users.
    let left = users[0].1;
    services[left].send("<presence type='unavailable'/>");
    scene.proxy.wait_offline(&services[left].jid);
    for (user, chosen) in &mut users {
        let now = ask_one(&scene, user, &mut services);
        assert!(now == *chosen || (*chosen == left && now != left), "{now} after {chosen}");
    }
}

case!(the_target_may_subscribe_in_return: all);
fn the_target_may_subscribe_in_return(kind: Kind) {
    let scene = Scene::new(kind);
    let mut service = scene.service("a");
    service.fetch_roster();
    service.send(format!("<presence type='subscribe' to='{}'/>", scene.domain));
    let from_proxy = |type_: Option<&'static str>, domain: String| {
        move |it: &test_support::interop::stanza::Stanza| {
            it.name == "presence"
                && it.attr("type") == type_
                && it.attr("from").is_some_and(|from| from.starts_with(&domain))
        }
    };
    let domain = || scene.domain.clone();
    service.receive_where("subscribed", from_proxy(Some("subscribed"), domain()));
    service.receive_where("available", from_proxy(None, domain()));

    // A client that logs in later makes its server probe us.
    let mut late = Client::login(scene.server, &scene.target, "late");
    late.available("");
    late.receive_where("available", from_proxy(None, domain()));
    let mut user = scene.user();
    let mut services = [service, late];
    ask_one(&scene, &mut user, &mut services);
}

case!(strange_presence_of_the_target_is_survived: all);
fn strange_presence_of_the_target_is_survived(kind: Kind) {
    let scene = Scene::new(kind);
    let (mut service, mut user) = (scene.service("a"), scene.user());
    // The stanzas of its login have arrived before its answer.
    scene.round_trip(&mut user, &mut service);
    let used = scene.proxy.reason("presence-used");
    let mut sent = 0;
    for inside in [
        "<show>weird</show>",
        "<priority>many</priority>",
        "<priority>4711</priority>",
        "<show/><show>dnd</show><show>chat</show>",
        "<show xmlns='urn:1'>dnd</show>",
        "<x xmlns='urn:1'><show>dnd</show></x>",
        "<status><![CDATA[<show>dnd</show>]]></status>",
    ] {
        // ejabberd answers some of these itself, with an error.
        service.available(inside);
        sent += 1;
    }
    // Fifty changes, and available at the end.
    for _ in 0..50 {
        service.send("<presence type='unavailable'/>");
        service.available("");
        sent += 2;
    }
    scene.proxy.wait_until("presence to come", |proxy| proxy.reason("presence-used") > used + 99);
    assert!(scene.proxy.reason("presence-used") <= used + sent);
    scene.proxy.wait_online(&[&service.jid]);
    service.hears_no_iq();
    scene.round_trip(&mut user, &mut service);
}

/// Sends `REQUESTS` requests, which must all be answered; returns how many each service got.
pub fn ask_many(scene: &Scene, user: &mut Client, services: &mut [Client]) -> Vec<usize> {
    let mut spread = vec![0; services.len()];
    for _ in 0..REQUESTS {
        spread[ask_one(scene, user, services)] += 1;
    }
    spread
}

pub fn ask_one(scene: &Scene, user: &mut Client, services: &mut [Client]) -> usize {
    user.ask(&scene.domain, "one");
    let (index, request) = whoever_got_it(services);
    services[index].answer(&request, "");
    let reply = user.receive_reply("one");
    assert_eq!(reply.attr("type"), Some("result"), "{reply:?}");
    index
}

fn whoever_got_it(services: &mut [Client]) -> (usize, test_support::interop::stanza::Stanza) {
    for _ in 0..1000 {
        for (index, service) in services.iter_mut().enumerate() {
            let limit = std::time::Duration::from_millis(5);
            if let Some(request) = service.try_receive_where(limit, is_request) {
                return (index, request);
            }
        }
    }
    panic!("no service got the request");
}
