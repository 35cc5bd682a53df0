//! Who may write to whom first; and changes of that, or of a name key, after which stanzas from before
//! can still be answered.

use test_support::interop::client::Client;
use test_support::interop::proxy::{key, name_key};
use test_support::interop::scene::Scene;
use test_support::interop::server::{HOST, Kind};
use test_support::interop::stanza::Stanza;

use super::stage::{
    Listens, TwoWay, User, answer, ask, bare, chat, condition, face, is_presence, learn_alias,
    mirror, reload, scene, scene_with,
};

const NOBODY: TwoWay = TwoWay {
    relay: r#"["iq", "messages", "requests", "presence"]"#,
    faces: r#"["helper", "alice", "bob"]"#,
    allow_from: r#"["*"]"#,
    initiate: "[]",
    more: "",
};

case!(who_wrote_first_can_be_answered_for_ever: both);
fn who_wrote_first_can_be_answered_for_ever(kind: Kind) {
    let scene = scene_with(kind, NOBODY);
    let mut service = scene.service("a");
    service.fetch_roster();
    let (mut user, mut silent) = (User::new(&scene), User::new(&scene));
    // No clear mirror can be written to.
    for user in [&user, &silent] {
        let clear = mirror(&scene, &user.jid, "helper");
        for stanza in [chat("m", &clear, "hello"), ask("m", &clear)] {
            service.send(stanza);
            let told = service.answer_to("m");
            assert_eq!((condition(&told), told.attr("from")), ("forbidden".into(), Some(&*clear)));
            assert!(told.error().unwrap().1.contains("initiate"), "names the key: {told:?}");
        }
        service.send(format!("<presence type='subscribe' to='{}'/>", bare(&clear)));
        service.presence(Some("unsubscribed"), bare(&clear));
    }
    assert_eq!(scene.proxy.reason("not-initiated"), 6);

    user.send(chat("q", &face(&scene, "helper"), "hello"));
    let signed = service.reads("hello").attr("from").unwrap().to_owned();
    // Its form is as specified.
    let (node, rest) = signed.split_once('@').unwrap();
    let clear = mirror(&scene, &user.jid, "helper");
    let mac = node.strip_prefix(&format!(r"{}\2f", clear.split_once('@').unwrap().0)).unwrap();
    assert_eq!(mac.len(), 16, "{signed}");
    for to in [signed.as_str(), bare(&signed)] {
        service.send(chat("r", to, "and you"));
        user.reads("and you");
        service.send(ask("v", to));
        if to == signed {
            let request = user.receive("the request", |it| it.child("ask").is_some());
            answer(&mut user, &request);
        }
        // The user's server answers for the account, with an error.
        assert_eq!(service.answer_to("v").attr("from"), Some(to));
    }
    service.send(format!("<presence type='subscribe' to='{}'/>", bare(&signed)));
    let helper = face(&scene, "helper");
    user.receive("the bot's request", |it| is_presence(it, Some("subscribe"), &helper));

    // It is valid for this user and this face only.
    let other = mirror(&scene, &silent.jid, "helper").replacen('@', &format!(r"\2f{mac}@"), 1);
    let forged = format!("{}{}@{rest}", &node[..node.len() - 1], changed(node));
    let another_face = signed.replacen("helper", "alice", 1);
    for to in [&other, &forged, &another_face] {
        service.send(chat("f", to, "hello"));
        let told = service.answer_to("f");
        assert_eq!((condition(&told), told.attr("from")), ("forbidden".into(), Some(&**to)));
    }
    assert_eq!(scene.proxy.reason("mirror-signature"), 3);
    silent.hears_no("message", |it| it.name == "message");
}

