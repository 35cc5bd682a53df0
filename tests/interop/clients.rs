//! The bots of docs/clients/ and of the README, run as they are printed there, with the test's
//! addresses, password and server in place of the page's.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::client::Client;
use crate::pages::{block, first};
use crate::process::{self, PATIENCE, Process};
use crate::proxy::Proxy;
use crate::scene::Scene;
use crate::server::{HOST, Kind, Server, fresh_folder};
use crate::stanza::escape;

case!(the_bot_for_slixmpp: prosody);
fn the_bot_for_slixmpp(kind: Kind) {
    serves_users_of_the_proxy_only(kind, slixmpp);
}

case!(the_bot_for_aioxmpp: prosody);
fn the_bot_for_aioxmpp(kind: Kind) {
    serves_users_of_the_proxy_only(kind, aioxmpp);
}

case!(the_bot_for_xmpp_js: prosody);
fn the_bot_for_xmpp_js(kind: Kind) {
    serves_users_of_the_proxy_only(kind, xmpp_js);
}

case!(the_bot_for_go_xmpp: prosody);
fn the_bot_for_go_xmpp(kind: Kind) {
    serves_users_of_the_proxy_only(kind, go_xmpp);
}

case!(bots_come_back_after_their_server: prosody);
fn bots_come_back_after_their_server(kind: Kind) {
    let mut server = Server::start(kind);
    let bots = [slixmpp, aioxmpp, xmpp_js, go_xmpp].map(|launch| {
        let (domain, target) = (server.new_domain(), server.new_account("service"));
        let proxy = Proxy::start(&server, crate::proxy::Settings::new(&domain, &target));
        let bot = launch(&server, &target, &domain);
        proxy.wait_online(&[&format!("{target}/a")]);
        (domain, target, proxy, bot)
    });
    server.stop();
    for (_, _, proxy, _) in &bots {
        proxy.wait_until("the stream to end", |proxy| !proxy.is_connected());
    }
    server.resume();
    let account = server.new_account("user");
    let mut user = Client::login(&server, &account, "abc");
    for (domain, target, proxy, _bot) in &bots {
        let what = format!("an answer of {target}");
        process::wait_within(3 * PATIENCE, &what, || {
            who(&mut user, domain, "again");
            user.receive_reply("again").attr("type") == Some("result")
        });
        proxy.wait_online(&[&format!("{target}/a")]);
    }
}

case!(the_bot_and_the_user_of_the_readme: prosody);
fn the_bot_and_the_user_of_the_readme(kind: Kind) {
    let scene = Scene::new(kind);
    let (server, domain) = (scene.server, &scene.domain);
    let code = block("README.md", "3. Accept the subscription", "python").text;
    let bot = slixmpp_on_loopback(server, &code, &scene.target, domain);
    let _bot = python(&fresh_folder("readme-bot"), &bot);
    scene.proxy.wait_online(&[&format!("{}/a", scene.target)]);

    let code = block("README.md", "4. The first request", "python").text;
    let account = server.new_account("user");
    let code = slixmpp_on_loopback(server, &code, &scene.target, domain);
    let code = put(&code, "user@some-domain.example/abc", &format!("{account}/abc"));
    let code = put(&code, "the user's password", "password");
    let folder = fresh_folder("readme-user");
    let status = python(&folder, &code).wait(3 * PATIENCE);
    let said = std::fs::read_to_string(folder.join("log")).unwrap();
    assert!(status.is_some_and(|status| status.success()), "{said}");
    assert!(said.contains("my service") && said.contains("jabber:iq:version"), "{said}");
}

type Launch = fn(&Server, &str, &str) -> Process;

/// The bot accepts the proxy and nobody else, answers a user of the proxy under the address that
/// the token tells, believes no token of anybody else, and answers what it does not know.
fn serves_users_of_the_proxy_only(kind: Kind, launch: Launch) {
    let scene = Scene::new(kind);
    let jid = format!("{}/a", scene.target);
    // Its resource is a token, of the README; it names user@some-domain.example/abc.
    let account = scene.server.new_account("stranger");
    let mut stranger = Client::login(scene.server, &account, TOKEN);
    stranger.available("");
    // Asked before the bot is there, so that it is the first thing that the bot hears.
    stranger.send(format!("<presence type='subscribe' to='{}'/>", scene.target));
    let _bot = launch(scene.server, &scene.target, &scene.domain);
    scene.proxy.wait_online(&[&jid]);

    let mut user = scene.user();
    who(&mut user, &scene.domain, "it's <1>");
    let reply = user.receive_reply("it's <1>");
    let payload = reply.child("who").unwrap_or_else(|| panic!("{reply:?}"));
    assert_eq!(payload.attr("user"), Some(user.jid.as_str()));
    assert_eq!(reply.attr("from"), Some(scene.domain.as_str()));

    user.ask(&scene.domain, "unknown");
    let reply = user.receive_reply("unknown");
    assert_eq!(reply.attr("type"), Some("error"), "{reply:?}");

    // A bot refuses a subscription by silence, or says so; either before it answers.
    who(&mut stranger, &jid, "direct");
    let presence = RefCell::new(Vec::new());
    let reply = stranger.receive_where("the answer", |it| {
        if it.name == "presence" && it.attr("from").is_some_and(|at| at.starts_with(&scene.target))
        {
            presence.borrow_mut().push(it.attr("type").unwrap_or("available").to_owned());
        }
        it.name == "iq" && it.attr("id") == Some("direct")
    });
    let presence = presence.into_inner();
    let payload = reply.child("who").unwrap_or_else(|| panic!("{reply:?}"));
    assert_eq!(payload.attr("user"), Some(stranger.jid.as_str()));
    let let_in = ["subscribed", "available"];
    assert!(!presence.iter().any(|it| let_in.contains(&it.as_str())), "{presence:?}");
}

