//! Who may ask, and how many errors one sender gets.

use rustix::process::Signal;
use test_support::interop::client::Client;
use test_support::interop::proxy::Proxy;
use test_support::interop::scene::Scene;
use test_support::interop::server::{HOST, Kind};

case!(only_who_is_in_the_list_may_ask: all);
fn only_who_is_in_the_list_may_ask(kind: Kind) {
    let scene = Scene::new(kind);
    let (mut service, mut user) = (scene.service("a"), scene.user());
    scene.round_trip(&mut user, &mut service);
    let bare = user.jid.split_once('/').unwrap().0.to_uppercase();
    // The target is in no list, but its presence and replies count.
    let mut scene = reload(scene, &format!("allow-from = [\"{bare}\"]"));
    scene.round_trip(&mut user, &mut service);
    let mut other = scene.user();
    assert_eq!(told(&scene, &mut other), "forbidden");
    let domain = &scene.domain;
    other.send(format!("<message id='m' to='{domain}'><body>hi</body></message>"));
    let error = other.receive_where("an error", |it| it.name == "message");
    assert_eq!(error.error().unwrap().0, "forbidden");
    assert_eq!(error.child("error").unwrap().attr("type"), Some("auth"));
    service.hears_no_iq();
    assert_eq!(scene.proxy.reason("forbidden"), 2);

    scene = reload(scene, &format!("allow-from = [\"{HOST}\"]\ndeny-from = [\"{bare}\"]"));
    assert_eq!(told(&scene, &mut user), "forbidden");
    scene.round_trip(&mut other, &mut service);
    scene = reload(scene, "allow-from = [\"*.elsewhere.example\"]");
    assert_eq!(told(&scene, &mut other), "forbidden");
    scene = reload(scene, "");
    scene.round_trip(&mut user, &mut service);
}

// ejabberd passes an address on as its user typed it (docs/servers.md#as-typed).
case!(another_spelling_is_the_same_user: both);
fn another_spelling_is_the_same_user(kind: Kind) {
    let scene = Scene::new(kind);
    let account = scene.server.new_account("user");
    let (node, _) = account.split_once('@').unwrap();
    let scene = reload(scene, &format!("deny-from = [\"{account}\"]"));
    let _service = scene.service("a");
    let mut user = Client::login(scene.server, &format!("{}@{HOST}", node.to_uppercase()), "r");
    assert_eq!(told(&scene, &mut user), "forbidden");
}

case!(what_is_observed_is_served_and_named: both);
fn what_is_observed_is_served_and_named(kind: Kind) {
    let scene = Scene::with(kind, |settings| {
        settings.component = "allow-from = [\"elsewhere.example\"]\naccess = \"observe\"".into();
    });
    let (mut service, mut user) = (scene.service("a"), scene.user());
    scene.round_trip(&mut user, &mut service);
    // As docs/access.md shows it.
    let page = test_support::pages::blocks("docs/access.md");
    let shown = page.iter().find(|it| it.text.starts_with("INFO observed")).unwrap();
    let line = shown.text.trim_end().replace("proxy.example", &scene.domain);
    let line = line.replace("stanzas=3", "stanzas=1").replace("other.example", HOST);
    scene.proxy.wait_until(&line, |proxy| proxy.log().iter().any(|it| it.contains(&line)));
    assert_eq!(scene.proxy.reason("forbidden"), 0);
    assert_eq!(scene.proxy.count(&["jat_proxy_observed_refusals_total{"]), 1);
    let status = scene.proxy.cli(&["status"]);
    assert!(status.contains("allow-from has 1 entry, 1 would have been refused"), "{status}");
    assert!(status.contains(&format!("from {HOST} 1")), "{status}");
}

// core/tests/bad_inputs/loops.rs has the loop itself, in virtual time.
case!(few_messages_are_answered_and_every_request_in_flight: both);
fn few_messages_are_answered_and_every_request_in_flight(kind: Kind) {
    let scene = Scene::new(kind);
    let mut user = scene.user();
    let message = format!("<message to='{}'><body>what?</body></message>", scene.domain);
    user.send(message.repeat(MANY));
    let answered = |it: &Proxy| it.reason("message-refused");
    scene
        .proxy
        .wait_until("all messages", |it| answered(it) + it.reason("throttled") >= MANY as u64);
    let answered = answered(&scene.proxy);
    assert!((5..MANY as u64).contains(&answered), "{answered}");
    for _ in 0..answered {
        user.receive_where("an error", |it| it.name == "message");
    }
    // As many as a client has in flight, while nobody is online.
    (0..100).for_each(|number| user.ask(&scene.domain, &format!("r{number}")));
    for number in 0..100 {
        let reply = user.receive_reply(&format!("r{number}"));
        assert_eq!(reply.error().expect("an error").0, "service-unavailable");
    }
}

/// More than are answered in that time, even on a busy machine.
const MANY: usize = 60;

/// The condition of the error that the user gets.
fn told(scene: &Scene, user: &mut Client) -> String {
    user.ask(&scene.domain, "told");
    user.receive_reply("told").error().expect("an error").0
}

/// The same scene after a reload with these lines in the configuration.
fn reload(mut scene: Scene, component: &str) -> Scene {
    let reloads = |scene: &Scene| {
        scene.proxy.log().iter().filter(|it| it.contains("configuration reloaded")).count()
    };
    let before = reloads(&scene);
    scene.proxy.settings.component = component.into();
    scene.proxy.rewrite();
    scene.proxy.signal(Signal::HUP);
    scene.proxy.wait_until("the reload", |_| reloads(&scene) > before);
    scene
}
