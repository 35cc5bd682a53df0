//! Addresses that users and the target could use against each other, or against the stream.

use test_support::interop::client::Client;
use test_support::interop::server::Software::{Ejabberd, Prosody};
use test_support::interop::server::{HOST, Kind};
use test_support::interop::stanza::Stanza;

use super::stage::{
    Listens, TwoWay, User, ask, bare, chat, condition, face, learn_alias, mirror, says, scene,
    scene_with,
};

// docs/servers.md#as-typed
case!(no_spelling_makes_a_user_another_one: both);
fn no_spelling_makes_a_user_another_one(kind: Kind) {
    let scene = scene(kind);
    let mut service = scene.service("a");
    let account = scene.server.new_account(r"a\5c40b");
    let number = account.split('@').next().unwrap().rsplit('-').next().unwrap();
    let victim = format!(r"a\40b-{number}");
    scene.server.register(&victim);
    let mut victim = User::login(&scene, &format!("{victim}@{HOST}"), "abc");
    let mut user = User::login(&scene, &account.to_uppercase(), "abc");
    assert_eq!(user.jid.starts_with('A'), kind.is(Ejabberd), "{}", user.jid);

    let helper = face(&scene, "helper");
    user.send(chat("q", &helper, "hello"));
    let from = service.reads("hello").attr("from").unwrap().to_owned();
    // A reverse solidus is escaped where an escape sequence follows.
    let wanted = format!(r"a\5c5c40b-{number}\40{HOST}\2fhelper@{}/abc", scene.domain);
    assert_eq!(from, wanted);
    service.send(chat("r", &from, "for you alone"));
    user.reads("for you alone");
    victim.send(chat("q", &helper, "hello"));
    let other = service.reads("hello").attr("from").unwrap().to_owned();
    assert_eq!(other, format!(r"a\5c40b-{number}\40{HOST}\2fhelper@{}/abc", scene.domain));
    service.send(chat("r", &other, "for the victim"));
    victim.receive("its own", |it| {
        assert!(!says(it, "for you alone"), "another's");
        says(it, "for the victim")
    });
    user.hears_no("message for the victim", |it| says(it, "for the victim"));
}