fn who(user: &mut Client, to: &str, id: &str) {
    let id = escape(id);
    user.send(format!("<iq type='get' id='{id}' to='{to}'><who xmlns='urn:example:who'/></iq>"));
}

fn slixmpp(server: &Server, target: &str, domain: &str) -> Process {
    let code = first("docs/clients/slixmpp.md", "python").text;
    python(&fresh_folder("slixmpp-bot"), &slixmpp_on_loopback(server, &code, target, domain))
}

fn slixmpp_on_loopback(server: &Server, code: &str, target: &str, domain: &str) -> String {
    let port = server.client_port;
    let code = code.replace(
        ".connect()",
        &format!(".connect((\"127.0.0.1\", {port}), disable_starttls=True, force_starttls=False)"),
    );
    let code = put(&code, "proxy.domain.example", domain);
    code.replace("some-user@some-domain.example", target).replace(BOT_PASSWORD, "password")
}

fn aioxmpp(server: &Server, target: &str, domain: &str) -> Process {
    let code = first("docs/clients/aioxmpp.md", "python").text;
    let code = put(&code, "proxy.domain.example", domain);
    let code = put(&code, "some-user@some-domain.example", target);
    let code = put(&code, BOT_PASSWORD, "password");
    let layer = "make_security_layer(PASSWORD)";
    let port = server.client_port;
    let here = format!(
        "{layer}._replace(tls_required=False), \
         override_peer=[(\"127.0.0.1\", {port}, aioxmpp.connector.STARTTLSConnector())]"
    );
    python(&fresh_folder("aioxmpp-bot"), &put(&code, layer, &here))
}

fn python(folder: &Path, code: &str) -> Process {
    write(folder, "bot.py", code);
    write(folder, "jat_token.py", &first("docs/token.md", "python").text);
    let mut python = process::command(PYTHON);
    python.arg("-B").arg("bot.py").current_dir(folder);
    Process::start(python, &folder.join("log"))
}

fn xmpp_js(server: &Server, target: &str, domain: &str) -> Process {
    let modules = installed().join("node_modules");
    assert!(modules.join("@xmpp/client").is_dir(), "{} (tests/run makes it)", modules.display());
    let folder = fresh_folder("xmpp-js-bot");
    let code = first("docs/clients/xmpp.js.md", "javascript").text;
    let code = put(&code, "proxy.domain.example", domain);
    let service = format!("xmpp://127.0.0.1:{}", server.client_port);
    let code = put(&code, "xmpp://some-domain.example:5222", &service);
    let code = put(&code, "\"some-domain.example\"", &format!("{HOST:?}"));
    let code = put(&code, "some-user", target.split('@').next().unwrap());
    write(&folder, "bot.mjs", &put(&code, BOT_PASSWORD, "password"));
    let decoder = first("docs/token.md", "javascript").text;
    write(
        &folder,
        "jat-token.mjs",
        &put(&decoder, "function readToken", "export function readToken"),
    );
    std::os::unix::fs::symlink(&modules, folder.join("node_modules")).unwrap();
    // `tests/run` puts one there where the system's is too old.
    let ours = modules.with_file_name("node");
    let program = if ours.exists() { ours.to_str().unwrap() } else { "node" };
    let mut node = process::command(program);
    node.arg("bot.mjs").current_dir(&folder);
    Process::start(node, &folder.join("log"))
}

fn go_xmpp(server: &Server, target: &str, domain: &str) -> Process {
    let page = "docs/clients/go-xmpp.md";
    let folder = fresh_folder("go-xmpp-bot");
    let code = block(page, "The bot", "go").text;
    let code = put(&code, "proxy.domain.example", domain);
    let server_address = format!("127.0.0.1:{}", server.client_port);
    let code = put(&code, "some-domain.example:5222", &server_address);
    let code = put(&code, "some-user@some-domain.example", target);
    let code = put(&code, "StartTLS: true", "StartTLS: false, InsecureAllowUnencryptedAuth: true");
    write(&folder, "bot.go", &put(&code, BOT_PASSWORD, "password"));
    write(&folder, "token.go", &block(page, "The decoder", "go").text);
    let build = Command::new("go")
        .args(["build", "-o", "bot", "bot.go", "token.go"])
        .current_dir(&folder)
        .envs([("GO111MODULE", "off"), ("GOPATH", "/usr/share/gocode"), ("GOTOOLCHAIN", "local")])
        .env("GOCACHE", installed().join("go"))
        .output()
        .expect("go is installed (tests/run does it)");
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
    let bot = process::command(folder.join("bot").to_str().unwrap());
    Process::start(bot, &folder.join("log"))
}

/// The folder below target/ into which tests/run installs what is no package of Debian.
fn installed() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("clients")
}

/// The code with something else for what the page has, which must be there.
fn put(code: &str, page: &str, here: &str) -> String {
    assert!(code.contains(page), "the page's code has no {page}");
    code.replace(page, here)
}

fn write(folder: &Path, file: &str, text: &str) {
    std::fs::write(folder.join(file), text).unwrap();
}

const BOT_PASSWORD: &str = "the bot's password";

/// Debian's own Python is the one that has Debian's libraries.
const PYTHON: &str = "/usr/bin/python3";

/// The token of the README: user@some-domain.example/abc asked.
const TOKEN: &str = "aeaqcadljhqbaaa4ovzwk4saonxw2zjnmrxw2yljnyxgk6dbnvygyzjpmfrggaaagezdgnh4aa7ulrg472rfhjdbc5h77sj3";
