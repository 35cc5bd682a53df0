//! A limit for each asker, as users meet it.

use test_support::interop::client::{Client, is_reply};
use test_support::interop::scene::Scene;
use test_support::interop::server::Kind;

use crate::bot::Bot;

const STRICT: &str = "limit = \"1/h\"\nlimit-burst = 5";

fn limited(kind: Kind) -> Scene {
    Scene::with(kind, |settings| settings.component = STRICT.into())
}

case!(one_user_floods_and_another_is_served: both);
fn one_user_floods_and_another_is_served(kind: Kind) {
    const MANY: usize = 60;
    let mut scene = limited(kind);
    let (mut service, mut user, mut other) = (scene.service("a"), scene.user(), scene.user());
    let ask = |n: usize| {
        let domain = &scene.domain;
        format!("<iq type='get' id='f{n}' to='{domain}'><ping xmlns='urn:xmpp:ping'/></iq>")
    };
    user.send((0..MANY).map(ask).collect::<String>());
    for _ in 0..5 {
        let request = service.receive_request();
        service.answer(&request, "");
    }
    scene.round_trip(&mut other, &mut service);
    let mut results = 0;
    for _ in 0..MANY {
        // Errors overtake results.
        let reply = user.receive_where("a reply", is_reply);
        match reply.error() {
            None => results += 1,
            Some((condition, _)) => {
                assert_eq!(condition, "policy-violation");
                assert_eq!(reply.child("error").unwrap().attr("type"), Some("wait"));
            }
        }
    }
    assert_eq!(results, 5);
    assert_eq!(scene.proxy.reason("over-rate"), MANY as u64 - 5);
    assert!(scene.proxy.cli(&["status"]).contains("limit         1/h for each asker, 5 at once"));

    // Another resource is the same asker.
    let bare = user.jid.split_once('/').unwrap().0.to_owned();
    let mut elsewhere = Client::login(scene.server, &bare, "elsewhere");
    elsewhere.ask(&scene.domain, "e");
    assert_eq!(elsewhere.receive_reply("e").error().expect("an error").0, "policy-violation");
    scene.round_trip(&mut other, &mut service);

    // A message gets the error too; then a reload lifts the limit.
    user.send(format!("<message id='m' to='{}'><body>hi</body></message>", scene.domain));
    let error = user.receive_where("an error", |it| it.name == "message");
    assert_eq!(error.child("error").unwrap().attr("type"), Some("wait"));
    scene.proxy.settings.component = "limit = \"1/h\"\nlimit-burst = 6".into();
    scene.proxy.reload();
    scene.round_trip(&mut user, &mut service);
}

case!(slixmpp_gets_the_error_to_wait: both);
fn slixmpp_gets_the_error_to_wait(kind: Kind) {
    let scene = limited(kind);
    let jid = format!("{}/a", scene.target);
    let service = Bot::start("service.py", scene.server, &jid, &[]);
    service.wait_report("ready");
    scene.proxy.wait_online(&[&jid]);
    let account = format!("{}/abc", scene.server.new_account("user"));
    let user = Bot::start("flood.py", scene.server, &account, &[&scene.domain, "7"]);
    (0..5).for_each(|_| drop(user.report("served")));
    for _ in 0..2 {
        let refused = user.report("refused");
        assert!(refused["error"].as_str().unwrap().contains("<policy-violation"), "{refused}");
        assert_eq!(refused["type"], "wait", "{refused}");
        assert!(refused["text"].as_str().unwrap().ends_with("try again later."), "{refused}");
    }
}
