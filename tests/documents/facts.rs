//! Facts of the program that stand in tables and prose.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use crate::claims;

/// `docs/operating.md` and the enum have the same codes.
#[test]
fn the_table_of_exit_codes_is_that_of_the_program() {
    let source = fs::read_to_string("src/cli/exit.rs").unwrap();
    let code = |line: &str| line.trim().strip_suffix(',')?.split_once(" = ")?.1.parse().ok();
    let codes: BTreeSet<u8> = source.lines().filter_map(code).collect();
    let document = fs::read_to_string("docs/operating.md").unwrap();
    let table = document.split_once("| exit code | meaning |").expect("the table").1;
    let row = |line: &str| line.trim_start_matches("| ").split_once(" |")?.0.parse().ok();
    let rows = table.lines().skip(1).take_while(|line| line.starts_with('|'));
    let shown: BTreeSet<u8> = rows.filter_map(row).collect();
    assert_eq!(shown, codes);
    assert!(codes.contains(&78));
}

/// The document and the unit have the same exit codes without a restart.
#[test]
fn the_unit_restarts_after_every_end_but_those_of_the_document() {
    let unit = fs::read_to_string("config/jat-proxy.service").unwrap();
    let prevented = |line: &str| line.strip_prefix("RestartPreventExitStatus=").map(str::to_owned);
    let prevented = unit.lines().find_map(prevented).expect("the unit says so");
    let document = fs::read_to_string("docs/operating.md").unwrap();
    let sentence = format!("every end but 0, {}", prevented.replace(' ', ", "));
    let sentence = sentence.rsplit_once(", ").map(|(all, last)| format!("{all} and {last}"));
    assert!(document.contains(&sentence.unwrap()), "{prevented}");
}

/// The line is in a shell script, whose `say` prefixes the program's name.
#[test]
fn apt_shows_what_the_package_says() {
    let shown = claims::text("docs/operating.md", "jat-proxy: jat-proxy.service");
    let said = shown.trim_end().replace("jat-proxy.service", "$1").replace("412", "$pid");
    let said = format!("say \"{}\"", said.strip_prefix("jat-proxy: ").unwrap());
    let scripts = fs::read_to_string("packaging/debian/scripts/postinst").unwrap();
    assert!(scripts.contains(&said), "{said}");
}

/// Each path that is served is explained.
#[test]
fn the_paths_of_http_are_those_of_the_documents() {
    let source = fs::read_to_string("src/daemon/http/answers.rs").unwrap();
    let rows =
        source.lines().filter_map(|line| line.trim().strip_prefix('"')?.split_once("\" => "));
    let served: BTreeSet<&str> = rows.map(|(path, _)| path).filter(|path| path.len() > 1).collect();
    assert!(served.contains("/readyz"), "{served:?}");
    let documents = ["docs/metrics.md", "docs/operating.md"];
    let text: String = documents.iter().map(|it| fs::read_to_string(it).unwrap()).collect();
    for path in served {
        assert!(text.contains(&format!("`{path}`")), "{path} is not explained");
    }
}

/// So that readers of a single page see them too. The README's are compared with what is installed.
#[test]
fn pages_about_servers_name_the_versions_that_the_tests_run() {
    let read = |page: &str| fs::read_to_string(page).unwrap();
    for name in [
        "access",
        "answers",
        "dispatch",
        "faces",
        "failures",
        "jitsi",
        "presence",
        "relay",
        "replicas",
        "rotation",
        "tls",
        "troubleshooting",
        "two-way",
        "upgrading",
    ] {
        let page = format!("docs/{name}.md");
        let text = read(&page).split_whitespace().collect::<Vec<_>>().join(" ");
        let run = "Prosody 0.12.3 and 13.0.1 and ejabberd 23.01 and 24.12";
        assert!(text.contains(run), "{page} does not say {run:?}");
    }
    let readme = read("README.md");
    for version in
        ["0.12.3 (Debian 12)", "13.0.1 (Debian 13)", "23.01 (Debian 12)", "24.12 (Debian 13)"]
    {
        assert!(readme.contains(version), "{version}");
    }
}

