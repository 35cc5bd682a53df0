//! Many services at one domain: forty faces, with real clients behind five of them, one of which is
//! hostile to the others (docs/faces.md).

use std::fmt::Write;

use test_support::interop::client::Client;
use test_support::interop::proxy::{Settings, key, name_key};
use test_support::interop::scene::{Scene, accept_subscription};
use test_support::interop::server::{Kind, Server};
use test_support::interop::stanza::Stanza;

use crate::bot::Bot;
use crate::two_way::stage::{Listens, User, ask, bare, chat, condition, face, mirror, says};

/// Faces whose targets are never online.
const EMPTY: usize = 34;

/// The configuration of the component in addition to its target.
const COMMON: &str = r#"relay = ["iq", "messages", "requests", "presence"]
allow-from = ["*"]
initiate = ["*"]
"#;

fn table(node: &str, target: &str, more: &str) -> String {
    format!("[[component.face]]\nnode = \"{node}\"\ntarget-address = \"{target}\"\n{more}\n")
}

/// With faces of clients: alice, bob (also as `rob`), those of patterns, and mallory, who is hostile.
struct Street {
    scene: Scene,
    /// The client of the domain itself.
    own: Client,
    alice: Client,
    bob: Client,
    rooms: Client,
    mallory: Client,
}

/// The forty faces, and the accounts of those that are not empty: alice, bob, rooms, mallory.
fn forty(kind: Kind) -> (Scene, [String; 4]) {
    let server = Server::for_people(kind);
    let accounts = ["alice", "bob", "rooms", "mallory"].map(|name| server.new_account(name));
    let [alice, bob, rooms, mallory] = &accounts;
    let mut tables = COMMON.to_owned();
    for (node, target) in
        [("alice", alice), ("bob", bob), ("rob", bob), ("room-*", rooms), ("mallory", mallory)]
    {
        tables += &table(node, target, "");
    }
    for number in 0..EMPTY {
        let target = alice.replace("alice", &format!("empty{number}"));
        let _ = write!(tables, "{}", table(&format!("empty-{number}"), &target, ""));
    }
    let scene = Scene::on(server, |settings: &mut Settings| {
        settings.component = tables;
        settings.keys = key(1, 'A', None) + &name_key(1, 'N');
    });
    (scene, accounts)
}

impl Street {
    fn new(kind: Kind) -> Street {
        let (scene, accounts) = forty(kind);
        let own = scene.service("a");
        let [alice, bob, rooms, mallory] = accounts.map(|account| online(&scene, &account));
        Street { scene, own, alice, bob, rooms, mallory }
    }

    /// The client that a face leads to.
    fn at(&mut self, node: &str) -> &mut Client {
        match node {
            "" => &mut self.own,
            "alice" => &mut self.alice,
            "bob" | "rob" => &mut self.bob,
            "mallory" => &mut self.mallory,
            _ => &mut self.rooms,
        }
    }
}

/// The account logs in, and grants the only subscription for all its faces.
fn online(scene: &Scene, account: &str) -> Client {
    let mut client = Client::login(scene.server, account, "a");
    client.fetch_roster();
    client.available("");
    accept_subscription(&mut client, &scene.domain);
    wait_resources(scene, account, 1);
    client
}

fn wait_resources(scene: &Scene, account: &str, count: usize) {
    scene.proxy.wait_until(&format!("{count} resources of {account}"), |proxy| {
        let status = proxy.status();
        let faces = status["components"][0]["faces"].as_array().unwrap().clone();
        let mut of_account = faces.iter().filter(|it| it["target"] == account).peekable();
        of_account.peek().is_some()
            && of_account.all(|it| it["resources"].as_array().unwrap().len() == count)
    });
}

const SERVED: [&str; 7] = ["", "alice", "bob", "rob", "room-1", "room-blue", "mallory"];

