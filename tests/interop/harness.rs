//! The stage itself: what the other tests take for granted about the servers.

use test_support::interop::client::Client;
use test_support::interop::server::{Kind, Server};

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
