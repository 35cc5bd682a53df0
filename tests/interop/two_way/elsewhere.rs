//! A target whose account is on another server than the component, with other software.

use std::time::Duration;

use core_tests::xml::escaped;
use fastrand::Rng;
use jat_core::jat::prepared;
use test_support::interop::client::Client;
use test_support::interop::proxy::{Proxy, Settings};
use test_support::interop::scene::{Scene, first_login};
use test_support::interop::server::{
    Each, Kind, SECRET, Server, Software, with_modules_for_people,
};
use test_support::wait::{PATIENCE, wait_until, wait_within};

use super::presence::befriend;
use super::stage::{
    Listens, TwoWay, User, answer, ask, bare, chat, condition, face, is_presence, learn_alias,
    mirror, passed, reload, says,
};
use crate::component::Component;
use crate::names::name;
use crate::two_servers::TwoServers;

case!(chats_and_requests_pass_between_servers: both);
fn chats_and_requests_pass_between_servers(kind: Kind) {
    let (servers, scene) = stage(kind);
    let mut service = first_login(&servers.far, &scene.proxy, "a");
    // Users on the component's server, and on the target's.
    for server in [&servers.near, &servers.far] {
        let account = server.new_account("user");
        let mut user = User::connect_to(server, &scene, &account, "abc");
        user.available("");
        let alias = learn_alias(&scene, &mut service, &mut user, "helper");
        let seen_as = mirror(&scene, &user.jid, "helper");
        for type_ in ["chat", "normal", "headline"] {
            for to in [face(&scene, "helper"), alias.clone()] {
                user.send(format!(
                    "<message type='{type_}' id='q' to='{to}'><body>in</body></message>"
                ));
                let it = service.reads("in");
                assert_eq!((it.attr("from"), it.attr("id")), (Some(&*seen_as), Some("q")));
                service.send(format!(
                    "<message type='{type_}' id='r' to='{seen_as}'><body>out</body></message>"
                ));
                let it = user.reads("out");
                assert_eq!((it.attr("from"), it.attr("id")), (Some(&*alias), Some("r")));
            }
        }

        // Both use the same id.
        service.send(ask("same", &seen_as));
        user.send(ask("same", &alias));
        let asked = user.receive("the request", |it| it.name == "iq" && it.child("ask").is_some());
        assert_eq!(asked.attr("from"), Some(&*alias));
        let request = service.receive_request();
        answer(&mut user, &asked);
        answer(&mut service, &request);
        let reply = service.answer_to("same");
        assert_eq!(reply.attr("from"), Some(&*seen_as));
        assert!(reply.child("answer").is_some(), "{reply:?}");
        let reply = user.answer_to("same");
        assert_eq!(reply.attr("from"), Some(&*alias));
        assert!(reply.child("answer").is_some(), "{reply:?}");

        // Each server answers for its account.
        passed(&scene, &mut user);
        let account = bare(&seen_as).to_owned();
        service.send(format!(
            "<iq type='get' id='p' to='{account}'><ping xmlns='urn:xmpp:ping'/></iq>"
        ));
        let reply = service.answer_to("p");
        assert_eq!((reply.attr("type"), reply.attr("from")), (Some("result"), Some(&*account)));

        // And reports who is offline.
        for gone in ["nobody", "user@nowhere.example"] {
            let address =
                if gone.contains('@') { gone.into() } else { format!("{gone}@{}", server.host) };
            let nobody = mirror(&scene, &format!("{address}/r"), "helper");
            for stanza in [chat("n", &nobody, "hello?"), ask("n", &nobody)] {
                service.send(stanza);
                let told = service.answer_to("n");
                assert_eq!(told.attr("from"), Some(&*nobody));
                println!("{kind}: {address}: {}", condition(&told));
            }
        }
    }
    assert_eq!(scene.proxy.logins(), 1);
}

