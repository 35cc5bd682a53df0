//! The README from `init` to the first answer, on real servers: what it lets the reader paste is
//! pasted, and what it shows is what is printed.
//!
//! Not as it stands there: ports, and the domain of the accounts, which our servers have.

use std::fs;
use std::path::Path;

use core_tests::interpreter::{self, PYTHON};
use test_support::interop::client::Client;
use test_support::interop::server::{HOST, Kind, Server, Software, Suite, fresh_folder};
use test_support::port::free_ports;
use test_support::process::{Process, command};
use test_support::wait::{PATIENCE, wait_until};
use toml::Table;

use crate::stage::Stage;
use crate::transcript::{assert_shown, without_times};
use crate::{claims, configuration};

case!(the_readme_works_on_prosody: prosody);
fn the_readme_works_on_prosody(kind: Kind) {
    let told = follow(kind);
    // These are shown as they are on Prosody.
    let shown = claims::text("docs/operating.md", "INFO starting version");
    assert_shown("docs/operating.md", &shown, &told.log);
    let shown = claims::text("docs/operating.md", "jat-proxy 0.1.0, since");
    assert_shown("docs/operating.md", &shown, &told.status);
}

case!(the_readme_works_on_ejabberd: ejabberd);
fn the_readme_works_on_ejabberd(kind: Kind) {
    follow(kind);
}

/// What the daemon logged, and what `status` said after one request.
struct Told {
    log: String,
    status: String,
}

fn follow(kind: Kind) -> Told {
    is_in_the_table(kind);
    let block = |begins| claims::text("README.md", begins);
    let stage = Stage::new();
    let folder = stage.folder.join("repository/jat");
    stage.run("README.md", &block("cargo install --locked"));
    let configuration = configuration_of_readme(&folder);

    let begins = if kind.is(Software::Prosody) { "Component" } else { "  - port: 5347" };
    let [port, http] = free_ports();
    let secret = fs::read_to_string(folder.join("proxy.secret")).unwrap();
    let snippet = block(begins).replace("the content of proxy.secret", secret.trim());
    // A secret can have the same digits as a port.
    let on_port = format!("port: {port}\n");
    let server = Server::start_with(kind, &snippet.replace("port: 5347\n", &on_port));
    let port = if kind.is(Software::Prosody) { server.component_port } else { port };
    let configuration = configuration
        .replace("some-domain.example", HOST)
        .replace(":5347", &format!(":{port}"))
        .replace(":9114", &format!(":{http}"));
    fs::write(folder.join("jat-proxy.toml"), configuration).unwrap();
    for account in ["some-user", "user"] {
        server.register(account);
    }

    let transcript = block("$ jat-proxy check -c");
    let [(check, checked), (run, started)] = commands(&transcript)[..] else {
        panic!("two commands: {transcript}")
    };
    assert_shown("README.md", checked, &stage.run("README.md", &format!("cd jat\n{check}")));
    // Before the daemon, which complains when nobody has been online for ten seconds: a loaded
    // machine takes its time.
    let bot = Process::start(python(&server, &block(BOT)), &folder.join("bot"));
    assert_eq!(run, "jat-proxy run -c jat-proxy.toml");
    let mut daemon = command(env!("CARGO_BIN_EXE_jat-proxy"));
    daemon.args(run.split(' ').skip(1)).current_dir(&folder);
    let log = folder.join("log");
    let _daemon = Process::start(daemon, &log);
    assert_shown("README.md", started, &lines(&log, started.lines().count()));
    let log = lines(&log, 5);
    let answer = folder.join("answer");
    let status = Process::start(python(&server, &block(USER)), &answer).wait(PATIENCE);
    let answer = fs::read_to_string(answer).unwrap();
    assert!(status.is_some_and(|it| it.success()), "{answer}");
    assert!(answer.contains("<name>my service</name>"), "{answer}");
    assert!(answer.contains("from=\"proxy.domain.example\""), "{answer}");

    let shown = block("$ jat-proxy status");
    let [(command, shown)] = commands(&shown)[..] else { panic!("one command: {shown}") };
    let mut status = String::new();
    wait_until("rates, and the tests of the login", || {
        status = stage.run("README.md", &format!("cd jat\n{command}"));
        ["not shared", "\n  clock ", "\n  rates "].iter().all(|it| status.contains(it))
    });
    assert_shown("README.md", shown, &status);
    let shown = block("$ jat-proxy check --connect");
    let [(command, shown)] = commands(&shown)[..] else { panic!("one command: {shown}") };
    let checked = stage.run("README.md", &format!("cd jat\n{command}"));
    assert_shown("README.md", shown, &checked);
    std::os::unix::fs::symlink(&folder, stage.path("a", "etc/jat-proxy")).unwrap();
    let help = "docs/troubleshooting.md";
    let checked = stage.run(help, &claims::text(help, "jat-proxy check --connect"));
    assert!(checked.ends_with("\nall is well\n"), "{checked}");

    let mut console = Client::login(&server, &format!("user@{HOST}"), "console");
    console.send(block("<iq type='get' id='1' to="));
    let reply = console.receive_reply("1");
    assert_eq!(reply.attr("type"), Some("result"), "{reply:?}");
    assert_eq!(reply.attr("from"), Some("proxy.domain.example"), "{reply:?}");

    // Nobody is there to answer any more.
    drop(bot);
    wait_until("the bot to be offline", || {
        stage.run("README.md", "jat-proxy status").contains("none online")
    });
    console.ask("proxy.domain.example", "2");
    assert_eq!(console.receive_reply("2").attr("type"), Some("error"));
    let document = "docs/operating.md";
    let refusal = claims::text(document, "INFO answered: Nobody to forward to");
    let mut told = String::new();
    wait_until("the refusal in the log", || {
        let log = without_times(&fs::read_to_string(folder.join("log")).unwrap());
        told = log.lines().filter(|line| line.contains("answered: ")).collect();
        !told.is_empty()
    });
    assert_shown(document, &refusal, &told);
    Told { log, status }
}

