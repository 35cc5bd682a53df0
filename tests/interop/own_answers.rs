//! What the proxy answers itself, as a client library sees it.

use std::time::Duration;

use serde_json::json;
use test_support::interop::client::Client;
use test_support::interop::proxy::{key, name_key};
use test_support::interop::scene::Scene;
use test_support::interop::server::Kind;
use test_support::wait::wait_until;

use crate::bot::Bot;

const ANSWERS: &str = "answer = [\"disco\", \"ping\"]\n\
    identity = { name = \"Q & A <'>\" }\nfeatures = [\"jabber:iq:version\"]\n";

case!(a_library_finds_the_service_whoever_is_online: both);
fn a_library_finds_the_service_whoever_is_online(kind: Kind) {
    let mut scene = Scene::with(kind, |settings| settings.component = ANSWERS.into());
    browse(&scene);
    let mut user = scene.user();
    user.ask(&scene.domain, "offline");
    let (condition, _) = user.receive_reply("offline").error().expect("nobody is online");
    assert_eq!(condition, "service-unavailable");

    let mut service = scene.service("a");
    browse(&scene);
    scene.round_trip(&mut user, &mut service);
    // The target is not a user, but can send requests like one.
    service.send(format!(
        "<iq type='get' id='mine' to='{}'><ping xmlns='urn:xmpp:ping'/></iq>",
        scene.domain
    ));
    assert_eq!(service.receive_reply("mine").attr("type"), Some("result"));

    scene.proxy.settings.keys = key(1, 'A', None) + &name_key(1, 'N');
    scene.proxy.settings.component =
        format!("{ANSWERS}relay = [\"iq\", \"messages\"]\nallow-from = [\"*\"]\n");
    scene.proxy.reload();
    browse(&scene);
    scene.round_trip(&mut user, &mut service);
    scene.proxy.upgrade();
    browse(&scene);
    assert_eq!(scene.proxy.reason("own-answer"), 4 * 3 + 1);
    assert_eq!(scene.proxy.status()["components"][0]["answer"], json!(["disco", "ping"]));

    // Without it the client gets the request.
    scene.proxy.settings.component = String::new();
    scene.proxy.reload();
    for payload in [PING, INFO] {
        user.send(format!("<iq type='get' id='now' to='{}'>{payload}</iq>", scene.domain));
        let request = service.receive_request();
        service.answer(&request, "<mine xmlns='urn:x'/>");
        assert!(user.receive_reply("now").child("mine").is_some());
    }

    // Without a proxy, the server answers.
    scene.proxy.kill();
    refused_by_the_server(&scene, &mut user);
}

/// Pings until the server has noticed; until then stanzas are lost.
fn refused_by_the_server(scene: &Scene, user: &mut Client) {
    let mut pings = 0;
    wait_until("an error of the server's", || {
        pings += 1;
        let id = format!("gone{pings}");
        user.send(format!("<iq type='get' id='{id}' to='{}'>{PING}</iq>", scene.domain));
        let reply = user.try_receive_where(Duration::from_secs(1), |it| {
            it.name == "iq" && it.attr("id") == Some(&id)
        });
        reply.is_some_and(|reply| {
            assert_eq!(reply.attr("type"), Some("error"), "{reply:?}");
            true
        })
    });
}

const PING: &str = "<ping xmlns='urn:xmpp:ping'/>";
const INFO: &str = "<query xmlns='http://jabber.org/protocol/disco#info'/>";

/// A new user looks at the component.
fn browse(scene: &Scene) {
    let jid = format!("{}/browser", scene.server.new_account("user"));
    let browser = Bot::start("browse.py", scene.server, &jid, &[&scene.domain]);
    let pong = browser.report("pong");
    assert_eq!((&pong["from"], &pong["type"]), (&json!(scene.domain), &json!("result")));
    let info = browser.report("info");
    let identity = json!([["component", "generic", null, "Q & A <'>"]]);
    assert_eq!(info["identities"], identity, "{info}");
    let features = json!([
        "http://jabber.org/protocol/disco#info",
        "http://jabber.org/protocol/disco#items",
        "jabber:iq:version",
        "urn:xmpp:ping",
    ]);
    assert_eq!(info["features"], features, "{info}");
    assert_eq!(browser.report("items")["items"], json!([]));
    assert_eq!(browser.report("node")["condition"], "item-not-found");
}
