//! A person's client, Profanity, as a user of the bot, and as the bot itself.

use test_support::interop::scene::Scene;
use test_support::interop::server::{Kind, PASSWORD, fresh_folder};
use test_support::pages::block;

use super::stage::{
    Listens, TwoWay, User, bare, chat, face, is_presence, learn_alias, mirror, reload, says,
    scene_with,
};
use crate::screen::Screen;

case!(a_person_chats_with_the_bot_in_one_window: both);
fn a_person_chats_with_the_bot_in_one_window(kind: Kind) {
    let scene = scene_with(kind, NOBODY_FIRST);
    let mut service = scene.service("a");
    service.fetch_roster();
    let helper = face(&scene, "helper");
    // Another user finds out the alias, which is the same for all.
    let mut other = User::new(&scene);
    let alias = learn_alias(&scene, &mut service, &mut other, "helper");

    let account = scene.server.new_account("person");
    let mut person = person(&scene, &account, "abc");
    person.enter(&format!("/msg {helper} hello there"));
    is_in_window(&person, &helper, "offline");
    let seen_as = service.reads("hello there").attr("from").unwrap().to_owned();
    assert!(seen_as.starts_with(&signed_mirror(&account)), "{seen_as}");
    service.send(chat("1", &seen_as, "and you"));
    person.shows(&[&format!(" - {alias}: and you")]);
    person.enter("how are you");
    let from = service.reads("how are you").attr("from").unwrap().to_owned();
    assert_eq!(from, seen_as);
    service.send(chat("2", &from, "never better"));
    person.shows(&[&format!(" - {alias}: never better")]);

    // The bot becomes a contact, and is shown online.
    person.enter("/sub request");
    service.presence(Some("subscribe"), bare(&seen_as));
    service.send(format!("<presence type='subscribed' to='{}'/>", bare(&seen_as)));
    is_in_window(&person, &helper, "online");
    is_as_printed(
        &person,
        "As a user",
        &[
            ("helper@proxy.domain.example/aebaco6hwk2bgnda3miexornwthz7oj7", &alias),
            ("helper@proxy.domain.example", &helper),
        ],
    );
    service.available("<show>dnd</show>");
    is_in_window(&person, &helper, "dnd");
    service.send("<presence type='unavailable'/>");
    is_in_window(&person, &helper, "offline");
    service.available("");
    is_in_window(&person, &helper, "online");
    service.send(chat("3", bare(&seen_as), "are you there"));
    person.shows(&[&format!(" - {alias}: are you there")]);
    person.enter("/resource message off");
    person.enter("that is done");
    service.reads("that is done");
    service.send(chat("4", bare(&seen_as), "without the alias"));
    person.shows(&[&format!(" - {helper}: without the alias")]);
    // The console, which is always there, and this chat.
    let lines = person.lines();
    assert!(lines.iter().any(|line| line.ends_with("[1]-2-")), "{lines:#?}");
    person.enter("/win 1");
    person.shows(&[&format!("{helper} ({}) is online", resource(&alias))]);
    let node = bare(&service.jid).split('@').next().unwrap();
    for shown in [lines, person.lines()] {
        assert!(!shown.concat().contains(node), "the target's address: {shown:#?}");
    }
}

