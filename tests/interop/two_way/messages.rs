//! Messages of each type, both ways, with the elements of chats; and those that can't be relayed.

use test_support::interop::client::SILENCE;
use test_support::interop::server::{Kind, ROOMS};

use super::stage::{
    Listens, TwoWay, User, chat, condition, face, learn_alias, mirror, parsed, says, scene,
    scene_with,
};

case!(each_type_passes_both_ways: all);
fn each_type_passes_both_ways(kind: Kind) {
    let scene = scene(kind);
    let (mut service, mut user) = (scene.service("a"), User::new(&scene));
    for node in ["", "helper"] {
        let alias = learn_alias(&scene, &mut service, &mut user, node);
        let seen_as = mirror(&scene, &user.jid, node);
        for type_ in ["type='chat'", "type='normal'", "type='headline'", ""] {
            for id in ["id='q'", ""] {
                for to in [face(&scene, node), alias.clone()] {
                    let what = format!("{type_} {id} to {to}");
                    user.send(format!("<message {type_} {id} to='{to}'><body>in</body></message>"));
                    let it = service.reads("in");
                    assert_eq!(it.attr("from"), Some(&*seen_as), "{what}");
                    assert_eq!(it.attr("to"), Some(&*service.jid), "{what}");
                    assert_eq!(kind_of(&it), wanted(type_), "{what}");
                    assert_eq!(it.attr("id"), (!id.is_empty()).then_some("q"), "{what}");

                    service.send(format!(
                        "<message {type_} {id} to='{seen_as}'><body>out</body></message>"
                    ));
                    let it = user.reads("out");
                    assert_eq!(it.attr("from"), Some(&*alias), "the same each time: {what}");
                    assert_eq!(it.attr("to"), Some(&*user.jid), "{what}");
                    assert_eq!(kind_of(&it), wanted(type_), "{what}");
                    assert_eq!(it.attr("id"), (!id.is_empty()).then_some("q"), "{what}");
                }
            }
        }
    }
    assert_eq!(scene.proxy.logins(), 1);
}

case!(messages_of_rooms_and_errors_go_to_who_is_meant: all);
fn messages_of_rooms_and_errors_go_to_who_is_meant(kind: Kind) {
    let scene = scene(kind);
    let (mut service, mut user) = (scene.service("a"), User::new(&scene));
    let alias = learn_alias(&scene, &mut service, &mut user, "helper");
    let mut b = scene.another("b");
    let (helper, seen_as) = (face(&scene, "helper"), mirror(&scene, &user.jid, "helper"));
    let error = "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";

    // A room writes to its occupant, and to nobody else.
    user.send(format!("<message type='groupchat' id='g' to='{helper}'><body>g</body></message>"));
    let told = user.answer_to("g");
    assert_eq!(condition(&told), "service-unavailable");
    assert_eq!(told.attr("from"), Some(&*helper));
    user.send(format!("<message type='groupchat' id='g' to='{alias}'><body>g</body></message>"));
    let it = service.reads("g");
    assert_eq!((it.attr("type"), it.attr("from")), (Some("groupchat"), Some(&*seen_as)));

    // An error is for the resource whose message it answers.
    user.send(format!("<message type='error' id='e' to='{helper}'>{error}</message>"));
    scene.proxy.wait_reason("error-unrouted", 1);
    user.send(format!("<message type='error' id='e' to='{alias}'>{error}</message>"));
    let it = service.answer_to("e");
    assert_eq!((it.attr("from"), condition(&it)), (Some(&*seen_as), "gone".into()));

    for type_ in ["groupchat", "error"] {
        service
            .send(format!("<message type='{type_}' id='{type_}' to='{seen_as}'>{error}</message>"));
        let it = user.receive("it", |it| it.attr("id") == Some(type_));
        assert_eq!((it.attr("type"), it.attr("from")), (Some(type_), Some(&*alias)));
    }
    assert!(b.try_receive_where(SILENCE, |it| it.name == "message").is_none(), "none is for b");
}

case!(what_belongs_to_a_chat_passes: all);
fn what_belongs_to_a_chat_passes(kind: Kind) {
    let scene = scene(kind);
    let (mut service, mut user) = (scene.service("a"), User::new(&scene));
    learn_alias(&scene, &mut service, &mut user, "helper");
    let (helper, seen_as) = (face(&scene, "helper"), mirror(&scene, &user.jid, "helper"));
    for (number, inside) in EXTENSIONS.iter().enumerate() {
        let sent = parsed(inside);
        let id = format!("x{number}");
        let message = |to: &str| {
            format!("<message type='chat' id='{id}' xml:lang='de' to='{to}'>{inside}</message>")
        };
        user.send(message(&helper));
        let inward = service.receive_where(&id, |it| it.attr("id") == Some(&*id));
        service.send(message(&seen_as));
        let outward = user.receive(&id, |it| it.attr("id") == Some(&*id));
        for it in [&inward, &outward] {
            // Servers change their order, and add their own.
            for element in &sent {
                assert!(it.elements().any(|got| got == element), "{element:?} is not in {it:?}");
            }
            assert_eq!(it.attr_in(test_support::interop::stanza::XML, "lang"), Some("de"));
        }
    }
}

