//! What the target's server answers for its account: vCard, avatar, OMEMO devices.

use test_support::interop::client::Client;
use test_support::interop::scene::Scene;
use test_support::interop::server::Kind;
use test_support::interop::server::Software::Prosody;
use test_support::interop::stanza::Stanza;
use test_support::wait::comes;

use super::presence::befriend;
use super::stage::{Listens, TwoWay, User, answer, bare, face, scene_with};

case!(the_account_answers_for_itself: both);
fn the_account_answers_for_itself(kind: Kind) {
    let two_way = TwoWay { more: QUERIES, ..TwoWay::default() };
    let scene = scene_with(kind, two_way);
    let mut service = scene.service("a");
    service.fetch_roster();
    let mut user = User::new(&scene);
    let helper = face(&scene, "helper");
    service.send("<iq type='set' id='s'><vCard xmlns='vcard-temp'><FN>The Bot</FN></vCard></iq>");
    service.answer_to("s");
    for (node, payload) in PUBLISHED {
        service.send(format!(
            "<iq type='set' id='s'><pubsub xmlns='{PUBSUB}'><publish node='{node}'>\
             <item id='1'>{payload}</item></publish></pubsub></iq>"
        ));
        let answer = service.answer_to("s");
        assert_eq!(answer.attr("type"), Some("result"), "{answer:?}");
    }

    let vcard = asks(&scene, &mut user, "<vCard xmlns='vcard-temp'/>");
    assert_eq!(vcard.child("vCard").unwrap().child("FN").unwrap().text(), "The Bot");
    // A stranger gets nothing else.
    for (node, _) in PUBLISHED {
        let it = asks(&scene, &mut user, &items(node));
        assert!(it.error().is_some(), "{it:?}");
    }
    befriend(&scene, &mut service, &mut user, "helper");
    for (node, payload) in PUBLISHED {
        let it = asks(&scene, &mut user, &items(node));
        let item = it.child("pubsub").unwrap().child("items").unwrap().child("item").unwrap();
        let wanted = &super::stage::parsed(payload)[0];
        let got = item.elements().next().unwrap();
        assert_eq!(
            (got.name.as_str(), got.namespace.as_str()),
            (&*wanted.name, &*wanted.namespace)
        );
    }

    // With nobody online, too; and never a namespace that is not listed.
    drop(service);
    scene.proxy.wait_offline(&format!("{}/a", scene.target));
    asks(&scene, &mut user, "<vCard xmlns='vcard-temp'/>").child("vCard").unwrap();
    let mut service = Client::login(scene.server, &scene.target, "a");
    service.available("");
    scene.proxy.wait_online(&[&service.jid]);
    user.send(format!(
        "<iq type='get' id='r' to='{helper}'><query xmlns='jabber:iq:roster'/></iq>"
    ));
    let request = service.receive_where("the request", |it| {
        it.attr("type") == Some("get") && it.child("query").is_some()
    });
    answer(&mut service, &request);
    user.answer_to("r").child("answer").unwrap();
}

// Each server first asks the contact for its capabilities: docs/servers.md#asks-as-account,
// docs/servers.md#own-answers.
case!(what_the_account_publishes_is_told_to_its_contacts: both);
fn what_the_account_publishes_is_told_to_its_contacts(kind: Kind) {
    let scene = super::stage::scene(kind);
    let mut service = scene.service("a");
    service.fetch_roster();
    let mut user = User::new(&scene);
    let helper = face(&scene, "helper");
    let alias = befriend(&scene, &mut service, &mut user, "helper");
    user.available(&format!(
        "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:1' ver='{CAPABILITIES}'/>"
    ));
    // The bot's server sends requests as well.
    let request = user.receive("a request of the bot's server", |it| {
        let from = it.attr("from").unwrap_or_default();
        it.name == "iq" && it.child("query").is_some() && bare(from) == helper
    });
    let from = request.attr("from").unwrap();
    assert_eq!(from, if kind.is(Prosody) { &helper } else { &alias });
    let (id, query) = (request.attr("id").unwrap(), request.child("query").unwrap());
    user.send(format!(
        "<iq type='result' id='{id}' to='{from}'>\
         <query xmlns='http://jabber.org/protocol/disco#info' node='{}'>\
         <identity category='client' type='pc'/><feature var='urn:example:news+notify'/>\
         </query></iq>",
        query.attr("node").unwrap_or_default()
    ));
    // It gets the events that it has asked for, once the server has processed that.
    let (mut number, mut event) = (0, None);
    assert!(comes(|| {
        number += 1;
        service.send(format!(
            "<iq type='set' id='s'><pubsub xmlns='{PUBSUB}'><publish node='urn:example:news'>\
             <item id='{number}'><news xmlns='urn:example:news'/></item></publish></pubsub></iq>"
        ));
        service.answer_to("s");
        event = user.hears(|it| it.child("event").is_some());
        event.is_some()
    }));
    let event = event.unwrap();
    assert_eq!(bare(event.attr("from").unwrap()), helper);
    let items = event.child("event").unwrap().child("items").unwrap();
    assert!(items.child("item").unwrap().child("news").is_some(), "{event:?}");
    // ejabberd accepts the answer to its own request, whatever address it was sent to.
    assert_eq!(scene.proxy.count(ANSWERED) > 0, kind.is(Prosody));
}

case!(without_account_queries_a_client_answers: both);
fn without_account_queries_a_client_answers(kind: Kind) {
    let scene = super::stage::scene(kind);
    let (mut service, mut user) = (scene.service("a"), User::new(&scene));
    user.send(format!(
        "<iq type='get' id='r' to='{}'><vCard xmlns='vcard-temp'/></iq>",
        face(&scene, "helper")
    ));
    let request = service.receive_where("the request", |it| it.child("vCard").is_some());
    answer(&mut service, &request);
    user.answer_to("r").child("answer").unwrap();
}

fn asks(scene: &Scene, user: &mut User, payload: &str) -> Stanza {
    let helper = face(scene, "helper");
    user.send(format!("<iq type='get' id='r' to='{helper}'>{payload}</iq>"));
    let it = user.answer_to("r");
    assert_eq!((it.attr("from"), it.attr("to")), (Some(&*helper), Some(&*user.jid)));
    it
}

fn items(node: &str) -> String {
    format!("<pubsub xmlns='{PUBSUB}'><items node='{node}'/></pubsub>")
}

/// The XEP-0115 hash of `client/pc//<urn:example:news+notify<`.
const CAPABILITIES: &str = "sqfxFOxaXMOcHx52ZJrJWsKd3c8=";
const ANSWERED: &[&str] = &["stanza=\"reply\"", "way=\"inward\"", "outcome=\"relayed\""];
const PUBSUB: &str = "http://jabber.org/protocol/pubsub";
const QUERIES: &str = r#"account-queries = ["vcard-temp", "http://jabber.org/protocol/pubsub"]"#;
const PUBLISHED: [(&str, &str); 2] = [
    (
        "urn:xmpp:avatar:metadata",
        "<metadata xmlns='urn:xmpp:avatar:metadata'><info bytes='1' id='i' type='image/png'/></metadata>",
    ),
    (
        "eu.siacs.conversations.axolotl.devicelist",
        "<list xmlns='eu.siacs.conversations.axolotl'><device id='4223'/></list>",
    ),
];
