//! Services with more than one step, and a library's own answers, with slixmpp on two resources.

use std::collections::BTreeSet;

use test_support::interop::client::Client;
use test_support::interop::scene::Scene;
use test_support::interop::server::Kind;
use test_support::interop::stanza::Stanza;

use super::stage::{TwoWay, User, chat, face, scene, scene_with};
use crate::bot::Bot;

const USERS: usize = 20;

case!(a_command_of_two_steps_reaches_one_resource: both);
fn a_command_of_two_steps_reaches_one_resource(kind: Kind) {
    let scene = scene(kind);
    let _bots = two_bots(&scene);
    let outcomes: Vec<_> = (0..USERS).map(|_| two_steps(&scene, &mut User::new(&scene))).collect();
    let done: BTreeSet<_> = outcomes.iter().flatten().cloned().collect();
    println!("{kind}: sticky, {} of {USERS}", outcomes.iter().flatten().count());
    assert!(outcomes.iter().all(Option::is_some), "{outcomes:?}");
    // All users have the same one only once in half a million runs.
    assert_eq!(done, ["3 at a", "3 at b"].map(str::to_owned).into());
}

case!(dispatched_at_random_half_of_the_commands_fail: both);
fn dispatched_at_random_half_of_the_commands_fail(kind: Kind) {
    let scene = scene_with(kind, TwoWay { more: "dispatch = \"random\"", ..TwoWay::default() });
    let _bots = two_bots(&scene);
    let mut user = User::new(&scene);
    let outcomes: Vec<_> = (0..USERS).map(|_| two_steps(&scene, &mut user)).collect();
    let done = outcomes.iter().flatten().count();
    println!("{kind}: random, {done} of {USERS}");
    // All or none of them succeed only once in half a million runs.
    assert!((1..USERS).contains(&done), "{outcomes:?}");
}

case!(an_in_band_bytestream_reaches_one_resource: both);
fn an_in_band_bytestream_reaches_one_resource(kind: Kind) {
    let scene = scene(kind);
    let _bots = two_bots(&scene);
    let helper = face(&scene, "helper");
    for number in 0..USERS {
        let mut user = User::new(&scene);
        let sid = format!("s{number}");
        let set = |payload: String| format!("<iq type='set' id='i' to='{helper}'>{payload}</iq>");
        let ibb = format!("xmlns='http://jabber.org/protocol/ibb' sid='{sid}'");
        // "one ", "two ", "three"
        let data = ["b25lIA==", "dHdvIA==", "dGhyZWU="];
        let data = data.iter().enumerate();
        let data = data.map(|(seq, it)| format!("<data {ibb} seq='{seq}'>{it}</data>"));
        let open = format!("<open {ibb} block-size='4096' stanza='iq'/>");
        for payload in [open].into_iter().chain(data).chain([format!("<close {ibb}/>")]) {
            user.send(set(payload.clone()));
            let answer = user.answer_to("i");
            assert_eq!(answer.attr("type"), Some("result"), "{payload}: {answer:?}");
        }
        user.reads("one two three");
    }
}

case!(a_library_that_knows_nothing_of_mirrors_chats: both);
fn a_library_that_knows_nothing_of_mirrors_chats(kind: Kind) {
    let scene = scene(kind);
    let _bots = two_bots(&scene);
    let helper = face(&scene, "helper");
    let mut aliases = BTreeSet::new();
    for _ in 0..USERS {
        let mut user = User::new(&scene);
        user.send(chat("q", &helper, "hello"));
        let first = user.reads("re: hello").attr("from").unwrap().to_owned();
        assert!(first.starts_with(&format!("{helper}/")), "{first}");
        for to in [&first, &helper] {
            user.send(chat("q", to, "again"));
            assert_eq!(user.reads("re: again").attr("from"), Some(&*first));
        }
        aliases.insert(first);
    }
    assert_eq!(aliases.len(), 2, "one for each resource, the same for each user");
}

/// Two resources of the target that the proxy knows.
fn two_bots(scene: &Scene) -> [Bot; 2] {
    // The first login grants the subscription for the others.
    let granted: Client = scene.service("first");
    let bots = ["a", "b"].map(|resource| {
        let jid = format!("{}/{resource}", scene.target);
        let bot = Bot::start("steps.py", scene.server, &jid, &[]);
        bot.wait_report("ready");
        scene.proxy.wait_online(&[&jid]);
        bot
    });
    let first = granted.jid.clone();
    drop(granted);
    scene.proxy.wait_offline(&first);
    bots
}

/// The note of the last step, or `None` if the second step reached another resource.
fn two_steps(scene: &Scene, user: &mut User) -> Option<String> {
    let helper = face(scene, "helper");
    let step = |more: &str, payload: &str| {
        format!(
            "<iq type='set' id='s' to='{helper}'><command node='steps' {more} \
             xmlns='http://jabber.org/protocol/commands'>{payload}</command></iq>"
        )
    };
    user.send(step("action='execute'", ""));
    let first = user.answer_to("s");
    let command = |it: &Stanza, attribute: &str| {
        it.child("command").and_then(|it| it.attr(attribute)).map(str::to_owned)
    };
    assert_eq!(command(&first, "status").as_deref(), Some("executing"), "{first:?}");
    let session = command(&first, "sessionid").unwrap();
    user.send(step(
        &format!("sessionid='{session}' action='complete'"),
        "<x xmlns='jabber:x:data' type='submit'><field var='number'><value>3</value></field></x>",
    ));
    let second = user.answer_to("s");
    // slixmpp starts over if it does not know the session; others answer item-not-found.
    if command(&second, "status").as_deref() != Some("completed") {
        return None;
    }
    Some(second.child("command").unwrap().child("note").unwrap().text())
}
