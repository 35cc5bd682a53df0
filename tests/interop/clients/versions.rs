//! The versions in the documents are those that the bots are run with.

use std::fs;
use std::process::Command;

use test_support::interop::server::{Kind, Suite};

use super::launch::{PYTHON, from_pypi, installed};

case!(the_documents_have_the_versions_that_are_run: [prosody] []);
fn the_documents_have_the_versions_that_are_run(kind: Kind) {
    let suite = kind.suite;
    let debian = if suite == Suite::Debian12 { "Debian 12" } else { "Debian 13" };
    let of_slixmpp = version_of_slixmpp(suite, false);
    let newest = version_of_slixmpp(suite, true);
    let go = said(suite.command("dpkg-query").args(["-W", "-f", "${Version}", GO_XMPP]));
    let package = installed().join("node_modules/@xmpp/client/package.json");
    let package: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(package).unwrap()).unwrap();
    let xmpp_js = package["version"].as_str().unwrap();

    let mut table = vec![
        ("slixmpp", format!("{of_slixmpp} ({debian})")),
        ("slixmpp", format!("{newest} (PyPI)")),
        ("aioxmpp", format!("{} (PyPI)", version_of_aioxmpp(suite, true))),
        ("xmpp.js", format!("{xmpp_js} of @xmpp/client (npm)")),
        ("go-xmpp", format!("{} ({debian})", short(&go))),
    ];
    if suite == Suite::Debian12 {
        table.push(("aioxmpp", format!("{} ({debian})", version_of_aioxmpp(suite, false))));
    }
    let document = fs::read_to_string("docs/clients/README.md").unwrap();
    for (library, version) in table {
        println!("{library} {version}");
        let row = document.lines().find(|line| line.starts_with(&format!("| [{library}](")));
        assert!(row.expect("a row").contains(&version), "{library} {version}: {row:?}");
        if library == "slixmpp" {
            let page = "docs/first-steps-prosody.md";
            let text = fs::read_to_string(page).unwrap();
            assert!(text.contains(&version), "{page}: {version}");
        }
    }
}

fn version_of_slixmpp(suite: Suite, newest: bool) -> String {
    python(suite, newest, "import slixmpp; print(slixmpp.__version__)")
}

fn version_of_aioxmpp(suite: Suite, newest: bool) -> String {
    python(suite, newest, "from importlib import metadata; print(metadata.version('aioxmpp'))")
}

fn python(suite: Suite, newest: bool, code: &str) -> String {
    let mut python = suite.command(PYTHON);
    if newest {
        python.env("PYTHONPATH", from_pypi(suite));
    }
    said(python.args(["-B", "-c", code]))
}

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Without what Debian adds: `0.2.14-1` is 0.2.14, and `0.0~git20220712.2eb2349-1` is 2eb2349.
fn short(version: &str) -> &str {
    let upstream = version.rsplit_once('-').map_or(version, |it| it.0);
    upstream.split_once("~git").and_then(|it| it.1.split_once('.')).map_or(upstream, |it| it.1)
}

const GO_XMPP: &str = "golang-github-mattn-go-xmpp-dev";
