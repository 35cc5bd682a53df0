//! What the other tests assume about the servers.

use test_support::interop::client::Client;
use test_support::interop::server::{Kind, ROOMS, Server};

use crate::bot::Bot;

case!(clients_talk_directly: all);
fn clients_talk_directly(kind: Kind) {
    let server = Server::shared(kind);
    let account = server.new_account("direct");
    let mut one = Client::login(server, &account, "one");
    let mut two = Client::login(server, &account, "two");
    two.available("");
    one.available("");
    one.ask(&two.jid, "it's <\"&\u{1F600}");
    let request = two.receive_request();
    assert_eq!(request.attr("id"), Some("it's <\"&\u{1F600}"));
    assert_eq!(request.attr("from"), Some(one.jid.as_str()));
    assert!(request.bytes.starts_with(b"<iq ") && request.bytes.ends_with(b"</iq>"));
}

case!(a_server_restarts_on_its_ports_and_keeps_accounts: all);
fn a_server_restarts_on_its_ports_and_keeps_accounts(kind: Kind) {
    let mut server = Server::start(kind);
    let account = server.new_account("kept");
    server.stop();
    server.resume();
    Client::login(&server, &account, "again");
}

case!(a_server_for_people_has_what_they_want: both);
fn a_server_for_people_has_what_they_want(kind: Kind) {
    let server = Server::for_people(kind);
    let [one, two] = ["one", "two"].map(|name| server.new_account(name));
    let mut one = Client::login(server, &one, "abc");
    one.available("");
    let pubsub = "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:n'>\
                  <item id='1'><n xmlns='urn:n'/></item></publish></pubsub>";
    for (type_, to, payload) in [
        ("set", "", "<enable xmlns='urn:xmpp:carbons:2'/>"),
        ("set", "", "<query xmlns='urn:xmpp:mam:2'/>"),
        ("set", "", "<vCard xmlns='vcard-temp'><FN>One</FN></vCard>"),
        ("get", "", "<blocklist xmlns='urn:xmpp:blocking'/>"),
        ("set", "", pubsub),
        (
            "get",
            &*format!("to='{ROOMS}'"),
            "<query xmlns='http://jabber.org/protocol/disco#info'/>",
        ),
    ] {
        one.send(format!("<iq type='{type_}' id='i' {to}>{payload}</iq>"));
        let answer = one.receive_reply("i");
        assert_eq!(answer.attr("type"), Some("result"), "{payload}: {answer:?}");
    }
    one.send(format!("<message type='chat' to='{two}'><body>later</body></message>"));
    one.ask(&server.host, "passed");
    one.receive_reply("passed");
    let mut two = Client::login(server, &two, "abc");
    two.available("");
    two.receive_where("what was stored", |it| it.child("delay").is_some());
}

case!(slixmpp_clients_talk_directly: both);
fn slixmpp_clients_talk_directly(kind: Kind) {
    let server = Server::shared(kind);
    let service = format!("{}/a", server.new_account("service"));
    let user = format!("{}/abc", server.new_account("user"));
    let bot = Bot::start("service.py", server, &service, &[]);
    assert_eq!(bot.report("ready")["jid"], service.as_str());
    let user = Bot::start("user.py", server, &user, &[&service, "2"]);
    user.report("ready");
    assert_eq!(user.report("reply")["resource"], "a");
    assert_eq!(user.report("reply")["same_id"], true);
    assert_eq!(user.report("disco")["names"][0], "a");
}