case!(a_wider_initiate_breaks_no_answer: all);
fn a_wider_initiate_breaks_no_answer(kind: Kind) {
    let mut scene = scene_with(kind, NOBODY);
    let (mut service, mut user) = (scene.service("a"), User::new(&scene));
    let before = Before::new(&scene, &mut service, &mut user);
    reload(&mut scene, TwoWay { initiate: r#"["host.example"]"#, ..NOBODY });
    before.is_answered(&mut service, &mut user);
    let clear = mirror(&scene, &user.jid, "helper");
    service.send(chat("now", &clear, "in clear"));
    user.reads("in clear");
    user.send(chat("now", &face(&scene, "helper"), "again"));
    assert_eq!(service.reads("again").attr("from"), Some(&*clear));
}

// Anybody could have composed a clear mirror, so messages to it are refused.
case!(a_narrower_initiate_breaks_no_reply: all);
fn a_narrower_initiate_breaks_no_reply(kind: Kind) {
    let mut scene = scene(kind);
    let (mut service, mut user) = (scene.service("a"), User::new(&scene));
    let before = Before::new(&scene, &mut service, &mut user);
    reload(&mut scene, NOBODY);
    before.requests_are_answered(&mut service, &mut user);
    service.send(chat("r", before.message.attr("from").unwrap(), "too late"));
    assert_eq!(condition(&service.answer_to("r")), "forbidden");
    // A user who writes again can be answered.
    let after = Before::new(&scene, &mut service, &mut user);
    after.is_answered(&mut service, &mut user);
    assert_ne!(after.message.attr("from"), before.message.attr("from"));
}

case!(a_change_of_allow_from_breaks_no_answer: all);
fn a_change_of_allow_from_breaks_no_answer(kind: Kind) {
    let mut scene = scene_with(kind, NOBODY);
    let (mut service, mut user) = (scene.service("a"), User::new(&scene));
    service.fetch_roster();
    let before = Before::new(&scene, &mut service, &mut user);
    let mut user = refused(&mut scene, &mut service, user, r#"["elsewhere.example"]"#, "");
    before.is_answered(&mut service, &mut user);
    reload(&mut scene, TwoWay { allow_from: r#"["host.example"]"#, ..NOBODY });
    learn_alias(&scene, &mut service, &mut user, "helper");
}

case!(a_change_of_deny_from_breaks_no_answer: all);
fn a_change_of_deny_from_breaks_no_answer(kind: Kind) {
    let mut scene = scene_with(kind, NOBODY);
    let (mut service, mut user) = (scene.service("a"), User::new(&scene));
    service.fetch_roster();
    let before = Before::new(&scene, &mut service, &mut user);
    let denied: &'static str = format!("deny-from = [\"{}\"]", bare(&user.jid)).leak();
    let mut user = refused(&mut scene, &mut service, user, r#"["*"]"#, denied);
    before.is_answered(&mut service, &mut user);
    let mut other = User::new(&scene);
    learn_alias(&scene, &mut service, &mut other, "helper");
}

case!(a_face_that_is_taken_away_breaks_no_reply: all);
fn a_face_that_is_taken_away_breaks_no_reply(kind: Kind) {
    let mut scene = scene(kind);
    let (mut service, mut user) = (scene.service("a"), User::new(&scene));
    let before = Before::new(&scene, &mut service, &mut user);
    reload(&mut scene, TwoWay { faces: r#"["alice"]"#, ..TwoWay::default() });
    answer(&mut service, &before.request);
    let reply = user.answer_to("its");
    assert_eq!(reply.attr("from"), Some(&*face(&scene, "helper")));
    user.send(chat("m", &face(&scene, "helper"), "gone?"));
    assert_eq!(condition(&user.answer_to("m")), "item-not-found");
    learn_alias(&scene, &mut service, &mut user, "alice");
    reload(&mut scene, TwoWay { faces: r#"["*"]"#, ..TwoWay::default() });
    before.is_answered(&mut service, &mut user);
    learn_alias(&scene, &mut service, &mut user, "anybody");
}

case!(another_name_key_breaks_no_answer: all);
fn another_name_key_breaks_no_answer(kind: Kind) {
    let mut scene = scene_with(kind, NOBODY);
    let (mut service, mut user) = (scene.service("a"), User::new(&scene));
    let before = Before::new(&scene, &mut service, &mut user);
    let alias = learn_alias(&scene, &mut service, &mut user, "helper");

    // Appended, it only opens names.
    scene.proxy.settings.keys = key(1, 'A', None) + &name_key(1, 'N') + &name_key(2, 'M');
    scene.proxy.reload();
    before.is_answered(&mut service, &mut user);
    assert_eq!(learn_alias(&scene, &mut service, &mut user, "helper"), alias);

    // As the first key it makes them, and the old one still opens its own.
    let before = Before::new(&scene, &mut service, &mut user);
    scene.proxy.settings.keys = key(1, 'A', None) + &name_key(2, 'M') + &name_key(1, 'N');
    scene.proxy.reload();
    before.is_answered(&mut service, &mut user);
    let new_alias = learn_alias(&scene, &mut service, &mut user, "helper");
    assert_ne!(new_alias, alias);
    for to in [&alias, &new_alias] {
        user.send(chat("to", to, to));
        service.reads(to);
    }
    // A request can't be answered from the address that it was sent to, since the user has a new one.
    let old = before.message.attr("from").unwrap();
    service.send(ask("v", old));
    let told = service.answer_to("v");
    assert_eq!((condition(&told), told.attr("from")), ("gone".into(), Some(old)));
    user.send(chat("q", &face(&scene, "helper"), "by what name?"));
    let new = service.reads("by what name?").attr("from").unwrap().to_owned();
    assert!(told.error().unwrap().1.contains(bare(&new)), "{told:?} names {new}");

    // Removed, it opens nothing.
    let mut sibling = scene.another("b");
    scene.proxy.settings.keys = key(1, 'A', None) + &name_key(2, 'M');
    scene.proxy.reload();
    service.send(chat("r", old, "too late"));
    assert_eq!(condition(&service.answer_to("r")), "forbidden");
    user.send(chat("last", &alias, "to one of you"));
    let fits = |it: &Stanza| super::stage::says(it, "to one of you");
    let mut got = [&mut service, &mut sibling]
        .map(|it| it.try_receive_where(test_support::interop::client::SILENCE, fits).is_some());
    if got == [false, false] {
        got[0] = service.try_receive_where(test_support::wait::PATIENCE, fits).is_some();
    }
    assert_eq!(got.iter().filter(|it| **it).count(), 1, "dispatched as if there were no alias");
    assert_eq!(scene.proxy.logins(), 1);
}

/// What was relayed before a change: a message and a request of the user, and one of the bot.
struct Before {
    message: Stanza,
    request: Stanza,
    asked: Stanza,
    /// The mirror, and the alias.
    seen_as: String,
    alias: String,
}

impl Before {
    fn new(scene: &Scene, service: &mut Client, user: &mut User) -> Before {
        let helper = face(scene, "helper");
        user.send(chat("m", &helper, "before"));
        let message = service.reads("before");
        user.send(ask("its", &helper));
        let request = service.receive_request();
        let seen_as = message.attr("from").unwrap().to_owned();
        service.send(ask("ours", &seen_as));
        let asked = user.receive("the bot's request", |it| it.child("ask").is_some());
        let alias = asked.attr("from").unwrap().to_owned();
        Before { message, request, asked, seen_as, alias }
    }

    fn is_answered(&self, service: &mut Client, user: &mut User) {
        service.send(chat("after", &self.seen_as, "after"));
        let it = user.reads("after");
        assert_eq!(bare(it.attr("from").unwrap()), bare(&self.alias));
        user.send(chat("error", &self.alias, "x").replacen("chat", "error", 1));
        self.requests_are_answered(service, user);
    }

    fn requests_are_answered(&self, service: &mut Client, user: &mut User) {
        answer(service, &self.request);
        let reply = user.answer_to("its");
        assert_eq!(
            (reply.attr("type"), reply.attr("from")),
            (Some("result"), Some(bare(&self.alias)))
        );
        answer(user, &self.asked);
        let reply = service.answer_to("ours");
        assert_eq!(reply.attr("type"), Some("result"));
        assert_eq!(reply.attr("to"), Some(&*service.jid));
    }
}

/// The user may not write any more, and gets an error.
fn refused(
    scene: &mut Scene,
    service: &mut Client,
    mut user: User,
    allow_from: &'static str,
    more: &'static str,
) -> User {
    reload(scene, TwoWay { allow_from, more, ..NOBODY });
    let helper = face(scene, "helper");
    for stanza in [chat("no", &helper, "no"), ask("no", &helper)] {
        user.send(stanza);
        let told = user.answer_to("no");
        assert_eq!((condition(&told), told.attr("from")), ("forbidden".into(), Some(&*helper)));
    }
    user.send(format!("<presence type='subscribe' to='{helper}'/>"));
    scene.proxy.wait_reason("forbidden", 3);
    // The bot did not get it.
    service.send("<iq type='get' id='after'><query xmlns='jabber:iq:roster'/></iq>");
    let roster = service.receive_where("the roster", |it| {
        assert!(it.name != "message" && it.attr("type") != Some("subscribe"), "{it:?}");
        it.attr("id") == Some("after")
    });
    let text = String::from_utf8_lossy(&roster.bytes).into_owned();
    assert!(!text.contains(bare(&user.jid).split('@').next().unwrap()), "{text}");
    assert_eq!(scene.server.host, HOST);
    user
}

/// Another last character of the same alphabet.
fn changed(node: &str) -> char {
    if node.ends_with('a') { 'b' } else { 'a' }
}
