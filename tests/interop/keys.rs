//! Keys and configuration change under a running proxy, and nothing is lost.

use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;
use test_support::interop::proxy::key;
use test_support::interop::scene::Scene;
use test_support::interop::server::Kind;

/// A token that expires after a second has expired by then; times in it are whole seconds.
pub const EXPIRED: Duration = Duration::from_millis(2_100);
const LONG_AGO: Option<&str> = Some("2020-01-01T00:00:00Z");

case!(a_rotation_reverts_replies_to_old_tokens: all);
fn a_rotation_reverts_replies_to_old_tokens(kind: Kind) {
    let mut scene = Scene::new(kind);
    let (mut service, mut user) = (scene.service("a"), scene.user());
    user.ask(&scene.domain, "old");
    let old = service.receive_request();
    assert_eq!(key_id(old.attr("from").unwrap()), 1);
    let lines = scene.proxy.log().len();

    scene.proxy.settings.keys = key(1, 'A', None) + &key(2, 'B', LONG_AGO);
    reload(&scene, lines);
    user.ask(&scene.domain, "new");
    let new = service.receive_request();
    assert_eq!(key_id(new.attr("from").unwrap()), 2);
    for (request, id) in [(&old, "old"), (&new, "new")] {
        service.answer(request, "");
        assert_eq!(user.receive_reply(id).attr("type"), Some("result"));
    }

    // The old key is removed: its tokens are refused, with their reason.
    let lines = scene.proxy.log().len();
    scene.proxy.settings.keys = key(2, 'B', LONG_AGO);
    reload(&scene, lines);
    service.answer(&old, "");
    scene.proxy.wait_reason("unknown-key", 1);
    service.answer(&new, "");
    user.receive_reply("new");

    // The same id with another secret opens nothing.
    let lines = scene.proxy.log().len();
    scene.proxy.settings.keys = key(2, 'C', LONG_AGO);
    reload(&scene, lines);
    service.answer(&new, "");
    scene.proxy.wait_reason("token-signature", 1);
    user.hears_no_iq();
    scene.round_trip(&mut user, &mut service);
    assert_eq!(scene.proxy.logins(), 1, "no stream is dropped for a key change");
}

case!(a_reload_is_all_or_nothing: both);
fn a_reload_is_all_or_nothing(kind: Kind) {
    let mut scene = Scene::new(kind);
    let (mut service, mut user) = (scene.service("a"), scene.user());
    user.ask(&scene.domain, "old");
    let old = service.receive_request();

    for broken in ["not toml", "", "[[key]]\nid = 1\nsecret = \"c2hvcnQ=\"\n"] {
        let lines = scene.proxy.log().len();
        scene.proxy.settings.keys = broken.into();
        reload(&scene, lines);
        service.answer(&old, "");
        user.receive_reply("old");
        scene.round_trip(&mut user, &mut service);
    }
    assert!(!scene.proxy.log().join("\n").contains("c2hvcnQ="), "a secret in the log");
    assert_eq!(scene.proxy.logins(), 1);
}

case!(a_token_expires: all);
fn a_token_expires(kind: Kind) {
    let scene = Scene::new(kind);
    let (mut service, mut user) = (scene.service("a"), scene.user());
    user.ask(&scene.domain, "r");
    let request = service.receive_request();
    service.answer(&request, "");
    user.receive_reply("r");

    scene.shorten_reply_ttl();
    user.ask(&scene.domain, "late");
    let request = service.receive_request();
    sleep(EXPIRED);
    service.answer(&request, "");
    scene.proxy.wait_reason("token-expired", 1);
    user.hears_no_iq();

    scene.proxy.reload();
    scene.round_trip(&mut user, &mut service);
}

case!(the_token_may_be_in_the_id: all);
fn the_token_may_be_in_the_id(kind: Kind) {
    let mut scene = Scene::with(kind, |settings| settings.component = "token-in = \"id\"".into());
    let (mut service, mut user) = (scene.service("a"), scene.user());
    user.ask(&format!("{}/res", scene.domain), "it's");
    let request = service.receive_request();
    assert_eq!(request.attr("from"), Some(format!("{}/{}", scene.domain, user.jid).as_str()));
    assert!(request.attr("id").unwrap().len() > 40);
    service.answer(&request, "");
    let reply = user.receive_reply("it's");
    assert_eq!(reply.attr("from"), Some(format!("{}/res", scene.domain).as_str()));

    // A change of the setting loses no reply: the token is looked for in both places.
    let lines = scene.proxy.log().len();
    scene.proxy.settings.component = String::new();
    reload(&scene, lines);
    service.answer(&request, "");
    user.receive_reply("it's");
    scene.round_trip(&mut user, &mut service);
}

/// SIGHUP with the changed settings; waits until the log has the result.
fn reload(scene: &Scene, lines_before: usize) {
    scene.proxy.rewrite();
    scene.proxy.signal(Signal::HUP);
    // "reloaded" or "not reloaded", after any warnings.
    scene.proxy.wait_until("the outcome of the reload", |it| {
        it.log()[lines_before..].iter().any(|line| line.contains("reloaded"))
    });
}

/// The id of the key that signed the token of this address.
pub fn key_id(encoded_from: &str) -> u8 {
    let token = encoded_from.split_once('/').unwrap().1.to_uppercase();
    data_encoding::BASE32_NOPAD.decode(token.as_bytes()).unwrap()[2]
}
