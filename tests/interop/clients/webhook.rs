//! The client of clients/webhook/, run as docs/clients/webhook.md says, with the webhook that it
//! shows and with others that fail.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;

use test_support::interop::client::Client;
use test_support::interop::scene::Scene;
use test_support::interop::server::{Kind, fresh_folder};
use test_support::interop::stanza::Stanza;
use test_support::pages::{blocks, first};
use test_support::port::free_ports;
use test_support::process::{self, Process};
use test_support::wait::wait_until;

use super::chat::{both_ways, says};
use super::launch::{BotOptions, PYTHON, Source, put};
use super::who;

case!(a_webhook_answers_and_its_failures_are_told: [prosody ejabberd] []);
fn a_webhook_answers_and_its_failures_are_told(kind: Kind) {
    let scene = Scene::with(kind, both_ways);
    let [port] = free_ports();
    let mut webhook = shown(port);
    let options = BotOptions::plain(scene.server, &scene.target, &scene.domain);
    let _client = options.webhook(Source::Debian, &environment(port));
    let resource = format!("{}/a", scene.target);
    scene.proxy.wait_online(&[&resource]);
    let mut user = scene.user();
    user.available("");
    let face = format!("helper@{}", scene.domain);

    who(&mut user, &face, "it's <1>");
    let reply = user.receive_reply("it's <1>");
    let payload = reply.child("who").unwrap_or_else(|| panic!("{reply:?}"));
    assert_eq!(payload.attr("user"), Some(user.jid.as_str()));
    let answer = says(&mut user, &face, "it's &lt;1&gt;");
    assert_eq!(answer.child("body").unwrap().text(), "You said: it's <1>");
    user.ask(&face, "unknown");
    is_error(&user.receive_reply("unknown"), "cancel", "feature-not-implemented");
    webhook.kill();

    let other = TcpListener::bind(("127.0.0.1", port)).unwrap();
    for answer in UNUSABLE {
        who(&mut user, &face, "unusable");
        serve(&other, answer);
        is_error(&user.receive_reply("unusable"), "cancel", "internal-server-error");
        writes(&mut user, &face);
        serve(&other, answer);
        is_error(&receive_message(&mut user), "cancel", "internal-server-error");
    }
    serve_empty(&mut user, &face, &other);

    // It accepts connections, and sends nothing.
    fails_for_now(&mut user, &face);
    drop(other);
    fails_for_now(&mut user, &face);

    let _webhook = shown(port);
    let answer = says(&mut user, &face, "again");
    assert_eq!(answer.child("body").unwrap().text(), "You said: again");
}

/// The webhook of the page, once it listens.
fn shown(port: u16) -> Process {
    let folder = fresh_folder("webhook");
    let code = put(&first(PAGE, "python").text, "8080", &port.to_string());
    fs::write(folder.join("shown.py"), code).unwrap();
    let mut python = process::command(PYTHON);
    python.args(["-B", "shown.py"]).current_dir(&folder);
    let webhook = Process::start(python, &folder.join("log"));
    wait_until("the webhook to listen", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    webhook
}

/// What the page's commands export, and the program that they start.
fn environment(port: u16) -> String {
    let commands = blocks(PAGE).into_iter().find(|it| it.text.starts_with("export JID"));
    put(&commands.expect("the commands").text, "8080", &port.to_string())
}

/// Accepts one request, and answers it with this.
fn serve(listener: &TcpListener, answer: &str) {
    let (mut client, _) = listener.accept().unwrap();
    let mut said = Vec::new();
    while !said.ends_with(b"}") {
        let mut byte = [0];
        assert_eq!(client.read(&mut byte).unwrap(), 1, "the end of the request");
        said.push(byte[0]);
    }
    client.write_all(answer.as_bytes()).unwrap();
}

/// An empty answer is an empty result.
fn serve_empty(user: &mut Client, face: &str, listener: &TcpListener) {
    who(user, face, "empty");
    serve(listener, "HTTP/1.0 204 No Content\r\n\r\n");
    let reply = user.receive_reply("empty");
    assert_eq!((reply.attr("type"), reply.child("who")), (Some("result"), None), "{reply:?}");
}

fn fails_for_now(user: &mut Client, face: &str) {
    who(user, face, "later");
    is_error(&user.receive_reply("later"), "wait", "resource-constraint");
    writes(user, face);
    is_error(&receive_message(user), "wait", "resource-constraint");
}

fn receive_message(user: &mut Client) -> Stanza {
    user.receive_where("a message", |it| it.name == "message")
}

fn writes(user: &mut Client, face: &str) {
    user.send(format!("<message type='chat' to='{face}' id='m'><body>hello</body></message>"));
}

fn is_error(stanza: &Stanza, type_: &str, condition: &str) {
    assert_eq!(stanza.attr("type"), Some("error"), "{stanza:?}");
    let error = stanza.child("error").unwrap_or_else(|| panic!("{stanza:?}"));
    assert_eq!(error.attr("type"), Some(type_), "{stanza:?}");
    assert!(error.child(condition).is_some(), "{stanza:?}");
}

const UNUSABLE: [&str; 7] = [
    "HTTP/1.0 500 Internal Server Error\r\n\r\n",
    "no HTTP\r\n\r\n",
    "HTTP/1.0 200 OK\r\n\r\nno JSON",
    "HTTP/1.0 200 OK\r\n\r\n[\"a list\"]",
    "HTTP/1.0 200 OK\r\n\r\n{\"payload\": \"<who xmlns='urn:example:who'>\", \"body\": \"a\\u0007\"}",
    "HTTP/1.0 200 OK\r\n\r\n{\"payload\": \"<who/>\", \"body\": \"a\\ud800\"}",
    "HTTP/1.0 200 OK\r\n\r\n{\"error\": \"no-such-condition\"}",
];

const PAGE: &str = "docs/clients/webhook.md";