/// The README names the version that it is tested with.
fn is_in_the_table(kind: Kind) {
    let (row, package) = match kind.software {
        Software::Prosody => ("| Prosody |", "prosody"),
        _ => ("| ejabberd |", "ejabberd"),
    };
    let debian = match kind.suite {
        Suite::Debian12 => "Debian 12",
        Suite::Debian13 => "Debian 13",
        Suite::Sid => return,
    };
    let mut ask = kind.suite.command("dpkg-query");
    let said = ask.args(["-W", "-f", "${Version}", package]).output().unwrap();
    let version = String::from_utf8(said.stdout).unwrap();
    let (version, _) = version.split_once('-').expect("a version of Debian");
    let readme = fs::read_to_string("README.md").unwrap();
    let row = readme.lines().find(|line| line.starts_with(row)).expect("a row");
    assert!(row.contains(&format!("{version} ({debian})")), "{version}: {row}");
}

/// What it shows and the `[http]` that it mentions: the same as what `init` wrote.
fn configuration_of_readme(folder: &Path) -> String {
    let shown = claims::text("README.md", "key-file = ");
    configuration::assert_accepted("README.md", &shown);
    let whole = shown + &claims::text("docs/metrics.md", "[http]\nlisten = \"127");
    let table: Table = toml::from_str(&whole).unwrap();
    let written = fs::read_to_string(folder.join("jat-proxy.toml")).unwrap();
    let written: Table = toml::from_str(&written.replace(HOST, "some-domain.example")).unwrap();
    assert_eq!(table, written);
    whole
}

/// Each command behind a `$`, and what is shown below it.
fn commands(transcript: &str) -> Vec<(&str, &str)> {
    let pieces = transcript.split("$ ").skip(1);
    pieces.map(|piece| piece.split_once('\n').expect("a line for the command")).collect()
}

/// The first lines of the log, without their times, once there are so many.
fn lines(log: &Path, count: usize) -> String {
    let mut text = String::new();
    wait_until(&format!("{count} lines in {}", log.display()), || {
        text = fs::read_to_string(log).unwrap();
        text.matches('\n').count() >= count
    });
    without_times(&text.split_inclusive('\n').take(count).collect::<String>())
}

/// The script of a reader whose server is ours: without DNS and TLS, with our passwords, and with
/// the slixmpp of the server's Debian.
fn python(server: &Server, code: &str) -> std::process::Command {
    let code = code
        .replace("some-domain.example", HOST)
        .replace("the bot's password", "password")
        .replace("the user's password", "password");
    let script = fresh_folder("readme").join("script.py");
    fs::write(&script, code).unwrap();
    let loopback = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/loopback.py");
    let mut python = server.kind.suite.command(PYTHON);
    python.arg("-B").arg(loopback).args(["127.0.0.1", &server.client_port.to_string(), "plain"]);
    python.arg(script);
    python
}

const BOT: &str = "import asyncio\nfrom slixmpp import ClientXMPP\n\nPROXY";
const USER: &str = "import asyncio\nfrom slixmpp import ClientXMPP\nfrom slixmpp.exc";

#[test]
#[ignore = "needs slixmpp"]
fn the_bot_accepts_presence_domains_of_the_component_alone() {
    let method = claims::text("docs/replicas.md", "def subscription");
    let method: String = method.lines().map(|line| format!("    {line}\n")).collect();
    let code = format!("PROXY = 'proxy.example'\nclass Bot:\n{method}{SUBSCRIBED}");
    let accepted = interpreter::run(PYTHON, &["-c", &code], "");
    assert_eq!(accepted, "proxy.example a.proxy.example\n");
}

const SUBSCRIBED: &str = r#"
    def __init__(self):
        self.accepted = []
    def send_presence(self, pto, ptype):
        assert ptype == "subscribed"
        self.accepted.append(pto)

from slixmpp import JID
bot = Bot()
for jid in (
    "proxy.example", "a.proxy.example", "notproxy.example", "some-domain.example", "example",
    "proxy.example.net", "somebody@a.proxy.example", "a.proxy.example/resource",
):
    bot.subscription({"from": JID(jid)})
print(*bot.accepted)
"#;
