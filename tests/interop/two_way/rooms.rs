//! The bot in a room, through the room's mirror; and as several senders there.

use std::collections::BTreeSet;

use test_support::interop::client::Client;
use test_support::interop::server::{Kind, ROOMS};
use test_support::interop::stanza::Stanza;

use super::stage::{
    Listens, User, answer, ask, bare, condition, face, is_presence, mirror, says, scene,
};

case!(the_bot_joins_a_room: both);
fn the_bot_joins_a_room(kind: Kind) {
    let scene = scene(kind);
    let (mut service, mut user) = (scene.service("a"), User::new(&scene));
    let room = open_room(&mut user, "bots");
    let here = mirror(&scene, &room, "helper");
    join(&mut service, &here, "bot");
    let seen = user.receive("the bot", |it| is_presence(it, None, &format!("{room}/bot")));
    // The owner of the room sees the bot's address.
    assert_eq!(bare(&occupant(&seen)), face(&scene, "helper"));

    // Messages to the room, both ways.
    user.send(format!("<message type='groupchat' id='1' to='{room}'><body>hello</body></message>"));
    let it = service.reads("hello");
    assert_eq!(
        (it.attr("from"), it.attr("type")),
        (Some(&*format!("{here}/owner")), Some("groupchat"))
    );
    service.send(format!("<message type='groupchat' id='2' to='{here}'><body>hi</body></message>"));
    assert_eq!(user.reads("hi").attr("from"), Some(&*format!("{room}/bot")));
    assert_eq!(service.reads("hi").attr("from"), Some(&*format!("{here}/bot")), "its own words");

    // Private messages.
    let x = "<x xmlns='http://jabber.org/protocol/muc#user'/>";
    user.send(format!(
        "<message type='chat' id='3' to='{room}/bot'><body>psst</body>{x}</message>"
    ));
    assert_eq!(service.reads("psst").attr("from"), Some(&*format!("{here}/owner")));
    service.send(format!(
        "<message type='chat' id='4' to='{here}/owner'><body>yes?</body>{x}</message>"
    ));
    assert_eq!(user.reads("yes?").attr("from"), Some(&*format!("{room}/bot")));

    // Requests through the room.
    user.send(ask("5", &format!("{room}/bot")));
    let request = service.receive_request();
    answer(&mut service, &request);
    assert_eq!(user.answer_to("5").attr("from"), Some(&*format!("{room}/bot")));
    service.send(ask("6", &format!("{here}/owner")));
    let request = user.receive("the bot's request", |it| it.child("ask").is_some());
    answer(&mut user, &request);
    assert_eq!(service.answer_to("6").attr("from"), Some(&*format!("{here}/owner")));
    // And to the room.
    service.send(format!(
        "<iq type='get' id='7' to='{here}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>"
    ));
    assert_eq!(service.answer_to("7").attr("type"), Some("result"));

    // It leaves when its connection breaks.
    drop(service);
    user.receive("its end", |it| is_presence(it, Some("unavailable"), &format!("{room}/bot")));
}

case!(a_room_that_refuses_says_so: both);
fn a_room_that_refuses_says_so(kind: Kind) {
    let scene = scene(kind);
    let (mut service, mut user) = (scene.service("a"), User::new(&scene));
    let room = open_room(&mut user, "taken");
    let here = mirror(&scene, &room, "helper");
    service.send(format!("<presence to='{here}/owner'>{MUC}</presence>"));
    let told = service.receive_where("the refusal", |it| it.attr("type") == Some("error"));
    assert_eq!(condition(&told), "conflict");
    assert_eq!(bare(told.attr("from").unwrap()), here);
    join(&mut service, &here, "bot");
    user.send(format!(
        "<iq type='set' id='kick' to='{room}'><query xmlns='http://jabber.org/protocol/muc#admin'>\
         <item nick='bot' role='none'/></query></iq>"
    ));
    service.presence(Some("unavailable"), &format!("{here}/bot"));
}

case!(one_client_is_three_occupants: both);
fn one_client_is_three_occupants(kind: Kind) {
    let scene = scene(kind);
    let (mut service, mut user) = (scene.service("a"), User::new(&scene));
    let room = open_room(&mut user, "faces");
    let mut addresses = BTreeSet::new();
    for node in ["alice", "bob", ""] {
        let nick = if node.is_empty() { "nobody" } else { node };
        join(&mut service, &mirror(&scene, &room, node), nick);
        let seen = user.receive(nick, |it| is_presence(it, None, &format!("{room}/{nick}")));
        let address = occupant(&seen);
        assert_eq!(bare(&address), face(&scene, node));
        let alias = address.split_once('/').unwrap().1.to_owned();
        assert!(addresses.insert(alias), "two faces cannot be told to be one client's");
    }
    user.send(format!("<message type='groupchat' id='1' to='{room}'><body>all</body></message>"));
    let mut heard = BTreeSet::new();
    for _ in 0..3 {
        heard.insert(service.reads("all").attr("from").unwrap().to_owned());
    }
    let all = ["alice", "bob", ""].map(|node| format!("{}/owner", mirror(&scene, &room, node)));
    assert_eq!(heard, BTreeSet::from(all));
    for (node, nick) in [("alice", "alice"), ("bob", "bob"), ("", "nobody")] {
        let to = mirror(&scene, &room, node);
        service.send(format!(
            "<message type='groupchat' id='2' to='{to}'><body>by {nick}</body></message>"
        ));
        let said = user.receive(nick, |it| says(it, &format!("by {nick}")));
        assert_eq!(said.attr("from"), Some(&*format!("{room}/{nick}")));
    }
    // One leaves, and the others stay; then the client does.
    service
        .send(format!("<presence type='unavailable' to='{}/bob'/>", mirror(&scene, &room, "bob")));
    user.receive("bob's end", |it| is_presence(it, Some("unavailable"), &format!("{room}/bob")));
    drop(service);
    let mut gone = BTreeSet::new();
    while gone.len() < 2 {
        let it = user.receive("the others' ends", |it| {
            it.name == "presence" && it.attr("type") == Some("unavailable")
        });
        gone.insert(it.attr("from").unwrap().to_owned());
    }
    assert_eq!(gone, BTreeSet::from(["alice", "nobody"].map(|nick| format!("{room}/{nick}"))));
}

/// A room of this user, who is in it as `owner`.
fn open_room(user: &mut User, name: &str) -> String {
    let node = user.jid.split('@').next().unwrap();
    let room = format!("{name}-{node}@{ROOMS}");
    user.send(format!("<presence to='{room}/owner'>{MUC}</presence>"));
    user.receive("the room", |it| is_presence(it, None, &format!("{room}/owner")));
    user.send(format!(
        "<iq type='set' id='open' to='{room}'><query xmlns='http://jabber.org/protocol/muc#owner'>\
         <x xmlns='jabber:x:data' type='submit'/></query></iq>"
    ));
    assert_eq!(user.answer_to("open").attr("type"), Some("result"));
    room
}

/// The real address of an occupant, as the room shows it.
fn occupant(presence: &Stanza) -> String {
    let mut items = presence.elements().filter_map(|it| it.child("item"));
    items.find_map(|it| it.attr("jid")).unwrap_or_else(|| panic!("{presence:?}")).to_owned()
}

fn join(service: &mut Client, room: &str, nick: &str) -> Stanza {
    service.send(format!("<presence to='{room}/{nick}'>{MUC}</presence>"));
    service.presence(None, &format!("{room}/{nick}"))
}

const MUC: &str = "<x xmlns='http://jabber.org/protocol/muc'/>";
