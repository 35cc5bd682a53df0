//! XEP-0191: the user's server blocks a face, and the target's server a mirror.

use test_support::interop::client::{Client, SILENCE};
use test_support::interop::server::Kind;
use test_support::interop::server::Software::Ejabberd;

use super::stage::{
    Listens, User, ask, bare, chat, condition, face, flushed, learn_alias, mirror, scene,
};

// docs/servers.md#blocked
case!(a_user_blocks_the_bot: both);
fn a_user_blocks_the_bot(kind: Kind) {
    let scene = scene(kind);
    let (mut service, mut user) = (scene.service("a"), User::new(&scene));
    learn_alias(&scene, &mut service, &mut user, "helper");
    learn_alias(&scene, &mut service, &mut user, "alice");
    let seen_as = mirror(&scene, &user.jid, "helper");
    for (blocked, alice_passes) in [(face(&scene, "helper"), true), (scene.domain.clone(), false)] {
        block(&mut user, &blocked, "block");
        service.send(chat("m", &seen_as, "hello"));
        if kind.is(Ejabberd) {
            let told = service.answer_to("m");
            let wanted = ("service-unavailable".into(), Some(&*seen_as));
            assert_eq!((condition(&told), told.attr("from")), wanted);
        }
        service.send(ask("i", &seen_as));
        let told = service.answer_to("i");
        let wanted = ("service-unavailable".into(), Some(&*seen_as));
        assert_eq!((condition(&told), told.attr("from")), wanted);
        let alice = mirror(&scene, &user.jid, "alice");
        service.send(ask("a", &alice));
        if alice_passes {
            user.receive("alice's request", |it| it.attr("id") == Some("a"));
        } else {
            assert_eq!(condition(&service.answer_to("a")), "service-unavailable");
        }
        user.hears_no("word of the bot", |it| {
            it.attr("from").is_some_and(|from| from.contains(&face(&scene, "helper")))
        });
        block(&mut user, &blocked, "unblock");
        service.send(chat("m", &seen_as, "hello again"));
        user.reads("hello again");
    }
}

case!(the_bot_blocks_a_user: both);
fn the_bot_blocks_a_user(kind: Kind) {
    let scene = scene(kind);
    let (mut service, mut user) = (scene.service("a"), User::new(&scene));
    let mut other = User::new(&scene);
    learn_alias(&scene, &mut service, &mut user, "helper");
    let mirrored = mirror(&scene, bare(&user.jid), "helper");
    block(&mut service, &mirrored, "block");
    let helper = face(&scene, "helper");
    user.send(chat("m", &helper, "hello?"));
    if kind.is(Ejabberd) {
        let told = user.answer_to("m");
        assert_eq!(condition(&told), "service-unavailable");
        assert_eq!(bare(told.attr("from").unwrap()), helper);
    }
    user.send(ask("i", &helper));
    let told = user.answer_to("i");
    let wanted = ("service-unavailable".into(), Some(&*helper));
    assert_eq!((condition(&told), told.attr("from")), wanted);
    user.send(format!("<presence to='{helper}'><status>hello?</status></presence>"));
    let seen = service.try_receive_where(SILENCE, |it| {
        it.attr("from").is_some_and(|from| from.starts_with(&mirrored))
    });
    assert!(seen.is_none(), "{seen:?}");
    // Only this user is blocked, at this face.
    learn_alias(&scene, &mut service, &mut other, "helper");
    learn_alias(&scene, &mut service, &mut user, "alice");
    block(&mut service, &mirrored, "unblock");
    learn_alias(&scene, &mut service, &mut user, "helper");
    flushed(&scene, &mut service);
}

fn block(client: &mut Client, address: &str, what: &str) {
    client.send(format!(
        "<iq type='set' id='b'><{what} xmlns='urn:xmpp:blocking'><item jid='{address}'/></{what}></iq>"
    ));
    let answer = client.answer_to("b");
    assert_eq!(answer.attr("type"), Some("result"), "{answer:?}");
}
