//! Jicofo on ejabberd, exactly as on the page, with a client that handles addresses as Jicofo does.

use test_support::interop::client::Client;
use test_support::interop::server::{HOST, Kind, Server, paste};
use test_support::pages::block;
use test_support::port::free_ports;

use crate::bot::Bot;
use crate::terminal::Terminal;

const PAGE: &str = "docs/jitsi.md";
const DOMAIN: &str = "focus.meet.example.com";

case!(the_page_leads_to_jicofo: ejabberd);
fn the_page_leads_to_jicofo(kind: Kind) {
    let mut server = Server::start(kind);
    server.register("focus");
    // For the page's listener; that of the tests stays.
    let [port] = free_ports();
    server.component_port = port;
    let mut terminal = Terminal::new(server, &[("auth.meet.example.com", HOST)]);

    terminal.run(&block(PAGE, "1. Configure jat-proxy", "console"));
    let table = terminal.here(&block(PAGE, "1. Configure jat-proxy", "toml").text);
    let written = terminal.read("jat-proxy.toml");
    assert!(written.contains(&table), "{written} has not {table}");
    let secret = terminal.read("proxy.secret");
    let listener = block(PAGE, "2. Configure ejabberd", "yaml").text;
    let listener = listener.replace("the content of proxy.secret", secret.trim());
    let listener = listener.replace("5347", &port.to_string());
    terminal.server.stop();
    terminal.server.reconfigure(|text| paste(kind, &text, &listener));
    terminal.server.resume();
    terminal.run(&block(PAGE, "4. Start and check", "console"));

    let account = terminal.server.new_account("user");
    let mut user = Client::login(&terminal.server, &account, "abc");
    let mut ask = |id: &str| {
        let conference = "<conference xmlns='http://jitsi.org/protocol/focus' room='r@muc'/>";
        user.send(format!("<iq type='set' id='{id}' to='{DOMAIN}'>{conference}</iq>"));
        (user.receive_reply(id), user.jid.clone())
    };
    let (refused, _) = ask("before");
    let condition = refused.error().map(|error| error.0);
    assert_eq!(condition.as_deref(), Some("service-unavailable"), "{refused:?}");

    let jid = format!("focus@{HOST}/focus");
    let jicofo = Bot::start("jicofo.py", &terminal.server, &jid, &[DOMAIN]);
    jicofo.report("ready");
    let (reply, user) = ask("after");
    assert_eq!(reply.attr("type"), Some("result"), "{reply:?}");
    assert_eq!(reply.attr("from"), Some(DOMAIN));
    let request = jicofo.report("request");
    assert_eq!(request["user"], user.as_str());
    assert_ne!(request["id"], "after", "the token is there");
}
