//! Presence: the bot's own roster decides who sees it.

use test_support::interop::client::{Client, SILENCE};
use test_support::interop::proxy::{key, name_key};
use test_support::interop::scene::Scene;
use test_support::interop::server::Kind;
use test_support::interop::server::Software::{Ejabberd, Jabberd2};
use test_support::interop::stanza::Stanza;

use super::stage::{
    Listens, TwoWay, User, bare, chat, face, is_presence, learn_alias, mirror, reload, scene,
};

case!(both_subscribe_and_see_each_other: all);
fn both_subscribe_and_see_each_other(kind: Kind) {
    let scene = scene(kind);
    let mut service = scene.service("a");
    service.fetch_roster();
    let mut user = User::new(&scene);
    let helper = face(&scene, "helper");
    let alias = befriend(&scene, &mut service, &mut user, "helper");
    assert_eq!(bare(&alias), helper);
    let seen_as = mirror(&scene, &user.jid, "helper");

    // A change of presence, with the elements that clients add.
    let caps = "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:bot' ver='v'/>";
    service.available(&format!("<show>dnd</show><status>busy</status>{caps}"));
    let it = user.receive("dnd", |it| it.child("show").is_some());
    assert_eq!(it.attr("from"), Some(&*alias));
    assert_eq!(it.child("c").unwrap().attr("ver"), Some("v"));
    assert_eq!(it.child("status").unwrap().text(), "busy");
    service.available("");
    user.available("<show>away</show>");
    service
        .receive_where("away", |it| is_presence(it, None, &seen_as) && it.child("show").is_some());

    // A second resource appears as another alias, and leaves alone.
    let mut b = scene.another("b");
    let other = user.receive("the other", |it| is_from(it, &helper, None, &alias));
    let other = other.attr("from").unwrap().to_owned();
    b.send("<presence type='unavailable'/>");
    user.receive("its end", |it| is_presence(it, Some("unavailable"), &other));

    // The user comes and goes.
    user.send("<presence type='unavailable'/>");
    service.presence(Some("unavailable"), &seen_as);
    user.available("");
    service.presence(None, &seen_as);
    // The user sees at once who is online.
    user.receive("the bot", |it| is_presence(it, None, &alias));

    // The bot comes and goes, without a notice.
    drop(service);
    user.receive("the end", |it| is_presence(it, Some("unavailable"), &alias));
    let mut service = Client::login(scene.server, &scene.target, "a");
    service.fetch_roster();
    service.available("");
    user.receive("the bot", |it| is_presence(it, None, &alias));
    service.presence(None, &seen_as);
}

// docs/servers.md#ends-silently, docs/servers.md#refusal-dropped
case!(who_unsubscribes_is_out_of_the_roster: all);
fn who_unsubscribes_is_out_of_the_roster(kind: Kind) {
    let scene = scene(kind);
    let mut service = scene.service("a");
    service.fetch_roster();
    let mut user = User::new(&scene);
    let (helper, account) = (face(&scene, "helper"), mirror(&scene, bare(&user.jid), "helper"));
    let alias = befriend(&scene, &mut service, &mut user, "helper");
    user.send(format!("<presence type='unsubscribe' to='{helper}'/>"));
    let (mut told, mut pushed) = (false, false);
    while !told || !pushed {
        let it = service.receive_where("the end and the roster", |it| {
            is_presence(it, Some("unsubscribe"), &account) || subscription(it, &account, "to")
        });
        *(if it.name == "iq" { &mut pushed } else { &mut told }) = true;
    }
    if kind.is(Ejabberd) {
        user.receive("the end", |it| is_presence(it, Some("unavailable"), &alias));
    }
    service.available("<show>dnd</show>");
    user.hears_no("presence", |it| it.child("show").is_some());

    // The bot can end it, too.
    service.send(format!("<presence type='unsubscribe' to='{account}'/>"));
    user.receive("the bot's word", |it| is_presence(it, Some("unsubscribe"), &helper));
    user.available("<show>away</show>");
    let seen = service.try_receive_where(SILENCE, |it| is_from(it, &account, None, ""));
    assert!(seen.is_none(), "{seen:?}");

    // And refuse a request.
    user.send(format!("<presence type='subscribe' to='{helper}'/>"));
    service.presence(Some("subscribe"), &account);
    service.send(format!("<presence type='unsubscribed' to='{account}'/>"));
    if kind.is(Jabberd2) {
        service.send(chat("last", &mirror(&scene, &user.jid, "helper"), "last"));
        user.reads("last");
        user.send("<iq type='get' id='contacts'><query xmlns='jabber:iq:roster'/></iq>");
        let contacts = user.answer_to("contacts");
        let item = contacts.child("query").unwrap().child("item").unwrap();
        assert_eq!((item.attr("jid"), item.attr("ask")), (Some(&*helper), Some("subscribe")));
    } else {
        user.receive("the refusal", |it| is_presence(it, Some("unsubscribed"), &helper));
    }
}

