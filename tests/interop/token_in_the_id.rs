//! `token-in = "id"`: services written for mod_client_proxy, and what happens to a forged id.

use std::collections::BTreeMap;
use std::time::Duration;

use test_support::interop::client::{Client, is_request};
use test_support::interop::scene::Scene;
use test_support::interop::server::Kind;
use test_support::interop::stanza::Stanza;

use crate::bot::Bot;
use crate::keys::EXPIRED;

case!(a_client_that_reads_as_jicofo_does_finds_the_user: both);
fn a_client_that_reads_as_jicofo_does_finds_the_user(kind: Kind) {
    let scene = scene(kind);
    // The roster entry exists already, as in an installation of Jitsi: jicofo.py accepts no requests.
    let first = scene.service("first");
    let gone = first.jid.clone();
    drop(first);
    scene.proxy.wait_offline(&gone);
    let jid = format!("{}/focus", scene.target);
    let jicofo = Bot::start("jicofo.py", scene.server, &jid, &[&scene.domain]);
    jicofo.report("ready");
    scene.proxy.wait_online(&[&jid]);

    // A resource may contain anything, even an address.
    for resource in ["abc", "admin@host.example/x", "it's <\u{e4}>"] {
        let mut user = scene.user_with_resource(resource);
        let conference = "<conference xmlns='http://jitsi.org/protocol/focus' room='r@muc'/>";
        let domain = &scene.domain;
        user.send(format!("<iq type='set' id='c' to='{domain}'>{conference}</iq>"));
        let reply = user.receive_reply("c");
        assert_eq!(reply.attr("type"), Some("result"), "{reply:?}");
        assert_eq!(reply.attr("from"), Some(domain.as_str()));
        assert_eq!(jicofo.report("request")["user"], user.jid.as_str());
    }
}

case!(a_client_named_in_full_needs_no_subscription: both);
fn a_client_named_in_full_needs_no_subscription(kind: Kind) {
    let scene = Scene::with(kind, |settings| {
        settings.component = "token-in = \"id\"".into();
        settings.target += "/focus";
    });
    let jid = scene.target.clone() + "/focus";
    let mut user = scene.user();
    let ask = |user: &mut Client, id: &str| {
        let conference = "<conference xmlns='http://jitsi.org/protocol/focus' room='r@muc'/>";
        user.send(format!("<iq type='set' id='{id}' to='{}'>{conference}</iq>", scene.domain));
        user.receive_reply(id)
    };
    // Its server answers in its place, and the user gets the error.
    let error = ask(&mut user, "before").error().expect("nobody is there");
    assert_eq!(error.0, "service-unavailable");
    let jicofo = Bot::start("jicofo.py", scene.server, &jid, &[&scene.domain]);
    jicofo.report("ready");
    let reply = ask(&mut user, "c");
    assert_eq!(reply.attr("type"), Some("result"), "{reply:?}");
    assert_eq!(reply.attr("from"), Some(scene.domain.as_str()));
    assert_eq!(jicofo.report("request")["user"], user.jid.as_str());
    assert_eq!(scene.proxy.reason("presence-used"), 0);
    assert!(scene.proxy.status()["components"][0]["subscription"].is_null());
}

case!(a_client_that_only_echoes_the_id_works: all);
fn a_client_that_only_echoes_the_id_works(kind: Kind) {
    let scene = scene(kind);
    let (mut service, mut user) = (scene.service("a"), scene.user());
    user.ask(&scene.domain, "mine");
    let request = service.receive_request();
    let in_clear = format!("{}/{}", scene.domain, user.jid);
    assert_eq!(request.attr("from"), Some(in_clear.as_str()));
    assert_ne!(request.attr("id"), Some("mine"));
    service.answer(&request, "<a xmlns='urn:1'/>");
    assert!(user.receive_reply("mine").child("a").is_some());
}

case!(a_forged_id_is_refused: all);
fn a_forged_id_is_refused(kind: Kind) {
    let scene = scene(kind);
    let mut service = scene.service("a");
    let mut other = scene.another("b");
    let account = scene.server.new_account("stranger");
    let mut stranger = Client::login(scene.server, &account, "a");
    let (mut user, mut victim) = (scene.user(), scene.user());

    let request = ask_until_received(&scene, &mut user, &mut service, "mine");
    let id = request.attr("id").unwrap().to_owned();
    let to = |user: &Client| format!("{}/{}", scene.domain, user.jid);
    let (to_user, to_victim) = (to(&user), to(&victim));
    let altered = |at: usize| {
        let mut bytes = id.clone().into_bytes();
        bytes[at] = if bytes[at] == b'a' { b'b' } else { b'a' };
        String::from_utf8(bytes).unwrap()
    };
    let (name, tag) = (altered(20), altered(id.len() - 20));

    let mut expected = BTreeMap::new();
    let mut forge = |client: &mut Client, to: &str, id: &str, reason: &'static str| {
        client.send(format!("<iq type='result' id='{id}' to='{to}'><forged xmlns='u'/></iq>"));
        let count = expected.entry(reason).or_insert(0);
        *count += 1;
        scene.proxy.wait_reason(reason, *count);
    };
    // Sent before the answer: if it were accepted, it would arrive first.
    forge(&mut service, &to_user, &name, "token-signature");
    forge(&mut service, &to_user, &tag, "token-signature");
    // The address in clear is checked first, and is no token either.
    forge(&mut service, &to_user, "mine", "token-length");
    forge(&mut service, &to_user, &id.to_uppercase(), "token-length");
    forge(&mut other, &to_user, &id, "token-signature");
    forge(&mut other, &to_victim, &id, "token-signature");
    forge(&mut stranger, &to_user, &id, "not-from-target");
    user.hears_no_iq();

    // The user is in the token: another address in clear makes no difference.
    service.send(format!("<iq type='result' id='{id}' to='{to_victim}'><a xmlns='u'/></iq>"));
    assert!(user.receive_reply("mine").child("a").is_some());
    service.answer(&request, "<again xmlns='u'/>");
    assert!(user.receive_reply("mine").child("again").is_some());

    scene.shorten_reply_ttl();
    let request = ask_until_received(&scene, &mut user, &mut service, "late");
    std::thread::sleep(EXPIRED);
    forge(&mut service, &to_user, request.attr("id").unwrap(), "token-expired");
    user.hears_no_iq();
    victim.hears_no_iq();
    for (reason, count) in expected {
        assert_eq!(scene.proxy.reason(reason), count, "{reason}");
    }
}

/// Asks until the random choice is this resource.
fn ask_until_received(scene: &Scene, user: &mut Client, it: &mut Client, id: &str) -> Stanza {
    loop {
        user.ask(&scene.domain, id);
        if let Some(request) = it.try_receive_where(SHORT, is_request) {
            return request;
        }
    }
}

fn scene(kind: Kind) -> Scene {
    Scene::with(kind, |settings| settings.component = "token-in = \"id\"".into())
}

const SHORT: Duration = Duration::from_millis(500);