case!(presence_passes_between_servers: both);
fn presence_passes_between_servers(kind: Kind) {
    let (servers, scene) = stage(kind);
    let mut service = first_login(&servers.far, &scene.proxy, "a");
    service.fetch_roster();
    let account = scene.server.new_account("user");
    let mut user = User::login(&scene, &account, "abc");
    let alias = befriend(&scene, &mut service, &mut user, "helper");
    let seen_as = mirror(&scene, &user.jid, "helper");
    service.send("<iq type='get' id='contacts'><query xmlns='jabber:iq:roster'/></iq>");
    let roster = service.answer_to("contacts");
    let item =
        roster.child("query").unwrap().elements().find(|it| it.attr("jid") == Some(bare(&seen_as)));
    let item = item.unwrap_or_else(|| panic!("{seen_as} is no contact: {roster:?}"));
    assert_eq!(item.attr("subscription"), Some("both"));

    service.available("<show>dnd</show>");
    let it = user.receive("dnd", |it| it.child("show").is_some());
    assert_eq!(it.attr("from"), Some(&*alias));
    user.available("<show>away</show>");
    service
        .receive_where("away", |it| is_presence(it, None, &seen_as) && it.child("show").is_some());
    user.send("<presence type='unavailable'/>");
    service.presence(Some("unavailable"), &seen_as);

    // A user who logs in sees who is online.
    let mut late = User::login(&scene, &account, "late");
    let it = late.receive("the bot", |it| is_presence(it, None, &alias));
    assert_eq!(it.child("show").unwrap().text(), "dnd");
    drop(service);
    late.receive("the end", |it| is_presence(it, Some("unavailable"), &alias));
    let mut service = Client::login(&servers.far, &scene.target, "a");
    service.fetch_roster();
    service.available("");
    late.receive("the bot", |it| is_presence(it, None, &alias));
    service.presence(None, &mirror(&scene, &late.jid, "helper"));

    let helper = face(&scene, "helper");
    late.send(format!("<presence type='unsubscribe' to='{helper}'/>"));
    service.presence(Some("unsubscribe"), bare(&seen_as));
    service.available("<show>xa</show>");
    service.send(chat("last", &mirror(&scene, &late.jid, "helper"), "last"));
    late.receive("the last message", |it| {
        assert!(it.child("show").is_none_or(|it| it.text() != "xa"), "{it:?}");
        says(it, "last")
    });
}

case!(what_another_server_keeps_is_answered_later: both);
fn what_another_server_keeps_is_answered_later(kind: Kind) {
    let (servers, scene) = stage(kind);
    let mut user = User::new(&scene);
    let (helper, seen_as) = (face(&scene, "helper"), mirror(&scene, &user.jid, "helper"));
    let alias = {
        let mut service = first_login(&servers.far, &scene.proxy, "a");
        learn_alias(&scene, &mut service, &mut user, "helper")
    };
    scene.proxy.wait_offline(&format!("{}/a", scene.target));
    user.send(chat("1", &helper, "first"));
    user.send(chat("2", &alias, "second"));
    passed(&scene, &mut user);
    let mut service = Client::login(&servers.far, &scene.target, "a");
    service.available("");
    for text in ["first", "second"] {
        let it = service.reads(text);
        assert_eq!(it.attr("from"), Some(&*seen_as));
        assert!(it.child("delay").is_some(), "it was stored: {it:?}");
        service.send(chat("r", it.attr("from").unwrap(), &format!("re: {text}")));
        assert_eq!(user.reads(&format!("re: {text}")).attr("from"), Some(&*alias));
    }
}

case!(every_mirror_passes_between_servers: both);
fn every_mirror_passes_between_servers(kind: Kind) {
    let (servers, mut scene) = stage(kind);
    // All mirrors are signed.
    reload(&mut scene, TwoWay { initiate: "[]", ..TwoWay::default() });
    let mut service = first_login(&servers.far, &scene.proxy, "a");
    let mut users = Component::login(&servers.near, ABROAD);
    let mut rng = Rng::with_seed(20_261_131);
    let known = NAMES.iter().map(|it| (*it).to_owned());
    let generated = std::iter::repeat_with(|| name(&mut rng).replace(['@', '/'], "-")).take(200);
    let names: Vec<String> = known.chain(generated).chain(["last".to_owned()]).collect();
    let helper = face(&scene, "helper");
    for (id, name) in names.iter().enumerate() {
        let from = escaped(&format!("{name}@{ABROAD}/r"));
        users.send(format!(
            "<message id='{id}' from='{from}' to='{helper}'><body>{id}</body></message>"
        ));
    }
    let last = (names.len() - 1).to_string();
    loop {
        let it = service.receive_where("a message", |it| it.name == "message");
        assert_ne!(it.attr("type"), Some("error"), "{it:?}");
        let (from, id) = (it.attr("from").unwrap(), it.attr("id").unwrap());
        service
            .send(format!("<message id='{id}' to='{}'><body>{id}</body></message>", escaped(from)));
        if id == last {
            break;
        }
    }
    let (mut came_back, mut refused) = (0, 0);
    loop {
        let it = users.receive_where("a message", |it| it.name == "message");
        let (from, to, id) =
            (it.attr("from").unwrap(), it.attr("to").unwrap(), it.attr("id").unwrap());
        if it.attr("type") == Some("error") {
            // The component's own server, or the proxy, refused it before it went there.
            refused += 1;
            continue;
        }
        let name = &names[id.parse::<usize>().unwrap()];
        match prepared::node(name).as_deref() {
            Ok("") => assert_eq!(to, format!("{ABROAD}/r")),
            Ok(node) => assert_eq!(to, format!("{node}@{ABROAD}/r")),
            // Prosody accepts characters that Unicode 3.2 did not have, too.
            Err(_) => assert!(to.ends_with(&format!("@{ABROAD}/r")), "{name:?}: {it:?}"),
        }
        assert_eq!(bare(from), helper, "{it:?}");
        came_back += 1;
        if id == last {
            break;
        }
    }
    println!("{kind}: of {} names {came_back} came back, {refused} were refused", names.len());
    assert_eq!(scene.proxy.count(RELAYED_INWARD), came_back, "each that was relayed came back");
    assert!(came_back > 100, "enough for this to mean something");
    assert_eq!(scene.proxy.logins(), 1);
}