// docs/servers.md#nobody-online
case!(the_servers_answer_who_logs_in: all);
fn the_servers_answer_who_logs_in(kind: Kind) {
    let scene = scene(kind);
    let mut service = scene.service("a");
    service.fetch_roster();
    let account = scene.server.new_account("user");
    let mut user = User::login(&scene, &account, "abc");
    let (helper, seen_as) = (face(&scene, "helper"), mirror(&scene, &account, "helper"));
    let alias = befriend(&scene, &mut service, &mut user, "helper");
    let mut b = scene.another("b");
    b.fetch_roster();
    let other = user.receive("the other", |it| is_from(it, &helper, None, &alias));

    // A user who logs in sees every resource.
    let mut late = User::login(&scene, &account, "late");
    let mut seen = vec![alias.clone(), other.attr("from").unwrap().to_owned()];
    while !seen.is_empty() {
        let it = late.receive("the bot's resources", |it| is_from(it, &helper, None, ""));
        seen.retain(|alias| it.attr("from") != Some(alias));
    }
    // And is seen by the bot.
    service.presence(None, &format!("{seen_as}/late"));

    // A client that logs in sees every resource of the user.
    let mut c = scene.another("c");
    let mut seen = ["abc", "late"].map(|resource| format!("{seen_as}/{resource}")).to_vec();
    while !seen.is_empty() {
        let it = c.receive_where("the user", |it| is_from(it, &seen_as, None, ""));
        seen.retain(|resource| it.attr("from") != Some(resource));
    }

    // While nobody is online.
    for service in [&mut service, &mut b, &mut c] {
        service.send("<presence type='unavailable'/>");
    }
    scene.proxy.wait_offline(&c.jid);
    for _ in 0..3 {
        late.receive("the end", |it| is_from(it, &helper, Some("unavailable"), ""));
    }
    let mut last = User::login(&scene, &account, "last");
    if kind.is(Ejabberd) {
        last.hears_no("presence of the bot", |it| is_from(it, &helper, None, ""));
    } else {
        last.receive("the answer", |it| is_presence(it, Some("unavailable"), &helper));
    }
}

case!(a_stranger_sees_nothing: all);
fn a_stranger_sees_nothing(kind: Kind) {
    let scene = scene(kind);
    let mut service = scene.service("a");
    let mut user = User::new(&scene);
    let (helper, seen_as) = (face(&scene, "helper"), mirror(&scene, &user.jid, "helper"));
    user.send(format!("<presence type='probe' to='{helper}'/>"));
    user.hears_no("presence of the bot", |it| {
        it.attr("from").is_some_and(|from| from.starts_with(&helper)) && it.attr("type").is_none()
    });
    // Directed presence reaches the bot, and the bot can send it, too.
    user.send(format!("<presence to='{helper}'><status>hi</status></presence>"));
    service.presence(None, &seen_as);
    let alias = learn_alias(&scene, &mut service, &mut user, "helper");
    service.send(format!("<presence to='{seen_as}'><status>hello</status></presence>"));
    user.receive("the bot", |it| is_presence(it, None, &alias));
    drop(service);
    user.receive("the bot's end", |it| is_presence(it, Some("unavailable"), &alias));
    user.send("<presence type='unavailable'/>");
}

case!(after_a_kill_the_next_login_is_right: all);
fn after_a_kill_the_next_login_is_right(kind: Kind) {
    let mut scene = scene(kind);
    let mut service = scene.service("a");
    service.fetch_roster();
    let account = scene.server.new_account("user");
    let mut user = User::login(&scene, &account, "abc");
    let helper = face(&scene, "helper");
    let alias = befriend(&scene, &mut service, &mut user, "helper");
    scene.proxy.kill();
    // The user gets no notice.
    service.available("<show>xa</show>");
    user.send("<presence type='unavailable'/>");
    scene.proxy.restart();
    scene.proxy.wait_online(&[&service.jid]);
    let mut late = User::login(&scene, &account, "late");
    let it = late.receive("the bot", |it| is_from(it, &helper, None, ""));
    assert_eq!(it.attr("from"), Some(&*alias), "its name is still the same");
    assert_eq!(it.child("show").unwrap().text(), "xa");
    service.presence(None, &mirror(&scene, &late.jid, "helper"));
    // An upgrade in place makes no difference.
    scene.proxy.upgrade();
    service.available("<show>dnd</show>");
    let it = late.receive("dnd", |it| it.child("show").is_some_and(|it| it.text() == "dnd"));
    assert_eq!(it.attr("from"), Some(&*alias));
}

case!(the_end_is_told_under_every_name: all);
fn the_end_is_told_under_every_name(kind: Kind) {
    let mut scene = scene(kind);
    let mut service = scene.service("a");
    service.fetch_roster();
    let mut user = User::new(&scene);
    let old = befriend(&scene, &mut service, &mut user, "helper");
    // Another key makes names now.
    scene.proxy.settings.keys = key(1, 'A', None) + &name_key(2, 'M') + &name_key(1, 'N');
    scene.proxy.reload();
    service.available("<show>away</show>");
    let it = user.receive("away", |it| it.child("show").is_some());
    let new = it.attr("from").unwrap().to_owned();
    assert_ne!(new, old);
    drop(service);
    let mut ended = Vec::new();
    while ended.len() < 2 {
        let it = user.receive("the ends", |it| is_from(it, bare(&old), Some("unavailable"), ""));
        ended.push(it.attr("from").unwrap().to_owned());
    }
    ended.sort();
    let mut names = [old, new];
    names.sort();
    assert_eq!(ended, names);
}

