//! ejabberd's `mod_block_strangers`: what passes to the target, and to users.

use test_support::interop::scene::Scene;
use test_support::interop::server::{Each, Kind, Server, with_modules_for_people};

use super::presence::befriend;
use super::stage::{
    Listens, TwoWay, User, answer, ask, chat, condition, face, learn_alias, mirror,
};

// docs/servers.md#strangers
case!(users_write_to_an_account_that_takes_contacts_only: ejabberd);
fn users_write_to_an_account_that_takes_contacts_only(kind: Kind) {
    static ALL: Each<Server> = Each::new(|kind| filtering(kind, "{}"));
    let scene = scene(ALL.of(kind));
    let mut service = scene.service("a");
    service.fetch_roster();
    let mut user = User::new(&scene);
    let (helper, seen_as) = (face(&scene, "helper"), mirror(&scene, &user.jid, "helper"));
    // The component's domain is a contact, which is enough for all mirrors.
    user.send(chat("in", &helper, "hello"));
    assert_eq!(service.reads("hello").attr("from"), Some(&*seen_as));
    // The user's account accepts no message from the face, though the user has written to it.
    service.send(chat("out", &seen_as, "hello to you"));
    let told = service.answer_to("out");
    assert_eq!(told.attr("from"), Some(&*seen_as));
    assert_eq!(condition(&told), "policy-violation");
    // Requests pass, both ways.
    service.send(ask("i", &seen_as));
    let request = user.receive("the request", |it| it.child("ask").is_some());
    answer(&mut user, &request);
    assert_eq!(service.answer_to("i").attr("type"), Some("result"));
    user.send(ask("j", &helper));
    let request = service.receive_request();
    answer(&mut service, &request);
    assert_eq!(user.answer_to("j").attr("type"), Some("result"));
    // So does presence, which makes the face a contact.
    befriend(&scene, &mut service, &mut user, "helper");
    learn_alias(&scene, &mut service, &mut user, "helper");
}

// docs/servers.md#strangers
case!(without_transports_only_contacts_write: ejabberd);
fn without_transports_only_contacts_write(kind: Kind) {
    static ALL: Each<Server> = Each::new(|kind| filtering(kind, "\n    allow_transports: false"));
    let scene = scene(ALL.of(kind));
    let mut service = scene.service("a");
    service.fetch_roster();
    let mut user = User::new(&scene);
    let helper = face(&scene, "helper");
    user.send(chat("in", &helper, "hello"));
    let told = user.answer_to("in");
    assert_eq!(condition(&told), "policy-violation");
    assert_eq!(super::stage::bare(told.attr("from").unwrap()), helper);
    befriend(&scene, &mut service, &mut user, "helper");
    learn_alias(&scene, &mut service, &mut user, "helper");
}

fn scene(server: &'static Server) -> Scene {
    Scene::on(server, |settings| TwoWay::default().apply(settings))
}

fn filtering(kind: Kind, options: &str) -> Server {
    Server::start_changed(kind, |text| {
        let text = with_modules_for_people(kind, text);
        format!("{text}  mod_block_strangers: {options}\n")
    })
}
