//! Requests that the target sends, and their answers.

use test_support::interop::client::SILENCE;
use test_support::interop::server::Kind;
use test_support::interop::server::Software::Jabberd2;

use super::stage::{
    Listens, TwoWay, User, answer, ask, bare, condition, face, learn_alias, mirror, scene,
    scene_with,
};

case!(the_bot_asks_a_user: all);
fn the_bot_asks_a_user(kind: Kind) {
    let scene = scene(kind);
    let (mut service, mut user) = (scene.service("a"), User::new(&scene));
    for node in ["", "helper"] {
        let alias = learn_alias(&scene, &mut service, &mut user, node);
        let seen_as = mirror(&scene, &user.jid, node);
        for error in [false, true] {
            service.send(ask("v", &seen_as));
            let request = user.receive("the request", is_ask);
            assert_eq!(request.attr("from"), Some(&*alias));
            assert_eq!((request.attr("to"), request.attr("id")), (Some(&*user.jid), Some("v")));
            if error {
                user.send(format!(
                    "<iq type='error' id='v' to='{alias}'><error type='cancel'><conflict \
                     xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
                ));
                let reply = service.answer_to("v");
                assert_eq!(condition(&reply), "conflict");
            } else {
                answer(&mut user, &request);
                let reply = service.answer_to("v");
                assert_eq!(
                    (reply.attr("from"), reply.attr("type")),
                    (Some(&*seen_as), Some("result"))
                );
                assert!(reply.child("answer").is_some(), "{reply:?}");
            }
        }
    }
    // Both ways at a time, with the same id; another resource gets none of it.
    let alias = learn_alias(&scene, &mut service, &mut user, "helper");
    let mut sibling = scene.another("b");
    let seen_as = mirror(&scene, &user.jid, "helper");
    service.send(ask("same", &seen_as));
    user.send(ask("same", &alias));
    let (asked, request) = (user.receive("the request", is_ask), service.receive_request());
    answer(&mut user, &asked);
    answer(&mut service, &request);
    assert_eq!(service.answer_to("same").attr("from"), Some(&*seen_as));
    assert_eq!(user.answer_to("same").attr("from"), Some(&*alias));
    assert!(sibling.try_receive_where(SILENCE, |it| it.name == "iq").is_none());
}

// docs/servers.md#stranger
case!(a_users_server_answers_for_the_account: all);
fn a_users_server_answers_for_the_account(kind: Kind) {
    let scene = scene(kind);
    let mut service = scene.service("a");
    let mut user = User::new(&scene);
    user.send("<iq type='set' id='s'><vCard xmlns='vcard-temp'><FN>U. Ser</FN></vCard></iq>");
    user.answer_to("s");
    let account = mirror(&scene, bare(&user.jid), "helper");
    let mut asks = |payload: &str| {
        service.send(format!("<iq type='get' id='b' to='{account}'>{payload}</iq>"));
        let reply = service.answer_to("b");
        assert_eq!(reply.attr("from"), Some(&*account), "{reply:?}");
        reply.error().map(|it| it.0)
    };
    assert_eq!(asks("<vCard xmlns='vcard-temp'/>"), None);
    let (ping, disco) =
        ("<ping xmlns='urn:xmpp:ping'/>", "<query xmlns='http://jabber.org/protocol/disco#info'/>");
    let (given, not_given) = if kind.is(Jabberd2) { (disco, ping) } else { (ping, disco) };
    assert_eq!(asks(given), None);
    for refused in [
        not_given,
        "<query xmlns='urn:xmpp:mam:2'/>",
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:avatar:metadata'/></pubsub>",
    ] {
        assert!(asks(refused).is_some(), "what a stranger may not: {refused}");
    }
    // jabberd2 answers this with the sender's own roster.
    if !kind.is(Jabberd2) {
        assert!(asks("<query xmlns='jabber:iq:roster'/>").is_some());
    }
}

case!(an_answer_that_nobody_asked_for_is_dropped: all);
fn an_answer_that_nobody_asked_for_is_dropped(kind: Kind) {
    let scene = scene(kind);
    let (mut service, mut user) = (scene.service("a"), User::new(&scene));
    let mut mallory = User::new(&scene);
    let alias = learn_alias(&scene, &mut service, &mut user, "helper");
    service.send(ask("v", &mirror(&scene, &user.jid, "helper")));
    let request = user.receive("the request", is_ask);

    // Without the right alias nobody is reached.
    let forged = format!("{}a", &alias[..alias.len() - 1]);
    let forged = if forged == alias { format!("{}b", &alias[..alias.len() - 1]) } else { forged };
    mallory.send(format!("<iq type='result' id='v' to='{forged}'/>"));
    mallory.send(format!("<iq type='result' id='v' to='{}/x'/>", face(&scene, "helper")));
    scene.proxy.wait_reason("no-alias", 2);
    // With the right alias, the true sender is shown.
    mallory.send(format!("<iq type='result' id='v' to='{alias}'/>"));
    let it = service.answer_to("v");
    assert_eq!(it.attr("from"), Some(&*mirror(&scene, &mallory.jid, "helper")));
    answer(&mut user, &request);
    let it = service.answer_to("v");
    assert_eq!(it.attr("from"), Some(&*mirror(&scene, &user.jid, "helper")));
}

case!(without_requests_in_relay_the_bot_is_told: all);
fn without_requests_in_relay_the_bot_is_told(kind: Kind) {
    let relay = r#"["iq", "messages"]"#;
    let scene = scene_with(kind, TwoWay { relay, ..TwoWay::default() });
    let (mut service, mut user) = (scene.service("a"), User::new(&scene));
    learn_alias(&scene, &mut service, &mut user, "helper");
    service.send(ask("v", &mirror(&scene, &user.jid, "helper")));
    assert_eq!(condition(&service.answer_to("v")), "feature-not-implemented");
    let mut stranger = User::new(&scene);
    scene.round_trip(&mut stranger, &mut service);
}

fn is_ask(stanza: &test_support::interop::stanza::Stanza) -> bool {
    stanza.name == "iq" && stanza.child("ask").is_some()
}
