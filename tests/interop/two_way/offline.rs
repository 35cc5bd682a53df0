//! Messages to a bot that is offline, and to users who are offline or do not exist.

use test_support::interop::client::Client;
use test_support::interop::scene::Scene;
use test_support::interop::server::Kind;
use test_support::interop::server::Software::Ejabberd;

use super::stage::{
    Listens, TwoWay, User, chat, condition, face, learn_alias, mirror, passed, scene, scene_with,
};

case!(what_is_written_while_nobody_is_online_is_answered_later: all);
fn what_is_written_while_nobody_is_online_is_answered_later(kind: Kind) {
    let scene = account_scene(kind);
    let mut user = User::new(&scene);
    let (helper, seen_as) = (face(&scene, "helper"), mirror(&scene, &user.jid, "helper"));
    let alias = {
        let mut service = scene.service("a");
        learn_alias(&scene, &mut service, &mut user, "helper")
    };
    scene.proxy.wait_offline(&format!("{}/a", scene.target));
    user.send(chat("1", &helper, "first"));
    user.send(format!("<message id='2' to='{helper}'><body>second</body></message>"));
    // The alias names a resource that has left.
    user.send(chat("3", &alias, "third"));
    scene.proxy.wait_reason("to-account", 2);
    passed(&scene, &mut user);

    let mut service = Client::login(scene.server, &scene.target, "a");
    service.available("");
    for (id, text) in [("1", "first"), ("2", "second"), ("3", "third")] {
        let it = service.reads(text);
        assert_eq!((it.attr("from"), it.attr("id")), (Some(&*seen_as), Some(id)));
        assert!(it.child("delay").is_some(), "it was stored: {it:?}");
        service.send(chat(&format!("r{id}"), it.attr("from").unwrap(), &format!("re: {text}")));
        assert_eq!(user.reads(&format!("re: {text}")).attr("from"), Some(&*alias));
    }
    // It was offline until now.
    scene.proxy.wait_online(&[&service.jid]);
    user.send(super::stage::ask("v", &alias));
    let request = service.receive_request();
    super::stage::answer(&mut service, &request);
    assert_eq!(user.answer_to("v").attr("from"), Some(&*alias));
}

// docs/servers.md#not-stored
case!(what_is_stored_is_the_servers_choice: all);
fn what_is_stored_is_the_servers_choice(kind: Kind) {
    let scene = account_scene(kind);
    let mut user = User::new(&scene);
    let helper = face(&scene, "helper");
    drop(scene.service("a"));
    scene.proxy.wait_offline(&format!("{}/a", scene.target));
    let composing = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";
    let unstored = "<body>now or never</body><no-store xmlns='urn:xmpp:hints'/>";
    user.send(format!("<message type='headline' id='h' to='{helper}'><body>h</body></message>"));
    for (id, inside) in [("c", composing), ("n", unstored)] {
        user.send(format!("<message type='chat' id='{id}' to='{helper}'>{inside}</message>"));
        if kind.is(Ejabberd) {
            let told = user.answer_to(id);
            assert_eq!(condition(&told), "service-unavailable");
            assert_eq!(told.attr("from"), Some(&*helper), "the address that was written to");
        }
    }
    user.send(chat("last", &helper, "last"));
    passed(&scene, &mut user);
    let mut service = Client::login(scene.server, &scene.target, "a");
    service.available("");
    let mut stored = Vec::new();
    while stored.last().is_none_or(|id| id != "last") {
        let it = service.receive_where("what was stored", |it| {
            it.name == "message" && it.attr("from").is_some_and(|from| from.starts_with("user-"))
        });
        stored.push(it.attr("id").unwrap().to_owned());
    }
    assert_eq!(stored, if kind.is(Ejabberd) { vec!["last"] } else { vec!["c", "n", "last"] });
    user.hears_no("error", |it| it.attr("type") == Some("error"));
}

case!(a_user_who_is_away_gets_it_later: all);
fn a_user_who_is_away_gets_it_later(kind: Kind) {
    let scene = scene(kind);
    let mut service = scene.service("a");
    let account = scene.server.new_account("user");
    let seen_as = mirror(&scene, &account, "helper");
    service.send(chat("1", &seen_as, "are you there?"));
    // A request goes the same way, so its answer shows that the message has been there.
    service
        .send(format!("<iq type='get' id='p' to='{seen_as}'><ping xmlns='urn:xmpp:ping'/></iq>"));
    service.answer_to("p");
    let mut user = User::login(&scene, &account, "abc");
    let it = user.reads("are you there?");
    let alias = it.attr("from").unwrap().to_owned();
    assert!(alias.starts_with(&format!("{}/", face(&scene, "helper"))), "{alias}");
    user.send(chat("2", &alias, "now I am"));
    let it = service.reads("now I am");
    assert_eq!(it.attr("from"), Some(&*format!("{seen_as}/abc")));

    // To a resource that has left: the others get it.
    service.send(chat("3", &format!("{seen_as}/gone"), "who is there?"));
    assert_eq!(user.reads("who is there?").attr("from"), Some(&*alias));
}

case!(what_a_user_cannot_get_comes_back: both);
fn what_a_user_cannot_get_comes_back(kind: Kind) {
    let scene = scene(kind);
    let mut service = scene.service("a");
    let host = &scene.server.host;
    let mut user = User::new(&scene);
    let nobody = mirror(&scene, &format!("nobody@{host}"), "helper");
    let nowhere = mirror(&scene, "user@nowhere.example/r", "helper");
    let gone = mirror(&scene, &format!("{}-gone", user.jid), "helper");
    for (id, to) in [("1", &nobody), ("2", &nowhere)] {
        service.send(chat(id, to, "hello?"));
        let told = service.answer_to(id);
        assert_eq!(told.attr("from"), Some(&**to), "{told:?}");
        assert_eq!(told.attr("to"), Some(&*service.jid), "{told:?}");
        condition(&told);
    }
    for (id, to) in [("3", &nobody), ("4", &nowhere), ("5", &gone)] {
        service.send(super::stage::ask(id, to));
        let told = service.answer_to(id);
        assert_eq!(told.attr("from"), Some(&**to), "{told:?}");
        condition(&told);
    }
    // The bot still works.
    learn_alias(&scene, &mut service, &mut user, "helper");
    assert_eq!(scene.proxy.logins(), 1);
}

fn account_scene(kind: Kind) -> Scene {
    let more = "account-queries = [\"vcard-temp\"]";
    scene_with(kind, TwoWay { more, ..TwoWay::default() })
}