case!(forty_faces_each_with_its_account: both);
fn forty_faces_each_with_its_account(kind: Kind) {
    let mut street = Street::new(kind);
    let mut user = User::new(&street.scene);
    for node in SERVED {
        let to = face(&street.scene, node);
        user.send(ask("q", &to));
        let client = street.at(node);
        let request = client.receive_request();
        assert_eq!(bare(request.attr("to").unwrap()), bare(&client.jid), "{node:?}");
        client.answer(&request, "<answer xmlns='urn:example:ask'/>");
        let answer = user.answer_to("q");
        assert_eq!(
            (answer.attr("type"), bare(answer.attr("from").unwrap())),
            (Some("result"), &*to)
        );
    }
    // Two faces of one account are two chats.
    let mut aliases = Vec::new();
    for node in SERVED {
        let to = face(&street.scene, node);
        user.send(chat("m", &to, &format!("to {node}")));
        let client = street.at(node);
        let seen = client.reads(&format!("to {node}")).attr("from").unwrap().to_owned();
        client.send(chat("r", &seen, &format!("from {node}")));
        let from = user.reads(&format!("from {node}")).attr("from").unwrap().to_owned();
        assert_eq!(bare(&from), to);
        aliases.push(from.split_once('/').unwrap().1.to_owned());
    }
    aliases.sort_unstable();
    aliases.dedup();
    assert_eq!(aliases.len(), SERVED.len(), "no alias serves for two faces");
    for number in 0..EMPTY {
        user.send(ask("e", &face(&street.scene, &format!("empty-{number}"))));
        assert_eq!(condition(&user.answer_to("e")), "service-unavailable", "{number}");
    }
    user.send(ask("n", &face(&street.scene, "nobody")));
    assert_eq!(condition(&user.answer_to("n")), "item-not-found");

    let status = &street.scene.proxy.status()["components"][0];
    let faces = status["faces"].as_array().unwrap();
    assert_eq!(faces.len(), EMPTY + 5);
    let rooms = faces.iter().find(|it| it["node"] == "room-*").unwrap();
    assert_eq!((&rooms["relayed_inward"], &rooms["relayed_outward"]), (&4.into(), &4.into()));
    let relayed = r#"jat_proxy_face_relayed_total{"#;
    assert_eq!(street.scene.proxy.count(&[relayed, r#"face="rob""#, r#"way="inward""#]), 2);
    assert_eq!(street.scene.proxy.count(&["jat_proxy_face_resources{", r#"face="empty-3""#]), 0);
}

case!(bots_of_slixmpp_answer_as_their_faces_beside_a_hostile_one: both);
fn bots_of_slixmpp_answer_as_their_faces_beside_a_hostile_one(kind: Kind) {
    const REQUESTS: usize = 6;
    let (scene, [alice, bob, rooms, mallory]) = forty(kind);
    // A bot has its account's name as its resource, and answers with it.
    let named = |account: &str| format!("{account}/{}", account.split('@').next().unwrap());
    let own = scene.target.clone();
    let bots = [&own, &alice, &bob, &rooms]
        .map(|account| Bot::start("service.py", scene.server, &named(account), &[]));
    for bot in &bots {
        bot.wait_report("ready");
    }
    scene.proxy.wait_online(&[&named(&own)]);
    for account in [&alice, &bob, &rooms] {
        wait_resources(&scene, account, 1);
    }
    let mut mallory = online(&scene, &mallory);
    for (node, account) in [
        ("", &own),
        ("alice", &alice),
        ("bob", &bob),
        ("rob", &bob),
        ("room-1", &rooms),
        ("room-blue", &rooms),
    ] {
        let to = face(&scene, node);
        let user = format!("{}/abc", scene.server.new_account("user"));
        let arguments = [to.as_str(), &REQUESTS.to_string()];
        let user_bot = Bot::start("user.py", scene.server, &user, &arguments);
        user_bot.report("ready");
        for number in 0..REQUESTS {
            // Between the requests somebody else answers in the target's place.
            let mirror = mirror(&scene, &user, node);
            let reply = user_bot.report("reply");
            mallory.send(format!(
                "<iq type='result' id='{}' to='{mirror}'><who xmlns='urn:example:who' \
                 resource='mallory'/></iq>",
                reply["id"].as_str().unwrap()
            ));
            assert_eq!(reply["from"], to.as_str(), "{node:?}, {number}");
            assert_eq!(reply["to"], user.as_str(), "{node:?}, {number}");
            assert_eq!(reply["same_id"], true, "{node:?}, {number}");
            let resource = reply["resource"].as_str().unwrap();
            assert_eq!(Some(resource), named(account).split('/').nth(1), "{node:?}, {number}");
        }
        let discovered = user_bot.report("disco");
        assert_eq!(discovered["from"], to.as_str());
        assert_eq!(discovered["names"][0].as_str(), named(account).split('/').nth(1), "{node:?}");
    }
}

case!(a_hostile_target_is_heard_under_its_own_face_alone: both);
fn a_hostile_target_is_heard_under_its_own_face_alone(kind: Kind) {
    let mut street = Street::new(kind);
    let mut user = User::new(&street.scene);
    // What mallory may have got hold of: a request to alice, with its token, and alice's chat.
    user.send(ask("secret", &face(&street.scene, "alice")));
    let request = street.alice.receive_request();
    user.send(chat("m", &face(&street.scene, "alice"), "hello"));
    street.alice.reads("hello");
    let (asked, id) = (request.attr("from").unwrap(), request.attr("id").unwrap());
    let answer = "<answer xmlns='urn:example:ask'/>";
    let mallory = &mut street.mallory;
    mallory.send(format!("<iq type='result' id='{id}' to='{asked}'>{answer}</iq>"));
    for node in ["alice", "bob", "", "room-1"] {
        let mirror = mirror(&street.scene, &user.jid, node);
        mallory.send(chat("x", &mirror, "believe me"));
        mallory.send(format!("<presence to='{}'/>", bare(&mirror)));
        mallory.send(format!("<presence type='subscribe' to='{}'/>", bare(&mirror)));
        mallory.send(ask("y", &mirror));
    }
    // The mirrors of other targets would allow a chat between two clients of one proxy.
    let other = mirror(&street.scene, bare(&street.alice.jid), "mallory");
    mallory.send(chat("z", &other, "between us"));
    let own = mirror(&street.scene, &user.jid, "mallory");
    mallory.send(chat("own", &own, "under my own name"));
    let foreign = |it: &Stanza| {
        it.name != "iq"
            && it.attr("from").is_some_and(|from| from.contains(&street.scene.domain))
            && !says(it, "under my own name")
    };
    let last = user.receive("mallory's own message", |it| {
        assert!(!foreign(it) && it.attr("id") != Some("secret"), "{it:?}");
        says(it, "under my own name")
    });
    assert_eq!(bare(last.attr("from").unwrap()), face(&street.scene, "mallory"));
    street.alice.answer(&request, answer);
    assert_eq!(user.answer_to("secret").attr("type"), Some("result"));
    user.hears_no("stanza under a face that is not mallory's", foreign);
}

case!(faces_come_and_go_and_the_stream_stays: both);
fn faces_come_and_go_and_the_stream_stays(kind: Kind) {
    let mut street = Street::new(kind);
    let mut user = User::new(&street.scene);
    let carol = street.scene.server.new_account("carol");
    user.send(ask("held", &face(&street.scene, "rob")));
    let held = street.bob.receive_request();
    let component = &mut street.scene.proxy.settings.component;
    let bob = bare(&street.bob.jid).to_owned();
    *component = component.replace(&table("rob", &bob, ""), "") + &table("carol", &carol, "");
    street.scene.proxy.reload();
    let mut carol = online(&street.scene, &carol);
    user.send(ask("new", &face(&street.scene, "carol")));
    let request = carol.receive_request();
    carol.answer(&request, "<answer xmlns='urn:example:ask'/>");
    assert_eq!(user.answer_to("new").attr("type"), Some("result"));
    user.send(ask("gone", &face(&street.scene, "rob")));
    assert_eq!(condition(&user.answer_to("gone")), "item-not-found");
    // It got this request while the face existed.
    street.bob.answer(&held, "<answer xmlns='urn:example:ask'/>");
    assert_eq!(user.answer_to("held").attr("type"), Some("result"));
    assert_eq!(street.scene.proxy.logins(), 1);
    // The new program reads a file that has changed meanwhile.
    let settings = &mut street.scene.proxy.settings;
    settings.component = settings.component.replace("node = \"carol\"", "node = \"caroline\"");
    street.scene.proxy.rewrite();
    user.send(ask("before", &face(&street.scene, "carol")));
    let before = carol.receive_request();
    street.scene.proxy.upgrade();
    carol.answer(&before, "<answer xmlns='urn:example:ask'/>");
    assert_eq!(user.answer_to("before").attr("type"), Some("result"));
    user.send(ask("gone", &face(&street.scene, "carol")));
    assert_eq!(condition(&user.answer_to("gone")), "item-not-found");
    for node in ["alice", "caroline"] {
        user.send(ask("upgraded", &face(&street.scene, node)));
        let client = if node == "alice" { &mut street.alice } else { &mut carol };
        let request = client.receive_request();
        client.answer(&request, "<answer xmlns='urn:example:ask'/>");
        assert_eq!(user.answer_to("upgraded").attr("type"), Some("result"), "{node}");
    }
    assert_eq!(street.scene.proxy.logins(), 1);
}
