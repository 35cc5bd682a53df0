//! The pages that lead from nothing to the first answer: every command, file and program, in their
//! order, on real servers, and the output that they show.

use std::fs;

use core_tests::interpreter::{self, PYTHON};
use test_support::interop::server::{HOST, Kind, Software, Suite};
use test_support::pages;
use toml::Table;

use crate::fresh_debian::Script;
use crate::stage::Stage;
use crate::transcript::{assert_shown, without_times};
use crate::{claims, configuration};

case!(the_page_leads_to_an_answer_on_prosody: prosody);
fn the_page_leads_to_an_answer_on_prosody(kind: Kind) {
    let told = follow("docs/first-steps-prosody.md", kind);
    // That page shows the output on Prosody.
    let document = "docs/operating.md";
    let shown = claims::text(document, "INFO starting version");
    let begins: String = told.log.split_inclusive('\n').take(shown.lines().count()).collect();
    assert_shown(document, &shown, &begins);
    assert_shown(document, &claims::text(document, "jat-proxy 0.1.0, since"), &told.status);
    let refusal = told.log.lines().find(|line| line.contains("answered: "));
    let shown = claims::text(document, "INFO answered: Nobody to forward to");
    assert_shown(document, &shown, refusal.expect("the last request was refused"));
}

case!(the_page_leads_to_an_answer_on_ejabberd: ejabberd);
fn the_page_leads_to_an_answer_on_ejabberd(kind: Kind) {
    follow("docs/first-steps-ejabberd.md", kind);
}

/// The output, with the names that the other pages use.
struct Told {
    log: String,
    /// What `status` said after one request.
    status: String,
}

fn follow(page: &str, kind: Kind) -> Told {
    is_in_the_table(kind);
    let mut script = Script::default();
    let mut programs = ["bot.py", "user.py"].into_iter();
    // Each way to install it is taken on one Debian.
    let from_source = (kind.suite == Suite::Debian12) == (kind.software == Software::Prosody);
    let skipped = if from_source { ["apt install ./"] } else { ["apt install gcc"] };
    let (mut printed, mut expected, mut shown) = (None, None, Vec::new());
    for block in pages::blocks(page) {
        if skipped.iter().any(|begins| block.text.starts_with(begins)) {
            continue;
        }
        match &*block.language {
            "python" => script.save(programs.next().expect("a bot and a user"), &block.text),
            "sh" if block.text.ends_with("bot.py\n") => script.leave_running(&block.text),
            "sh" => printed = Some(script.run(&block.text)),
            "console" => {
                for (command, output) in commands(&block.text) {
                    let number = script.run(&format!("{command} 2>/srv/waiting.log"));
                    shown.push((number, output.to_owned()));
                }
            }
            "xml" => expected = printed.map(|number| (number, block.text)),
            other => panic!("{page}:{}: what is to be done with {other:?}?", block.line),
        }
    }
    script.run("until jat-proxy status | grep -q '^  rates '; do sleep 0.2; done");
    let status = script.run("jat-proxy status");
    let checked = script.run(&claims::text("docs/troubleshooting.md", "jat-proxy check --connect"));
    script.run(NOBODY_ANSWERS);
    let log = script.run("cat /srv/jat-proxy.log");

    let output = script.follow(kind.suite);
    assert!(!shown.is_empty());
    for (number, text) in shown {
        assert_shown(page, &text, output.of(number));
    }
    let (number, answer) = expected.expect("the page shows the answer");
    let said = output.of(number);
    assert!(said.contains(answer.trim()) && said.contains("from=\"proxy.localhost\""), "{said}");
    assert!(output.of(checked).ends_with("\nall is well\n"), "{}", output.of(checked));
    let log = without_times(output.of(log).trim_end());
    assert!(log.contains("reason=\"offline\""), "{log}");
    let elsewhere = |text: &str| {
        text.replace("proxy.localhost", "proxy.domain.example")
            .replace("bot@localhost", "some-user@some-domain.example")
    };
    Told { log: elsewhere(&log), status: elsewhere(output.of(status)) }
}

/// A user sends a request after the bot has left.
const NOBODY_ANSWERS: &str = "\
pkill -f bot.py
until jat-proxy status | grep -q 'none online'; do sleep 0.2; done
SSL_CERT_FILE=localhost.crt python3 user.py
until grep -q 'answered: ' /srv/jat-proxy.log; do sleep 0.2; done";

#[test]
fn the_readme_shows_what_init_writes() {
    let stage = Stage::new();
    stage.run("README.md", &claims::text("README.md", "cargo install --locked"));
    let shown = claims::text("README.md", "key-file = ");
    configuration::assert_accepted("README.md", &shown);
    let whole = shown + &claims::text("docs/metrics.md", "[http]\nlisten = \"127");
    let table: Table = toml::from_str(&whole).unwrap();
    let written = stage.folder.join("repository/jat/jat-proxy.toml");
    let written = fs::read_to_string(written).unwrap().replace(HOST, "some-domain.example");
    assert_eq!(table, toml::from_str(&written).unwrap());
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

/// Each command behind a `$`, and what is shown below it.
fn commands(transcript: &str) -> Vec<(&str, &str)> {
    let pieces = transcript.split("$ ").skip(1);
    pieces.map(|piece| piece.split_once('\n').expect("a line for the command")).collect()
}

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
