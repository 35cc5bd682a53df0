//! Each piece of a server's configuration: the real server starts with it, and jat-proxy logs in
//! as every domain that it is for.

use std::fs;
use std::path::Path;

use test_support::interop::client::{Client, SILENCE};
use test_support::interop::server::{HOST, Kind, Server, fresh_folder, prosody};
use test_support::port::free_ports;
use test_support::process::{Process, command};
use test_support::wait::wait_until;

use crate::claims;
use crate::stage::Stage;

const SECRET: &str = "the content of proxy.secret";

case!(prosody_takes_each_piece: prosody);
fn prosody_takes_each_piece(kind: Kind) {
    const DOCUMENT: &str = "docs/replicas.md";
    let fleet = claims::text(DOCUMENT, "Component \"proxy.example\"");
    let server = Server::start_with(kind, &fleet);
    assert_finds_modules(&claims::text(DOCUMENT, "plugin_paths"), &server);
    let _replica = assert_logs_in(DOCUMENT, &server, server.component_port, &DOMAINS);
    let another = || assert_logs_in(DOCUMENT, &server, server.component_port, &DOMAINS[..1]);
    drop(another());
    server.shell("module:unload(\"component_fleet\", \"proxy.example\")");
    let orders = claims::text(DOCUMENT, "module:reload");
    let [reload, load] = orders.lines().collect::<Vec<_>>().try_into().unwrap();
    assert!(server.shell(load).contains("Loaded"), "{load}");
    assert!(server.shell(reload).contains("Reloaded"), "{reload}");
    another();
    drop(server);

    let file = fs::read_to_string("config/prosody.cfg.lua").unwrap();
    let server = Server::start_with(kind, &file);
    assert_logs_in("config", &server, server.component_port, &["proxy.domain.example"]);
    drop(server);

    // With the certificate from the document's commands, for a host of that name.
    let stage = Stage::new();
    fs::create_dir_all(stage.path("a", "etc/ejabberd")).unwrap();
    stage.run(TLS, &claims::text(TLS, "openssl req"));
    let made = stage.folder.join("repository");
    for (from, to) in [("server.pem", "xmpp.example.crt"), ("server.key", "xmpp.example.key")] {
        fs::copy(made.join(from), made.join(to)).unwrap();
    }
    let [port] = free_ports();
    let lines = claims::text(TLS, "ssl_ports").replace("5348", &port.to_string()) + "\n";
    let server = Server::start_changed(kind, |text| {
        let text = prosody::with_module(&text, "net_multiplex", &lines);
        let own = text.lines().find(|line| line.starts_with("certificates = ")).unwrap();
        let text = text.replace(own, &format!("certificates = {made:?}"));
        text + &file + "\nVirtualHost \"xmpp.example\"\n"
    });
    let ca = made.join("ca.pem");
    let tls = format!("tls = true\nca-file = {ca:?}\nserver-name = \"xmpp.example\"\n");
    assert_logs_in_with(TLS, &server, port, &tls, &["proxy.domain.example"]);
}

case!(ejabberd_takes_each_piece: ejabberd);
fn ejabberd_takes_each_piece(kind: Kind) {
    const DOCUMENT: &str = "docs/replicas.md";
    let [short, strict, file, tls] = free_ports();
    // All at once, each on a port of its own, since starting the server is slow.
    let example = fs::read_to_string("config/ejabberd.yml").unwrap();
    let entry = example.split_once("listen:\n").unwrap().1;
    // With the certificate from the document's commands.
    let stage = Stage::new();
    fs::create_dir(stage.path("a", "etc/ejabberd")).unwrap();
    stage.run(TLS, &claims::text(TLS, "openssl req"));
    let encrypted = stage.adapted(&claims::text(TLS, "  - port: 5348"));
    let ca = stage.folder.join("repository/ca.pem");
    let tls_lines = format!("tls = true\nca-file = {ca:?}\nserver-name = \"xmpp.example\"\n");
    let at = |text: &str, port: u16| text.replace("5347", &port.to_string());
    let snippet = at(&claims::text(DOCUMENT, "  # Short"), short)
        + &at(&claims::text(DOCUMENT, "  # Strict"), strict)
        + &at(entry, file)
        + &encrypted.replace("5348", &tls.to_string());
    let server = Server::start_with(kind, &snippet);
    assert_logs_in(DOCUMENT, &server, short, &DOMAINS);
    assert_logs_in(DOCUMENT, &server, strict, &DOMAINS);
    assert_logs_in("config", &server, file, &["proxy.domain.example"]);
    assert_logs_in_with(TLS, &server, tls, &tls_lines, &["proxy.domain.example"]);
}

