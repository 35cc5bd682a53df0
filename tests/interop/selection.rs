//! Which resources serve, as docs/dispatch.md says, and what is reported when none may.

use rustix::process::Signal;
use test_support::interop::client::Client;
use test_support::interop::scene::Scene;
use test_support::interop::server::Kind;
use test_support::pages::block;

use crate::presence::{REQUESTS, ask_many};

const PAGE: &str = "docs/dispatch.md";

case!(the_document_says_who_serves: both);
fn the_document_says_who_serves(kind: Kind) {
    active_and_standby(kind);
    blue_and_green(kind);
    by_priority(kind);
    nobodys_phone(kind);
}

fn active_and_standby(kind: Kind) {
    let scene = scene(kind, "Active and standby");
    let mut user = scene.user();
    let mut services = [scene.service("active"), scene.another("standby")];
    assert_eq!(ask_many(&scene, &mut user, &mut services), [REQUESTS, 0]);
    services[0].available("<show>dnd</show>");
    scene.proxy.wait_dnd(&services[0].jid, true);
    assert_eq!(ask_many(&scene, &mut user, &mut services), [0, REQUESTS]);
    services[0].send("<presence type='unavailable'/>");
    scene.proxy.wait_offline(&services[0].jid);
    assert_eq!(ask_many(&scene, &mut user, &mut services), [0, REQUESTS]);
    services[0].available("");
    scene.proxy.wait_online(&[&services[0].jid]);
    assert_eq!(ask_many(&scene, &mut user, &mut services), [REQUESTS, 0]);
}

fn blue_and_green(kind: Kind) {
    let mut scene = scene(kind, "Blue and green");
    let mut user = scene.user();
    let mut services = [scene.service("blue-1"), scene.another("blue-2"), scene.another("green-1")];
    let spread = ask_many(&scene, &mut user, &mut services);
    assert!(spread[0] > 0 && spread[1] > 0 && spread[2] == 0, "{spread:?}");
    let turned = scene
        .proxy
        .settings
        .component
        .replace("\"blue-*\", \"green-*\"", "\"green-*\", \"blue-*\"");
    assert_ne!(turned, scene.proxy.settings.component);
    scene.proxy.settings.component = turned;
    scene.proxy.rewrite();
    scene.proxy.signal(Signal::HUP);
    wait_asked(&scene, &services[2], "now");
    assert_eq!(ask_many(&scene, &mut user, &mut services), [0, 0, REQUESTS]);
}

fn by_priority(kind: Kind) {
    let scene = scene(kind, "By priority");
    let mut user = scene.user();
    let mut services = [scene.service("a"), scene.another("b"), scene.another("c")];
    for (service, priority) in services.iter_mut().zip([0, 10, -1]) {
        service.available(&format!("<priority>{priority}</priority>"));
    }
    wait_asked(&scene, &services[1], "now");
    wait_asked(&scene, &services[2], "never");
    assert_eq!(ask_many(&scene, &mut user, &mut services), [0, REQUESTS, 0]);
    services[1].send("<presence type='unavailable'/>");
    scene.proxy.wait_offline(&services[1].jid);
    assert_eq!(ask_many(&scene, &mut user, &mut services), [REQUESTS, 0, 0]);
    services[0].available("<priority>-2</priority>");
    wait_asked(&scene, &services[0], "never");
    refused(&scene, &mut user);
}

fn nobodys_phone(kind: Kind) {
    let scene = scene(kind, "Nobody's phone");
    let mut user = scene.user();
    let mut services = [scene.service("bot1"), scene.another("phone")];
    assert_eq!(ask_many(&scene, &mut user, &mut services), [REQUESTS, 0]);
    services[0].send("<presence type='unavailable'/>");
    scene.proxy.wait_offline(&services[0].jid);
    refused(&scene, &mut user);
    services[1].hears_no_iq();
    // An operator sees it everywhere.
    let status = scene.proxy.cli(&["status"]);
    assert!(status.contains(&format!("{}, never asked", services[1].jid)), "{status}");
    assert!(status.contains("with a resource that `resources` names (\"bot*\")"), "{status}");
    let (code, missing) = scene.proxy.try_get("/readyz").unwrap();
    assert!(code == 503 && missing.contains("the configuration excludes all of them"), "{missing}");
    scene.proxy.wait_until("the line of the log", |proxy| {
        let line = "is online only with resources that are never asked";
        proxy.log().iter().any(|it| it.contains(line))
    });
    assert_eq!(scene.proxy.count(&["jat_proxy_resources{"]), 0);
}

/// Checks the refusal when no resource may be asked.
fn refused(scene: &Scene, user: &mut Client) {
    user.ask(&scene.domain, "nobody");
    let reply = user.receive_reply("nobody");
    assert_eq!(reply.error().expect("an error").0, "service-unavailable");
    let text = reply.child("error").and_then(|error| error.child("text")).unwrap().text();
    assert!(text.contains("get no requests from here"), "{text}");
    assert_eq!(scene.proxy.reason("never-asked"), 1);
}

fn wait_asked(scene: &Scene, service: &Client, asked: &str) {
    scene.proxy.wait_until(&format!("{} to be asked {asked}", service.jid), |proxy| {
        let status = proxy.status();
        let mut resources = status["components"][0]["resources"].as_array().unwrap().iter();
        resources.any(|it| it["address"] == service.jid.as_str() && it["asked"] == asked)
    });
}

/// A scene with the configuration below this heading of the page.
fn scene(kind: Kind, heading: &str) -> Scene {
    let shown = block(PAGE, heading, "toml").text;
    Scene::with(kind, |settings| settings.component = shown)
}