case!(a_face_is_what_its_normal_form_says: all);
fn a_face_is_what_its_normal_form_says(kind: Kind) {
    let mut scene = scene(kind);
    let (mut service, mut user) = (scene.service("a"), User::new(&scene));
    // Requests, since one sender gets few errors for messages.
    for node in [r"helper\2Fx", r"helper\2f", r"\2fhelper", r"x\5C", "a%40b"] {
        user.send(ask("m", &face(&scene, node)));
        let told = user.answer_to("m");
        assert_eq!(condition(&told), "item-not-found", "{node}");
    }
    scene.proxy.wait_reason("no-such-face", 5);
    for node in [r"victim\40HOST.example", r"\40", r"\40\40aa", r"a\2f\40b"] {
        user.send(ask("m", &face(&scene, node)));
        let told = user.answer_to("m");
        assert_eq!(condition(&told), "item-not-found", "{node}");
    }
    scene.proxy.wait_reason("face-reserved", 4);

    super::stage::reload(&mut scene, TwoWay { faces: r#"["*"]"#, ..TwoWay::default() });
    for node in [r"helper\2Fx", r"helper\2f", r"\2fhelper", r"x\5C", "a%40b"] {
        let alias = learn_alias(&scene, &mut service, &mut user, node);
        assert_eq!(bare(&alias), face(&scene, &node.to_lowercase()));
    }
    assert_eq!(scene.proxy.logins(), 1);
}

case!(what_is_no_mirror_is_answered_and_the_stream_lives: all);
fn what_is_no_mirror_is_answered_and_the_stream_lives(kind: Kind) {
    let scene = scene(kind);
    let (mut service, mut user) = (scene.service("a"), User::new(&scene));
    service.fetch_roster();
    for (number, node) in MALFORMED.iter().enumerate() {
        let to = format!("{node}@{}", scene.domain);
        let id = format!("m{number}");
        service.send(ask(&id, &to));
        let told = service.answer_to(&id);
        assert_eq!((condition(&told), told.attr("from")), ("item-not-found".into(), Some(&*to)));
        service.send(chat("m", &to, "one sender gets few errors for messages"));
        for type_ in ["subscribe", "unsubscribe", "subscribed", "unavailable"] {
            service.send(format!("<presence type='{type_}' to='{to}'/>"));
        }
        service.send(format!("<presence to='{to}'/>"));
        assert_eq!(scene.proxy.logins(), 1, "{node}");
    }
    assert!(scene.proxy.reason("mirror-malformed") >= MALFORMED.len() as u64);
    learn_alias(&scene, &mut service, &mut user, "helper");
    assert_eq!(scene.proxy.logins(), 1);
}

// Both directions at once, with nodes of random characters and escapes.
case!(random_nodes_do_not_end_the_stream: all);
fn random_nodes_do_not_end_the_stream(kind: Kind) {
    const NODES: usize = 300;
    let scene = scene_with(kind, TwoWay { faces: r#"["*"]"#, ..TwoWay::default() });
    let (mut service, mut user) = (scene.service("a"), User::new(&scene));
    let mut rng = fastrand::Rng::with_seed(45);
    let mut node =
        || -> String { (0..rng.usize(1..9)).map(|_| PIECES[rng.usize(..PIECES.len())]).collect() };
    for number in 0..NODES {
        let (id, node) = (format!("n{number}"), node());
        service.send(chat(&id, &format!("{node}@{}/r", scene.domain), "?"));
        user.send(chat(&id, &format!("{node}@{}", scene.domain), "?"));
    }
    // Whatever happened to them, both can still write to each other.
    service.send(chat("last", &mirror(&scene, &user.jid, "helper"), "last"));
    user.reads("last");
    user.send(chat("last", &face(&scene, "helper"), "last"));
    // Earlier ones are answered, from the mirror that they came from.
    let mut heard = Vec::new();
    loop {
        let it = service.receive_where("a message", |it| says(it, "?") || says(it, "last"));
        if says(&it, "last") {
            break;
        }
        heard.push(it);
    }
    println!("{kind}: {} of {NODES} random nodes are faces", heard.len());
    assert!(!heard.is_empty());
    for it in &heard {
        service.send(chat("r", it.attr("from").unwrap(), it.attr("id").unwrap()));
        let answered = user.reads(it.attr("id").unwrap());
        let from = bare(answered.attr("from").unwrap()).to_owned();
        assert!(from.ends_with(&format!("@{}", scene.domain)), "{from}");
    }
    assert_eq!(scene.proxy.logins(), 1);
}

// docs/servers.md#normal-nodes
case!(names_that_no_node_can_hold_come_back: both);
fn names_that_no_node_can_hold_come_back(kind: Kind) {
    let scene = scene_with(kind, TwoWay { faces: r#"["*"]"#, ..TwoWay::default() });
    let (mut service, mut user) = (scene.service("a"), User::new(&scene));
    for (name, what, everywhere) in NAMES {
        // With the name as a face.
        let to = face(&scene, name);
        user.send(chat("q", &to, "to a face"));
        let passed = arrives(&mut service, &mut user, "q", "to a face");
        if let Some(it) = &passed {
            let seen_as = it.attr("from").unwrap();
            service.send(chat("r", seen_as, "from it"));
            let from = user.reads("from it").attr("from").unwrap().to_owned();
            println!("{kind}: {what}: {seen_as}, {from}");
            // It can be written to, and is the same address.
            user.send(chat("q", bare(&from), "again"));
            assert_eq!(service.reads("again").attr("from"), Some(seen_as), "{what}");
        }
        assert_eq!(passed.is_some(), kind.is(Prosody) || everywhere, "{what}");
        assert_eq!(scene.proxy.logins(), 1, "{what}");
    }
    learn_alias(&scene, &mut service, &mut user, "helper");
}

case!(users_with_such_names_are_answered: both);
fn users_with_such_names_are_answered(kind: Kind) {
    let scene = scene(kind);
    let mut service = scene.service("a");
    for name in ["אב", "üser", "f\u{307}", r"d\27art", "a%b", "x.y+z=1"] {
        scene.server.register(name);
        let mut user = User::login(&scene, &format!("{name}@{HOST}"), "abc");
        let alias = learn_alias(&scene, &mut service, &mut user, "helper");
        assert_eq!(bare(&alias), face(&scene, "helper"), "{name}");
        user.send(ask("its", &face(&scene, "helper")));
        let request = service.receive_request();
        super::stage::answer(&mut service, &request);
        assert_eq!(user.answer_to("its").attr("type"), Some("result"), "{name}");
    }
    assert_eq!(scene.proxy.logins(), 1);
}

// As many bytes as servers accept.
case!(what_is_too_long_for_a_node_is_answered: all);
fn what_is_too_long_for_a_node_is_answered(kind: Kind) {
    let scene = scene_with(kind, TwoWay { faces: r#"["*"]"#, ..TwoWay::default() });
    let (mut service, mut user) = (scene.service("a"), User::new(&scene));
    let fixed = mirror(&scene, bare(&user.jid), "x").split_once("@proxy").unwrap().0.len() - 1;
    for (length, fits) in [(1023 - fixed, true), (1024 - fixed, false)] {
        let to = face(&scene, &"f".repeat(length));
        user.send(chat("q", &to, "long"));
        if fits {
            let it = service.reads("long");
            service.send(chat("r", it.attr("from").unwrap(), "as long"));
            assert_eq!(bare(user.reads("as long").attr("from").unwrap()), to);
        } else {
            assert_eq!(condition(&user.answer_to("q")), "policy-violation");
            assert_eq!(scene.proxy.reason("mirror-too-long"), 1);
        }
    }
    learn_alias(&scene, &mut service, &mut user, "helper");
    assert_eq!(scene.proxy.logins(), 1);
}

/// The message, or `None` if the user's server refuses it.
fn arrives(service: &mut Client, user: &mut User, id: &str, text: &str) -> Option<Stanza> {
    use test_support::wait::comes;
    let (mut came, mut refused) = (None, false);
    let brief = std::time::Duration::from_millis(10);
    assert!(comes(|| {
        came = came.take().or_else(|| service.try_receive_where(brief, |it| says(it, text)));
        refused = refused
            || user
                .try_receive_where(brief, |it| {
                    it.attr("type") == Some("error") && it.attr("id").is_none_or(|it| it == id)
                })
                .is_some();
        came.is_some() || refused
    }));
    came
}

const MALFORMED: [&str; 14] = [
    r"user\40host.example\2fa\2fb",
    r"user\40host.example\2fa\40b",
    r"user\40host.example\2f\2f",
    r"a\40b\40host.example",
    r"u\40host.example\2f",
    r"u\40host.example.",
    r"u\40host.example\3a5222",
    r"x\40",
    r"\40",
    r"u\40\20x",
    r"u\40a\26b",
    r"\40\40ab",
    r"\40\40",
    r"u\40host.example\2fhelper\2faaaaaaaaaaaaaaa",
];

const PIECES: [&str; 16] = [
    r"\40",
    r"\2f",
    r"\5c",
    r"\5C40",
    r"\2F",
    r"\20",
    r"\26",
    r"\3a",
    "host.example",
    "a",
    ".",
    "helper",
    "é",
    "aaaaaaaaaaaaaaaa",
    "%",
    "-",
];

/// Names, and whether every server passes them on.
const NAMES: [(&str, &str, bool); 5] = [
    ("f\u{307}", "a combining dot", true),
    ("\u{1F916}", "an emoji", false),
    ("\u{1E9E}", "a capital sharp s", false),
    ("\u{5D0}\u{5D1}", "Hebrew letters", true),
    ("\u{FF48}elper", "a letter of full width", true),
];