case!(all_clients_of_a_user_see_the_chat: both);
fn all_clients_of_a_user_see_the_chat(kind: Kind) {
    let scene = scene(kind);
    let mut service = scene.service("a");
    let account = scene.server.new_account("user");
    let mut user = User::login(&scene, &account, "abc");
    let mut other = User::login(&scene, &account, "other");
    let enable = "<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>";
    for user in [&mut user, &mut other] {
        user.send(enable);
        user.answer_to("c");
    }
    let alias = learn_alias(&scene, &mut service, &mut user, "helper");

    let copy = other.receive("a copy of what was sent", |it| it.child("sent").is_some());
    let copied = forwarded(&copy, "sent");
    assert_eq!(copied.attr("to"), Some(&*face(&scene, "helper")));
    let copy = other.receive("a copy of the answer", |it| it.child("received").is_some());
    let copied = forwarded(&copy, "received");
    assert_eq!(copied.attr("from"), Some(&*alias));
    assert_eq!(copied.attr("to"), Some(&*user.jid));

    let mut sibling = scene.another("b");
    sibling.send(enable);
    sibling.answer_to("c");
    service.send(chat("r", &mirror(&scene, &user.jid, "helper"), "one more"));
    user.reads("one more");
    let copy = sibling.receive_where("a copy of the answer", |it| it.child("sent").is_some());
    let copied = forwarded(&copy, "sent");
    assert_eq!(copied.attr("to"), Some(&*mirror(&scene, &user.jid, "helper")));
}

case!(archives_hold_the_chat_under_its_addresses: both);
fn archives_hold_the_chat_under_its_addresses(kind: Kind) {
    let scene = scene(kind);
    let (mut service, mut user) = (scene.service("a"), User::new(&scene));
    let alias = learn_alias(&scene, &mut service, &mut user, "helper");
    let query = |with: &str| {
        format!(
            "<iq type='set' id='mam'><query xmlns='urn:xmpp:mam:2'>\
             <x xmlns='jabber:x:data' type='submit'>\
             <field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field>\
             <field var='with'><value>{with}</value></field></x></query></iq>"
        )
    };
    user.send(query(&face(&scene, "helper")));
    for from in [user.jid.clone(), alias] {
        let it = user.receive("a message of the archive", |it| it.child("result").is_some());
        let forwarded = it.child("result").unwrap().child("forwarded").unwrap();
        assert_eq!(forwarded.child("message").unwrap().attr("from"), Some(&*from));
    }
    let seen_as = mirror(&scene, &user.jid, "helper");
    service.send(query(super::stage::bare(&seen_as)));
    for from in [&seen_as, &service.jid.clone()] {
        let it = service.receive_where("one of the archive", |it| it.child("result").is_some());
        let forwarded = it.child("result").unwrap().child("forwarded").unwrap();
        assert_eq!(forwarded.child("message").unwrap().attr("from"), Some(&**from));
    }
}

case!(the_account_can_get_all_messages: all);
fn the_account_can_get_all_messages(kind: Kind) {
    let two_way = TwoWay { more: "messages-to = \"account\"", ..TwoWay::default() };
    let scene = scene_with(kind, two_way);
    let mut service = scene.service("a");
    let mut b = scene.another("b");
    let mut user = User::new(&scene);
    user.send(chat("q", &face(&scene, "helper"), "to all"));
    let seen_as = mirror(&scene, &user.jid, "helper");
    for client in [&mut service, &mut b] {
        assert_eq!(client.reads("to all").attr("from"), Some(&*seen_as));
    }
    service.send(chat("r", &seen_as, "from a"));
    let alias = user.reads("from a").attr("from").unwrap().to_owned();
    user.send(chat("q", &alias, "to a"));
    service.reads("to a");
    user.send(chat("q", &face(&scene, "helper"), "to all again"));
    b.receive_where("the last", |it| {
        assert!(!says(it, "to a"), "it was for a alone");
        says(it, "to all again")
    });
}