case!(a_reduced_relay_leaves_nobody_online: all);
fn a_reduced_relay_leaves_nobody_online(kind: Kind) {
    let mut scene = scene(kind);
    let mut service = scene.service("a");
    service.fetch_roster();
    let account = scene.server.new_account("user");
    let mut user = User::login(&scene, &account, "abc");
    let helper = face(&scene, "helper");
    let alias = befriend(&scene, &mut service, &mut user, "helper");
    reload(&mut scene, TwoWay { relay: r#"["iq", "messages"]"#, ..TwoWay::default() });
    service.available("<show>dnd</show>");
    user.hears_no("presence", |it| it.child("show").is_some());
    service.send("<presence type='unavailable'/>");
    user.receive("the end", |it| is_presence(it, Some("unavailable"), &alias));
    service.available("");
    let mut late = User::login(&scene, &account, "late");
    late.receive("the answer", |it| is_presence(it, Some("unavailable"), &helper));
    late.send(format!("<presence type='subscribe' to='{helper}'/>"));
    late.receive("the refusal", |it| is_presence(it, Some("unsubscribed"), &helper));
}

case!(what_the_server_says_of_the_target_is_taken_out: both);
fn what_the_server_says_of_the_target_is_taken_out(kind: Kind) {
    let scene = scene(kind);
    // ejabberd writes the address as it was typed.
    let mut service = Client::login(scene.server, &scene.target.to_uppercase(), "A");
    service.fetch_roster();
    service.available("");
    test_support::interop::scene::accept_subscription(&mut service, &scene.domain);
    let account = scene.server.new_account("user");
    let mut user = User::login(&scene, &account, "abc");
    scene
        .proxy
        .wait_until("the resource", |it| it.status()["components"][0]["resources"][0].is_object());
    let helper = face(&scene, "helper");
    befriend(&scene, &mut service, &mut user, "helper");
    service.available("<status>since then</status>");
    // Each login gets the answer to a probe, with a `delay`.
    for resource in ["late", "later"] {
        let mut late = User::login(&scene, &account, resource);
        let it = late.receive("the bot", |it| is_from(it, &helper, None, ""));
        if let Some(delay) = it.child("delay") {
            assert!(delay.attr("stamp").is_some(), "{delay:?}");
            assert_eq!(delay.attr("from"), None, "{delay:?}");
        } else {
            println!("{kind}: no delay in the answer to a probe");
        }
    }
    service.send(chat("last", &mirror(&scene, &user.jid, "helper"), "last"));
    user.reads("last");
}

/// The user subscribes to this face, and the bot to the user; returns the alias that the user sees.
pub fn befriend(scene: &Scene, service: &mut Client, user: &mut User, node: &str) -> String {
    let (face, account) = (face(scene, node), mirror(scene, bare(&user.jid), node));
    user.send(format!("<presence type='subscribe' to='{face}'/>"));
    service.presence(Some("subscribe"), &account);
    service.send(format!("<presence type='subscribed' to='{account}'/>"));
    // Servers send both in any order.
    let (mut accepted, mut alias) = (false, None);
    while !accepted || alias.is_none() {
        let it = user.receive("the bot", |it| {
            it.name == "presence" && it.attr("from").is_some_and(|from| bare(from) == face)
        });
        match it.attr("type") {
            Some("subscribed") => accepted = true,
            None => alias = it.attr("from").map(str::to_owned),
            _ => {}
        }
    }
    service.send(format!("<presence type='subscribe' to='{account}'/>"));
    user.receive("the bot's request", |it| is_presence(it, Some("subscribe"), &face));
    user.send(format!("<presence type='subscribed' to='{face}'/>"));
    let (mut accepted, mut seen) = (false, false);
    while !accepted || !seen {
        let it = service.receive_where("the user", |it| {
            it.name == "presence" && it.attr("from").is_some_and(|from| bare(from) == account)
        });
        match it.attr("type") {
            Some("subscribed") => accepted = true,
            None => seen = true,
            _ => {}
        }
    }
    alias.unwrap()
}

/// Whether it is such presence from a resource of this face, other than `but`.
fn is_from(stanza: &Stanza, face: &str, type_: Option<&str>, but: &str) -> bool {
    stanza.name == "presence"
        && stanza.attr("type") == type_
        && stanza.attr("from").is_some_and(|it| {
            it != but && it.strip_prefix(face).is_some_and(|rest| rest.starts_with('/'))
        })
}

/// Whether this roster push gives this contact such a subscription.
fn subscription(stanza: &Stanza, contact: &str, value: &str) -> bool {
    stanza.child("query").and_then(|it| it.child("item")).is_some_and(|item| {
        item.attr("jid") == Some(contact) && item.attr("subscription") == Some(value)
    })
}