// docs/servers.md#unreachable
case!(without_the_other_server_users_are_told: both);
fn without_the_other_server_users_are_told(kind: Kind) {
    let servers = TwoServers::start([kind, other(kind)], 1, with_modules_for_people);
    let domain = servers.new_domain();
    let TwoServers { near, mut far, .. } = servers;
    let scene = scene(Box::leak(Box::new(near)), &far, domain);
    let mut service = first_login(&far, &scene.proxy, "a");
    service.fetch_roster();
    let mut user = User::new(&scene);
    let alias = befriend(&scene, &mut service, &mut user, "helper");
    let helper = face(&scene, "helper");
    far.stop();
    drop(service);
    // ejabberd sends nothing to other servers.
    if far.kind.is(Software::Prosody) {
        user.receive("the end", |it| is_presence(it, Some("unavailable"), &alias));
    }
    for to in [&helper, &alias] {
        user.send(chat("m", to, "hello?"));
        let told = user.answer_to("m");
        assert_eq!(bare(told.attr("from").unwrap()), helper, "{told:?}");
        let wanted = match kind.software {
            Software::Ejabberd => "remote-server-timeout",
            _ => "remote-server-not-found",
        };
        assert_eq!(condition(&told), wanted);
        user.send(ask("i", to));
        let told = user.answer_to("i");
        assert_eq!(told.attr("from"), Some(&**to), "{told:?}");
        condition(&told);
    }
    // Nobody is told about a subscription: an error is not relayed as presence.
    let dropped = scene.proxy.reason("presence-error");
    let mut stranger = User::new(&scene);
    stranger.send(format!("<presence type='subscribe' to='{helper}'/>"));
    scene.proxy.wait_reason("presence-error", dropped + 1);
    stranger.hears_no("presence of the bot", |it| {
        it.name == "presence" && it.attr("from").is_some_and(|it| bare(it) == helper)
    });

    far.resume();
    let mut service = Client::login(&far, &scene.target, "a");
    service.fetch_roster();
    service.available("");
    wait_within(2 * PATIENCE, "a message there", || {
        user.send(chat("m", &helper, "hello again"));
        service.try_receive_where(ONE_MESSAGE, |it| says(it, "hello again")).is_some()
    });
    learn_alias(&scene, &mut service, &mut user, "helper");
    wait_until("the resource", || scene.proxy.status().to_string().contains(&service.jid));
    assert_eq!(scene.proxy.logins(), 1);
}

/// Two servers that tests share, and a proxy between them.
fn stage(kind: Kind) -> (&'static TwoServers, Scene) {
    static ALL: Each<TwoServers> = Each::new(|kind| {
        let change = |kind: Kind, text| {
            let text = with_modules_for_people(kind, text);
            match kind.software {
                Software::Prosody => {
                    format!("{text}Component \"{ABROAD}\"\n\tcomponent_secret = \"{SECRET}\"\n")
                }
                _ => text,
            }
        };
        TwoServers::start([kind, other(kind)], TESTS, change)
    });
    let servers = ALL.of(kind);
    (servers, scene(&servers.near, &servers.far, servers.new_domain()))
}

fn scene(near: &'static Server, far: &Server, domain: String) -> Scene {
    let target = far.new_account("service");
    let mut settings = Settings::new(&domain, &target);
    let more = "account-queries = [\"vcard-temp\"]";
    TwoWay { more, ..TwoWay::default() }.apply(&mut settings);
    Scene { server: near, proxy: Proxy::start(near, settings), domain, target }
}

fn other(kind: Kind) -> Kind {
    kind.with(if kind.is(Software::Prosody) { Software::Ejabberd } else { Software::Prosody })
}

/// How many tests share two servers.
const TESTS: usize = 4;

/// A users' domain that is not ASCII.
const ABROAD: &str = "bücher.example";

/// Nodes that look like something else, or that servers prepare: escapes, percent signs, other
/// alphabets.
const NAMES: [&str; 14] = [
    "user",
    r"a\40b",
    r"a\20b",
    r"a\5c40b",
    r"\40",
    "a%b",
    "a%40b",
    "a+b=c#d",
    "Großmutter",
    "ünïcödé",
    "אבג",
    "日本語",
    "😀",
    "f\u{307}",
];

const RELAYED_INWARD: &[&str] =
    &["jat_proxy_stanzas_total", "stanza=\"message\"", "way=\"inward\"", "outcome=\"relayed\""];

/// To and from another server.
const ONE_MESSAGE: Duration = Duration::from_secs(5);