/// Versions from registries; for those of Debian see tests/interop/clients.
#[test]
fn the_versions_of_client_libraries_are_those_that_the_tests_install() {
    let lock = fs::read_to_string("tests/clients/package-lock.json").unwrap();
    let lock: serde_json::Value = serde_json::from_str(&lock).unwrap();
    let xmpp_js = lock["packages"]["node_modules/@xmpp/client"]["version"].as_str().unwrap();
    let document = fs::read_to_string("docs/clients/README.md").unwrap();
    for (library, version) in [
        ("slixmpp", format!("{} (PyPI)", pinned()["slixmpp"])),
        ("aioxmpp", format!("{} (PyPI)", pinned()["aioxmpp"])),
        ("xmpp.js", format!("{xmpp_js} of @xmpp/client (npm)")),
    ] {
        let row = document.lines().find(|line| line.starts_with(&format!("| [{library}](")));
        assert!(row.is_some_and(|row| row.contains(&version)), "{library} {version}: {row:?}");
    }
    let page = fs::read_to_string("docs/first-steps-prosody.md").unwrap();
    assert!(page.contains(&format!("{} (PyPI)", pinned()["slixmpp"])));
}

#[test]
fn pip_is_told_what_the_tests_install() {
    let commands = claims::text("docs/clients/aioxmpp.md", "python3 -m venv bot");
    let (_, packages) = commands.split_once("pip install --no-deps").unwrap();
    let packages = packages.replace("bot/bin/pip install", "").replace('\\', "");
    let mut named = 0;
    for package in packages.split_whitespace() {
        let (name, below) = match package.trim_matches('\'').split_once('<') {
            Some((name, below)) => (name, Some(below)),
            None => (package, None),
        };
        let pinned = pinned();
        let version = pinned.get(&normal(name)).unwrap_or_else(|| panic!("{name} is not tried"));
        let major: u32 = version.split('.').next().unwrap().parse().unwrap();
        assert!(below.is_none_or(|it| major < it.parse().unwrap()), "{package}: {version}");
        named += 1;
    }
    assert!(named > 10, "{named}");
}

/// The versions from PyPI in tests/clients/, by name.
fn pinned() -> BTreeMap<String, String> {
    let list = fs::read_to_string("tests/clients/requirements.txt").unwrap();
    let lines = list.lines().filter_map(|line| line.split_once("=="));
    lines.map(|(name, version)| (normal(name), version.to_owned())).collect()
}

/// The normal form of a name, for PyPI.
fn normal(name: &str) -> String {
    name.to_lowercase().replace('_', "-")
}

/// Both show the same picture of the dependencies.
#[test]
fn the_front_page_of_the_library_has_the_picture_of_the_contributors() {
    let picture = claims::text("CONTRIBUTING.md", "cli ──► daemon");
    let library = fs::read_to_string("src/lib.rs").unwrap();
    for line in picture.trim_end().lines() {
        assert!(library.contains(&format!("//!   {line}\n")), "{line}");
    }
}

/// The fuzzer has them too: keys that are in neither its words nor its seeds are hardly tried.
#[test]
fn the_example_explains_every_key_of_the_configuration_and_the_fuzzer_has_it() {
    let known = keys_of_the_configuration();
    for file in
        ["config/jat-proxy.toml", "fuzz/configuration.dict", "fuzz/seeds/configuration/everything"]
    {
        let text = fs::read(file).unwrap();
        // Such bytes separate the files of a seed.
        let text = String::from_utf8_lossy(&text).replace('\u{fffd}', "\n");
        let has = |key: &&String| {
            text.lines().any(|line| {
                let line = line.trim_start_matches(['#', ' ', '[', '"']);
                let line = line.trim_start_matches("component.");
                let rest = line.strip_prefix(key.as_str());
                rest.is_some_and(|rest| rest.trim_start().starts_with(['=', ']']))
            })
        };
        let missing: Vec<_> = known.iter().filter(|key| !has(key)).collect();
        assert!(missing.is_empty(), "{file} does not have {missing:?}");
    }
}

/// Taken from the errors for an unknown key, which list the keys of each table.
fn keys_of_the_configuration() -> BTreeSet<String> {
    let text = "zzz = 1\nkey-file = \"keys.toml\"\n[server]\nzzz = 1\n[[component]]\nzzz = 1\n\
                [limits]\nzzz = 1\n[http]\nzzz = 1\n[log]\nzzz = 1\n";
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("keys.toml"), "[[key]]\nzzz = 1\n[[name-key]]\nzzz = 1\n")
        .unwrap();
    let file = folder.path().join("jat-proxy.toml");
    fs::write(&file, text).unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_jat-proxy"));
    let output = check.args(["check", "-c"]).arg(file).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let known = said.lines().filter_map(|line| line.split_once(" takes ")).map(|it| it.1);
    let known: Vec<_> = known.map(|keys| keys.split(", ").map(str::to_owned)).collect();
    assert_eq!(known.len(), 8, "{said}");
    known.into_iter().flatten().collect()
}