case!(another_spelling_is_the_same_address: both);
fn another_spelling_is_the_same_address(kind: Kind) {
    let scene = scene(kind);
    let mut service = scene.service("a");
    let account = scene.server.new_account("user");
    let mut user = User::login(&scene, &account.to_uppercase(), "abc");
    let alias = learn_alias(&scene, &mut service, &mut user, "helper");
    let seen_as = mirror(&scene, &format!("{account}/abc"), "helper");
    let (node_and_domain, alias_alone) = alias.split_once('/').unwrap();
    for to in [face(&scene, "helper").to_uppercase(), alias.clone()] {
        user.send(chat("q", &to, "in"));
        assert_eq!(service.reads("in").attr("from"), Some(&*seen_as));
    }
    user.send(chat("q", &format!("{}/{alias_alone}", node_and_domain.to_uppercase()), "in"));
    service.reads("in");
    let (node, resource) = seen_as.rsplit_once('/').unwrap();
    service.send(chat("r", &format!("{}/{resource}", node.to_uppercase()), "out"));
    assert_eq!(user.reads("out").attr("from"), Some(&*alias));
}

case!(what_cannot_pass_is_answered: all);
fn what_cannot_pass_is_answered(kind: Kind) {
    let scene = scene(kind);
    let (mut service, mut user) = (scene.service("a"), User::new(&scene));
    let ours = scene.domain.clone();
    let cases = [
        (face(&scene, "helper"), "not-allowed", "own-face"),
        (ours.clone(), "not-allowed", "own-face"),
        (mirror(&scene, &service.jid, ""), "not-allowed", "own-mirror"),
        (mirror(&scene, &format!("x@{ours}"), ""), "not-allowed", "own-mirror"),
        (mirror(&scene, &user.jid, "nobody"), "item-not-found", "no-such-face"),
    ];
    for (number, (to, expected, reason)) in cases.iter().enumerate() {
        let (id, before) = (format!("m{number}"), scene.proxy.reason(reason));
        service.send(chat(&id, to, "?"));
        let told = service.answer_to(&id);
        assert_eq!((condition(&told), told.attr("from")), ((*expected).into(), Some(&**to)));
        assert_eq!(scene.proxy.reason(reason), before + 1, "{to}");
    }
    let cases = [
        (format!(r"{}\40{ROOMS}@{ours}", "victim"), "face-reserved"),
        (face(&scene, "nobody"), "no-such-face"),
    ];
    for (number, (to, reason)) in cases.iter().enumerate() {
        for stanza in
            [chat(&format!("u{number}"), to, "?"), super::stage::ask(&format!("u{number}"), to)]
        {
            user.send(stanza);
            let told = user.answer_to(&format!("u{number}"));
            assert_eq!(
                (condition(&told), told.attr("from")),
                ("item-not-found".into(), Some(&**to))
            );
        }
        scene.proxy.wait_reason(reason, 2);
    }
    assert_eq!(scene.proxy.logins(), 1);
}

/// The type of a message; without one it is `normal`, which ejabberd adds.
fn kind_of(stanza: &test_support::interop::stanza::Stanza) -> &str {
    stanza.attr("type").unwrap_or("normal")
}

fn wanted(type_: &str) -> &str {
    if type_.is_empty() { "normal" } else { type_.split('\'').nth(1).unwrap() }
}

fn forwarded<'a>(
    copy: &'a test_support::interop::stanza::Stanza,
    direction: &str,
) -> &'a test_support::interop::stanza::Element {
    copy.child(direction).and_then(|it| it.child("forwarded")?.child("message")).unwrap()
}

const EXTENSIONS: [&str; 7] = [
    "<body>read?</body><request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/>",
    "<received xmlns='urn:xmpp:receipts' id='x0'/>",
    "<displayed xmlns='urn:xmpp:chat-markers:0' id='x0'/>",
    "<composing xmlns='http://jabber.org/protocol/chatstates'/>",
    "<body>1</body><thread parent='e0'>e1</thread><subject>s</subject>\
     <origin-id xmlns='urn:xmpp:sid:0' id='o'/><active xmlns='http://jabber.org/protocol/chatstates'/>",
    "<body>2</body><replace xmlns='urn:xmpp:message-correct:0' id='x4'/>\
     <occupant-id xmlns='urn:xmpp:occupant-id:0' id='someone'/>\
     <stanza-id xmlns='urn:xmpp:sid:0' id='s' by='room@elsewhere.example'/>",
    "<body>3</body><addresses xmlns='http://jabber.org/protocol/address'>\
     <address type='ofrom' jid='a@elsewhere.example'/></addresses>\
     <html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>\
     <p>3</p></body></html>",
];