// The account that the lines name may have more clients than others.
case!(ejabberd_lifts_its_limits: ejabberd);
fn ejabberd_lifts_its_limits(kind: Kind) {
    let lines = of_the_bot(&claims::text(RELAY, "acl:"));
    let server = Server::start_changed(kind, |text| {
        let module = "module: ejabberd_c2s\n";
        let text = text.replace(module, &format!("{module}    shaper: c2s_shaper\n"));
        format!("{text}\nshaper:\n  normal: 1000\n{lines}")
    });
    // One more than others may have.
    let logs_in = |node: &str| -> Vec<Client> {
        server.register(node);
        let bare = format!("{node}@{HOST}");
        let login = |number: u32| Client::login(&server, &bare, &format!("r{number}"));
        (0..11).map(login).collect()
    };
    let asks = "<iq type='get' id='ping'><ping xmlns='urn:xmpp:ping'/></iq>";
    let mut bots = logs_in("bot");
    bots[0].send(asks);
    bots[0].receive_reply("ping");
    says_much(&mut bots[0]);
    let mut others = logs_in("other");
    wait_until("the oldest of the others goes", || {
        let _ = others[0].try_receive(SILENCE);
        others[0].ended()
    });
}

// The account may send much, too.
case!(prosody_lifts_its_limits: prosody);
fn prosody_lifts_its_limits(kind: Kind) {
    let lines = of_the_bot(&claims::text(RELAY, "unlimited_jids"));
    let limits = format!("limits = {{ c2s = {{ rate = \"1kb/s\", burst = \"2s\" }} }}\n{lines}");
    let server = Server::start_changed(kind, |text| prosody::with_module(&text, "limits", &limits));
    server.register("bot");
    says_much(&mut Client::login(&server, &format!("bot@{HOST}"), "a"));
}

/// With 1,000 bytes a second this would take many minutes.
fn says_much(bot: &mut Client) {
    let (jid, body) = (bot.jid.clone(), "x".repeat(100_000));
    for number in 0..5 {
        bot.send(format!("<message to='{jid}' id='m{number}'><body>{body}</body></message>"));
    }
    bot.receive_where("the last of them", |stanza| stanza.attr("id") == Some("m4"));
}

/// With the account of the tests.
fn of_the_bot(lines: &str) -> String {
    assert!(lines.contains("bot@other.example"), "{lines}");
    lines.replace("bot@other.example", &format!("bot@{HOST}"))
}

const RELAY: &str = "docs/relay.md";

/// The domains of three replicas.
const DOMAINS: [&str; 4] =
    ["proxy.example", "a.proxy.example", "b.proxy.example", "c.proxy.example"];

const TLS: &str = "docs/tls.md";

fn assert_logs_in(document: &str, server: &Server, port: u16, domains: &[&str]) -> Process {
    assert_logs_in_with(document, server, port, "", domains)
}

/// Starts and returns a daemon with a component for each domain, and these additional lines for its
/// server.
fn assert_logs_in_with(
    document: &str,
    server: &Server,
    port: u16,
    more: &str,
    domains: &[&str],
) -> Process {
    let folder = fresh_folder("snippet");
    let keys = "[[key]]\nid = 1\nsecret = \"U0VDUkVULUEtU0VDUkVULUEtU0VDUkVULUEtU0VDUkU=\"\n";
    let mut config = format!("[server]\naddress = \"127.0.0.1:{port}\"\n{more}{keys}");
    for domain in domains {
        config += &format!(
            "[[component]]\ndomain = \"{domain}\"\nsecret = \"{SECRET}\"\n\
             target-address = \"bot@host.example\"\n"
        );
    }
    let file = folder.join("jat-proxy.toml");
    fs::write(&file, config).unwrap();
    let mut run = command(env!("CARGO_BIN_EXE_jat-proxy"));
    run.args(["run", "-c"]).arg(&file);
    let daemon = Process::start(run, &folder.join("log"));
    for domain in domains {
        let said = format!("logged in to 127.0.0.1:{port} component=\"{domain}\"");
        let what = format!("{document} on {}: {said}, see {}", server.kind, folder.display());
        wait_until(&what, || has(&folder, &said));
    }
    daemon
}

fn has(folder: &Path, line: &str) -> bool {
    fs::read_to_string(folder.join("log")).is_ok_and(|log| log.contains(line))
}

/// Prosody finds the module in the package at the printed path; the test's server finds it in the
/// repository.
fn assert_finds_modules(lines: &str, server: &Server) {
    let packaged = "/usr/share/jat-proxy/prosody";
    assert!(fs::read_to_string("Cargo.toml").unwrap().contains(&packaged[1..]));
    let here = lines.replace(packaged, concat!(env!("CARGO_MANIFEST_DIR"), "/config/prosody"));
    assert_ne!(here, lines);
    assert!(
        fs::read_to_string(server.configuration()).unwrap().contains(here.trim_end()),
        "{here}"
    );
}