case!(a_person_answers_as_the_bot: both);
fn a_person_answers_as_the_bot(kind: Kind) {
    let mut scene = scene_with(kind, NOBODY_FIRST);
    let helper = face(&scene, "helper");
    let mut person = the_bot(&scene);
    let mut user = User::new(&scene);
    user.send(chat("1", &helper, "hello there"));
    let beginning = signed_mirror(bare(&user.jid));
    let told = person.shows(&["<< chat message: ", &beginning]);
    let seen_as = told.split_whitespace().find(|word| word.starts_with(&beginning)).unwrap();
    let account = bare(seen_as).to_owned();
    assert_eq!(seen_as, format!("{account}/{}", user.resource()));
    assert_eq!(account.len(), beginning.len() + MAC + 1 + scene.domain.len(), "{account}");

    person.enter(&format!("/win {account}"));
    is_in_window(&person, &account, "offline");
    person.shows(&[&format!(" - {seen_as}: hello there")]);
    person.enter("and you");
    let answer = user.reads("and you");
    let alias = answer.attr("from").unwrap().to_owned();
    assert_eq!(bare(&alias), helper);
    // To the alias, as clients do after an answer, and to the face.
    user.send(chat("2", &alias, "how are you"));
    person.shows(&[&format!(" - {seen_as}: how are you")]);
    person.enter("never better");
    assert_eq!(user.reads("never better").attr("from"), Some(&*alias));
    is_as_printed(
        &person,
        "As the bot",
        &[(
            r"user\40some-domain.example\2fhelper\2f6m26bevi6xatdpqo@proxy.domain.example",
            &account,
        )],
    );
    user.send(chat("3", &helper, "are you there"));
    person.shows(&[&format!(" - {seen_as}: are you there")]);

    // The user becomes a contact, both ways.
    user.send(format!("<presence type='subscribe' to='{helper}'/>"));
    person.shows(&[&account, "Authorization request"]);
    person.enter("/sub allow");
    user.receive("the bot", |it| is_presence(it, None, &alias));
    person.enter("/sub request");
    user.receive("the bot's request", |it| is_presence(it, Some("subscribe"), &helper));
    user.send(format!("<presence type='subscribed' to='{helper}'/>"));
    is_in_window(&person, &account, "online");
    user.available("<show>away</show>");
    is_in_window(&person, &account, "away");
    // The person can give it a short name.
    person.enter(&format!("/roster nick {account} Juliet"));
    is_in_window(&person, "Juliet", "away");
    user.send(chat("4", &helper, "good night"));
    person.shows(&[" - Juliet/", ": good night"]);

    // With another mirror the user is another contact.
    reload(&mut scene, TwoWay { initiate: r#"["host.example"]"#, ..NOBODY_FIRST });
    user.send(chat("5", &helper, "it is me"));
    person.enter("/win 1");
    let clear = mirror(&scene, &user.jid, "helper");
    person.shows(&[&format!("<< chat message: {clear} ")]);
    person.enter(&format!("/win {}", bare(&clear)));
    is_in_window(&person, bare(&clear), "offline");
    person.shows(&[&format!(" - {clear}: it is me")]);
}

case!(a_person_writes_first_as_the_bot: both);
fn a_person_writes_first_as_the_bot(kind: Kind) {
    let mut scene = scene_with(kind, NOBODY_FIRST);
    let helper = face(&scene, "helper");
    let mut person = the_bot(&scene);
    let mut user = User::new(&scene);
    let seen_as = mirror(&scene, &user.jid, "helper");
    let account = bare(&seen_as).to_owned();
    person.enter(&format!("/msg {account} are you there"));
    is_in_window(&person, &account, "offline");
    // The error names the key that would allow it.
    person.shows(&["Error from ", &account, "initiate"]);

    reload(&mut scene, TwoWay { initiate: r#"["host.example"]"#, ..NOBODY_FIRST });
    person.enter("and now");
    let asked = user.receive("what is said first", |it| {
        assert!(!says(it, "are you there"), "refused, and yet here");
        says(it, "and now")
    });
    assert_eq!(bare(asked.attr("from").unwrap()), helper);
    for to in [&*helper, asked.attr("from").unwrap()] {
        user.send(chat("1", to, &format!("yes, {to}")));
        person.shows(&[&format!(" - {seen_as}: yes, {to}")]);
    }
    is_in_window(&person, &account, "offline");
}

/// Nobody may be written to first.
const NOBODY_FIRST: TwoWay = TwoWay {
    relay: r#"["iq", "messages", "presence", "requests"]"#,
    faces: r#"["helper"]"#,
    allow_from: r#"["*"]"#,
    initiate: "[]",
    more: "",
};

/// A signed mirror of this account for the face, without the signature.
fn signed_mirror(account: &str) -> String {
    format!(r"{}\2fhelper\2f", account.replace('@', r"\40"))
}

/// The length of the signature.
const MAC: usize = 16;

/// Profanity as the target, which has accepted the proxy and is online.
fn the_bot(scene: &Scene) -> Screen {
    let mut person = person(scene, &scene.target, "a");
    person.shows(&["authorization request", &scene.domain]);
    person.enter(&format!("/sub allow {}", scene.domain));
    scene.proxy.wait_online(&[&format!("{}/a", scene.target)]);
    person
}

/// Profanity, logged in.
fn person(scene: &Scene, account: &str, resource: &str) -> Screen {
    let home = fresh_folder("profanity");
    std::fs::create_dir_all(home.join("config/profanity")).unwrap();
    std::fs::write(home.join("config/profanity/profrc"), PREFERENCES).unwrap();
    let mut person = Screen::start("profanity", &home);
    person.shows(&["to show complete help"]);
    let port = scene.server.client_port;
    person
        .enter(&format!("/connect {account}/{resource} server 127.0.0.1 port {port} tls disable"));
    person.shows(&["Enter password:"]);
    person.enter(PASSWORD);
    person.shows(&["logged in successfully"]);
    person
}

/// Waits until this chat is on the screen, with this presence.
fn is_in_window(person: &Screen, address: &str, presence: &str) {
    let title = format!(" {address} [{presence}]");
    person.comes_to(&title, |lines| lines.first().is_some_and(|it| it.starts_with(&title)));
}

/// Checks that the screen has the lines below this heading of the page, in a row, with any times and
/// with the test's names.
fn is_as_printed(person: &Screen, heading: &str, names: &[(&str, &str)]) {
    let printed = block("docs/clients/people.md", heading, "text").text;
    let printed = names.iter().fold(printed, |text, (page, here)| text.replace(page, here));
    let printed: Vec<_> = printed.lines().map(|line| without_time(line).to_owned()).collect();
    person.comes_to(&printed.join("\n"), |lines| {
        let mut lines = lines.iter().map(|line| without_time(line.trim_start()));
        printed.iter().all(|printed| lines.any(|line| line.starts_with(&**printed)))
    });
}

/// A line of a chat without its time.
fn without_time(line: &str) -> &str {
    match line.split_once(" - ") {
        Some((time, said)) if time.chars().all(|it| it.is_ascii_digit() || it == ':') => said,
        _ => line,
    }
}

fn resource(address: &str) -> &str {
    address.split_once('/').unwrap().1
}

/// Chats have the whole width, and nothing uses the network.
const PREFERENCES: &str = "[ui]\nsplash=false\nvercheck=false\nroster=false\n\
    [notifications]\nmessage=false\nroom=false\nsub=false\n";
