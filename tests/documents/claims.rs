//! The register: what checks which block of which document.
//!
//! A new block needs a line in [`CLAIMS`]. Preferably a test runs it; [`Check::Named`] is for those
//! that would change the machine or take minutes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use test_support::pages::{self, Block};

pub struct Claim {
    pub document: &'static str,
    /// The beginning of the block, which no other one of the document has.
    pub begins: &'static str,
    pub check: Check,
}

pub enum Check {
    /// A part of a configuration of jat-proxy that `jat-proxy check` accepts with these texts before
    /// and after it.
    Configuration(&'static str, &'static str),
    /// The same, and `check` has this warning.
    Warned(&'static str, &'static str),
    /// The test of this name in this file reads the block and runs it, or compares it with what
    /// it made.
    Test(&'static str, &'static str),
    /// Not run, for this reason; but the files and options that the commands name exist.
    Named(&'static str),
    /// Not for a machine to read.
    Picture,
    /// About another server or library, and not tested: the section says so, in these words, with its source.
    Untested(&'static str),
}

use Check::{Configuration, Named, Picture, Test, Untested, Warned};

const fn claim(document: &'static str, begins: &'static str, check: Check) -> Claim {
    Claim { document, begins, check }
}

const README: &str = "README.md";
const CONTRIBUTING: &str = "CONTRIBUTING.md";
const OPERATING: &str = "docs/operating.md";
const ON_PROSODY: &str = "docs/first-steps-prosody.md";
const ON_EJABBERD: &str = "docs/first-steps-ejabberd.md";
const CAPACITY: &str = "docs/capacity.md";
const OTHER: &str = "docs/other-servers.md";
const TLS: &str = "docs/tls.md";
const ACCESS: &str = "docs/access.md";
const ANSWERS: &str = "docs/answers.md";
const METRICS: &str = "docs/metrics.md";
const CHAT_BOTS: &str = "docs/clients/chat-bots.md";
const FACES: &str = "docs/faces.md";
const KUBERNETES: &str = "docs/kubernetes.md";
const RELAY: &str = "docs/relay.md";
const CLUSTER: &str = "docs/cluster.md";
const ROTATION: &str = "docs/rotation.md";
const FAILURES: &str = "docs/failures.md";
const REPLICAS: &str = "docs/replicas.md";
const UPGRADING: &str = "docs/upgrading.md";
const TOKEN: &str = "docs/token.md";
const ADDRESSES: &str = "docs/addresses.md";
const JITSI: &str = "docs/jitsi.md";
const MIGRATING: &str = "docs/migrating-from-mod_client_proxy.md";

const COMPONENT: &str = "[[component]]\ndomain = \"proxy.example\"\n\
    secret = { file = \"proxy.secret\" }\ntarget-address = \"bot@some-domain.example\"\n";

const CLAIMS: &[Claim] = &[
    claim(README, "<iq type='get' id='1234'\n    to='proxy", MAKES_STANZAS),
    claim(README, "<iq type='get' id='1234'\n    to='some-user", MAKES_STANZAS),
    claim(README, "<iq type='result' id='1234'\n    to='proxy", MAKES_STANZAS),
    claim(README, "<iq type='result' id='1234'\n    to='user", MAKES_STANZAS),
    claim(README, "user@some-domain.example/abc  <->", SHOWS_A_MIRROR),
    claim(README, "cargo run --release -- demo", Named("the demo and the tests have their own")),
    claim(README, "cargo install --locked", SHOWS_INIT),
    claim(README, "key-file = ", SHOWS_INIT),
    claim(README, "                         your XMPP server", Picture),
    claim(ON_PROSODY, "apt update", FOLLOWS_PROSODY),
    claim(ON_PROSODY, "apt install ./", FOLLOWS_PROSODY),
    claim(ON_PROSODY, "apt install gcc", FOLLOWS_PROSODY),
    claim(ON_PROSODY, "openssl req", FOLLOWS_PROSODY),
    claim(ON_PROSODY, "jat-proxy init", FOLLOWS_PROSODY),
    claim(ON_PROSODY, "cat > /etc/prosody", FOLLOWS_PROSODY),
    claim(ON_PROSODY, "import asyncio\nfrom slixmpp import ClientXMPP\n\nPROXY", FOLLOWS_PROSODY),
    claim(ON_PROSODY, "SSL_CERT_FILE=localhost.crt python3 bot", FOLLOWS_PROSODY),
    claim(ON_PROSODY, "$ jat-proxy check", FOLLOWS_PROSODY),
    claim(ON_PROSODY, "import asyncio\nfrom slixmpp import ClientXMPP\nfrom", FOLLOWS_PROSODY),
    claim(ON_PROSODY, "SSL_CERT_FILE=localhost.crt python3 user", FOLLOWS_PROSODY),
    claim(ON_PROSODY, "<query", FOLLOWS_PROSODY),
    claim(ON_EJABBERD, "apt update", FOLLOWS_EJABBERD),
    claim(ON_EJABBERD, "apt install ./", FOLLOWS_EJABBERD),
    claim(ON_EJABBERD, "apt install gcc", FOLLOWS_EJABBERD),
    claim(ON_EJABBERD, "openssl req", FOLLOWS_EJABBERD),
    claim(ON_EJABBERD, "jat-proxy init", FOLLOWS_EJABBERD),
    claim(ON_EJABBERD, "sed -i '/^listen", FOLLOWS_EJABBERD),
    claim(ON_EJABBERD, "import asyncio\nfrom slixmpp import ClientXMPP\n\nPROXY", FOLLOWS_EJABBERD),
    claim(ON_EJABBERD, "SSL_CERT_FILE=localhost.crt python3 bot", FOLLOWS_EJABBERD),
    claim(ON_EJABBERD, "$ jat-proxy check", FOLLOWS_EJABBERD),
    claim(ON_EJABBERD, "import asyncio\nfrom slixmpp import ClientXMPP\nfrom", FOLLOWS_EJABBERD),
    claim(ON_EJABBERD, "SSL_CERT_FILE=localhost.crt python3 user", FOLLOWS_EJABBERD),
    claim(ON_EJABBERD, "<query", FOLLOWS_EJABBERD),
    claim(CONTRIBUTING, "cargo test    ", Named("this is the test suite")),
    claim(CONTRIBUTING, "cargo test --release --test simulation", Named("tests/run runs it")),
    claim(CONTRIBUTING, "SEED=n", Named("for a seed that went wrong")),
    claim(CONTRIBUTING, "cargo test --release --test soak", Named("takes an hour")),
    claim(CONTRIBUTING, "cargo test --release --test hostile_load", Named("tests/run runs it")),
    claim(CONTRIBUTING, "tests/debian servers 13", Named("tests/run runs it")),
    claim(CONTRIBUTING, "tests/kubernetes/install", Named("tests/run runs it")),
    claim(CONTRIBUTING, "cargo test --test interop", Named("tests/run runs it")),
    claim(CONTRIBUTING, "cargo test --test cluster", Named("tests/run runs it")),
    claim(CONTRIBUTING, "cli ──► daemon", Picture),
    claim("benches/README.md", "cargo bench --bench translate", Named("takes minutes")),
    claim(
        "docs/dispatch.md",
        "import hashlib",
        Test(TOKENS, "the_sticky_hash_of_the_document_chooses_alike"),
    ),
    claim("docs/dispatch.md", "resources = [\"active", SELECTS),
    claim("docs/dispatch.md", "resources = [\"blue", SELECTS),
    claim("docs/dispatch.md", "dispatch = \"priority", SELECTS),
    claim("docs/dispatch.md", "resources = [\"bot", SELECTS),
    claim(ACCESS, "allow-from = [\"some-domain.example\", ", Configuration(COMPONENT, "")),
    claim(ACCESS, "allow-from = [\"some-domain.example\"]", Configuration(COMPONENT, "")),
    claim(ANSWERS, "answer = ", Configuration(COMPONENT, "")),
    claim(ACCESS, "limit = \"20/s\"", Configuration(COMPONENT, "")),
    claim(
        ACCESS,
        "INFO observed",
        Test("tests/interop/access.rs", "what_is_observed_is_served_and_named"),
    ),
    claim(
        MIGRATING,
        "$ sed -i 's|^target",
        Test(MIGRATION, "named_by_its_full_address_it_needs_no_presence"),
    ),
    claim("docs/two-way.md", "relay = [", Configuration(COMPONENT, "")),
    claim(METRICS, "[http]\nlisten = \"127", Configuration(COMPONENT, "")),
    claim(METRICS, "[http]\nlisten = \"0", Warned(COMPONENT, OPEN_TO_ALL)),
    claim(METRICS, "rule_files:", Test("tests/prometheus/prometheus.rs", "documented")),
    claim(MIGRATING, "Component \"focus.meet.example.com\" \"client_proxy\"", MIGRATES),
    claim(MIGRATING, "$ jat-proxy init", MIGRATES),
    claim(MIGRATING, "[[component]]", MIGRATES),
    claim(MIGRATING, "Component \"focus.meet.example.com\"\n", MIGRATES),
    claim(MIGRATING, "$ prosodyctl shell config reload", MIGRATES),
    claim(MIGRATING, "$ prosodyctl shell module list", MIGRATES),
    claim(MIGRATING, "$ systemctl stop jat-proxy", MIGRATES),
    claim(
        MIGRATING,
        "$ systemctl restart prosody",
        Test(MIGRATION, "a_restart_of_the_server_leads_there_too"),
    ),
    claim(JITSI, "$ jat-proxy init", LEADS_TO_JICOFO),
    claim(JITSI, "[[component]]", LEADS_TO_JICOFO),
    claim(JITSI, "  - port: 5347", LEADS_TO_JICOFO),
    claim(JITSI, "$ systemctl start", LEADS_TO_JICOFO),
    claim(CHAT_BOTS, "import asyncio\nfrom slixmpp", Test(CHATS, "a_chat_bot_for_slixmpp")),
    claim(CHAT_BOTS, "import asyncio\nimport ssl", Test(CHATS, "a_chat_bot_for_aioxmpp")),
    claim(CHAT_BOTS, "import { client", Test(CHATS, "a_chat_bot_for_xmpp_js")),
    claim(CHAT_BOTS, "package main", Test(CHATS, "a_chat_bot_for_go_xmpp")),
    claim(
        "docs/clients/people.md",
        "helper@",
        Test(PEOPLE, "a_person_chats_with_the_bot_in_one_window"),
    ),
    claim("docs/clients/people.md", "user\\40", Test(PEOPLE, "a_person_answers_as_the_bot")),
    claim("docs/clients/slixmpp.md", "import asyncio", Test(CLIENTS, "the_bot_for_slixmpp")),
    claim(
        "docs/clients/aioxmpp.md",
        "python3 -m venv bot",
        Test("tests/documents/facts.rs", "pip_is_told_what_the_tests_install"),
    ),
    claim("docs/clients/aioxmpp.md", "import asyncio", Test(CLIENTS, "the_bot_for_aioxmpp")),
    claim("docs/clients/xmpp.js.md", "import { client", Test(CLIENTS, "the_bot_for_xmpp_js")),
    claim(
        "docs/clients/go-xmpp.md",
        "package main\n\nimport (\n\t\"fmt",
        Test(CLIENTS, "the_bot_for_go_xmpp"),
    ),
    claim(
        "docs/clients/go-xmpp.md",
        "package main\n\nimport (\n\t\"enc",
        Test(CLIENTS, "the_bot_for_go_xmpp"),
    ),
    claim(
        "docs/clients/smack.md",
        "import java.util.Set",
        Untested("Written from the sources of Smack 4.4.8"),
    ),
    claim(
        OPERATING,
        "cargo install --locked cargo-deb",
        Named("tests/packages does, on a clean Debian"),
    ),
    claim(
        OPERATING,
        "jat-proxy: jat-proxy.service",
        Test("tests/documents/facts.rs", "apt_shows_what_the_package_says"),
    ),
    claim(OPERATING, "cargo install --locked --path", RUNS_SERVICE),
    claim(TLS, "[server]", Configuration("", COMPONENT)),
    claim(TLS, "  - port: 5348", Test(SNIPPETS, "ejabberd_takes_each_piece")),
    claim(TLS, "ssl_ports", Test(SNIPPETS, "prosody_takes_each_piece")),
    claim(TLS, "openssl req", Test(SNIPPETS, "ejabberd_takes_each_piece")),
    claim(UPGRADING, "install -m 0755", RUNS_SERVICE),
    claim(UPGRADING, "journalctl -u jat-proxy", RUNS_SERVICE),
    claim(OPERATING, "INFO starting version", FOLLOWS_PROSODY),
    claim(OPERATING, "INFO answered: Nobody to forward to", FOLLOWS_PROSODY),
    claim(OPERATING, "jat-proxy 0.1.0, since", FOLLOWS_PROSODY),
    claim(OPERATING, "jat-proxy keys add -c FILE", RUNS_SERVICE),
    claim(FACES, " users ask", Picture),
    claim(
        FACES,
        "[[component]]\ndomain = \"proxy.example\"\nsecret = { file = \"proxy.secret\" }\nt",
        Configuration("", ""),
    ),
    claim(
        FACES,
        "[[component]]\ndomain = \"proxy.example\"\nsecret = { file = \"proxy.secret\" }\nr",
        Configuration("", ""),
    ),
    claim(RELAY, "relay = [\"iq\", \"messages\", \"presence\"]", Configuration(COMPONENT, "")),
    claim(RELAY, "relay = [\"iq\", \"messages\"]", Configuration(COMPONENT, "")),
    claim(RELAY, "acl:", Test(SNIPPETS, "ejabberd_lifts_its_limits")),
    claim(RELAY, "unlimited_jids", Test(SNIPPETS, "prosody_lifts_its_limits")),
    claim(
        RELAY,
        "domain_balancing:",
        Test("tests/interop/two_way/order.rs", "by_source_three_replicas_keep_the_order"),
    ),
    claim(REPLICAS, "[[component]]", Configuration("", "")),
    claim(
        REPLICAS,
        "def subscription",
        Test(FIRST_STEPS, "the_bot_accepts_presence_domains_of_the_component_alone"),
    ),
    claim(REPLICAS, "  # Short", Test(SNIPPETS, "ejabberd_takes_each_piece")),
    claim(REPLICAS, "  # Strict", Test(SNIPPETS, "ejabberd_takes_each_piece")),
    claim(REPLICAS, "plugin_paths", Test(SNIPPETS, "prosody_takes_each_piece")),
    claim(REPLICAS, "Component \"proxy.example\"", Test(SNIPPETS, "prosody_takes_each_piece")),
    claim(REPLICAS, "module:reload", Test(SNIPPETS, "prosody_takes_each_piece")),
    claim(OTHER, "[[listen.component]]", Untested("Read in the source of 6.8.0, not tested here.")),
    claim(FAILURES, "cargo test --test interop", Named("tests/run runs it")),
    claim(ROTATION, "# 1. A key that signs", ROTATES),
    claim(ROTATION, "sudo -u jat-proxy jat-proxy keys add --now", ROTATES),
    claim(UPGRADING, "for host in a b c; do\n    ssh", ROTATES),
    claim(KUBERNETES, "podman build", LEADS_TO_THREE_NODES),
    claim(KUBERNETES, "jat-proxy init", LEADS_TO_THREE_NODES),
    claim(KUBERNETES, "kubectl apply -k packaging/kubernetes/sidecar", LEADS_TO_THREE_NODES),
    claim(KUBERNETES, "kubectl exec ejabberd-0 -c jat-proxy", LEADS_TO_THREE_NODES),
    claim(KUBERNETES, "components:", Test(ON_KUBERNETES, "monitoring_is_added_to_both_layouts")),
    claim(
        KUBERNETES,
        "(printf",
        Test("tests/kubernetes/schemas.rs", "what_is_for_the_prometheus_operator_fits_its_types"),
    ),
    claim(KUBERNETES, "jat-proxy keys add", LEADS_TO_THREE_NODES),
    claim(KUBERNETES, "kubectl apply -k packaging/kubernetes/beside", LEADS_TO_THREE_NODES),
    claim(
        CLUSTER,
        "cd /etc/jat-proxy",
        Test(SERVICE, "two_replicas_on_a_host_have_a_unit_and_a_configuration_each"),
    ),
    claim(CAPACITY, "cargo bench --bench translate", Named("takes minutes")),
    claim("docs/troubleshooting.md", "jat-proxy check --connect", FOLLOWS_PROSODY),
    claim(
        TOKEN,
        "from='proxy.domain.example/TOKEN'",
        Test(TOKENS, "forms_of_the_specification_are_those_of_the_program"),
    ),
    claim(TOKEN, "HMAC-SHA256(key, PAE", Test(TOKENS, "the_worked_example_gives_the_tag")),
    claim(TOKEN, "04 00 00 00", Test(TOKENS, "the_worked_example_gives_the_tag")),
    claim(TOKEN, "fc 00 3f", Test(TOKENS, "the_worked_example_gives_the_tag")),
    claim(TOKEN, "aeaqcadl", Test(TOKENS, "the_worked_example_gives_the_tag")),
    claim(
        TOKEN,
        "<iq type='get' id='TOKEN'",
        Test(TOKENS, "forms_of_the_specification_are_those_of_the_program"),
    ),
    claim(ADDRESSES, "HMAC-SHA256(K3, PAE", WORKS_FORMULAS),
    claim(ADDRESSES, "K3 = ", WORKS_FORMULAS),
    claim(ADDRESSES, "HMAC-SHA256(K1, PAE", WORKS_FORMULAS),
    claim(ADDRESSES, "block i = ", WORKS_FORMULAS),
    claim(ADDRESSES, "K1 = ", WORKS_FORMULAS),
    claim(
        ADDRESSES,
        "user@some-domain.example  -       user\\40some-domain.example\n",
        MAKES_EXAMPLES,
    ),
    claim(
        ADDRESSES,
        "user@some-domain.example  -       user\\40some-domain.example\\2f",
        MAKES_EXAMPLES,
    ),
    claim(ADDRESSES, "a               -", MAKES_EXAMPLES),
    claim(
        "clients/python/README.md",
        "pip install",
        Test(PACKAGES, "pip_makes_a_package_that_can_be_imported"),
    ),
    claim("clients/python/README.md", "from jat_proxy", CALLS_READERS),
    claim(
        "clients/javascript/README.md",
        "npm install",
        Test(PACKAGES, "npm_packs_the_library_and_its_types"),
    ),
    claim("clients/javascript/README.md", "import { whoAsks", CALLS_READERS),
    claim(
        "docs/clients/webhook.md",
        "python3 -m venv bot",
        Test(PACKAGES, "the_webhook_is_installed_from_the_same_folder"),
    ),
    claim("docs/clients/webhook.md", "export JID", RUNS_WEBHOOK),
    claim("docs/clients/webhook.md", "import json", RUNS_WEBHOOK),
    claim("docs/versions.md", "packaging/release --twice", Named("builds the program four times")),
    claim("fuzz/README.md", "fuzz/run ", Named("needs a nightly compiler")),
    claim("fuzz/README.md", "cargo +nightly fuzz", Named("needs a nightly compiler")),
];

/// The text of the page has the same warning.
const OPEN_TO_ALL: &str = "metrics and status can be read from other machines, by anyone";

const MIGRATION: &str = "tests/interop/migration.rs";
const LEADS_TO_JICOFO: Check = Test("tests/interop/jitsi.rs", "the_page_leads_to_jicofo");
const CHATS: &str = "tests/interop/clients/chat.rs";
const PEOPLE: &str = "tests/interop/two_way/people.rs";
const CLIENTS: &str = "tests/interop/clients/mod.rs";
const TOKENS: &str = "tests/documents/tokens.rs";
const FIRST_STEPS: &str = "tests/documents/first_steps.rs";
const SNIPPETS: &str = "tests/documents/snippets.rs";
const SERVICE: &str = "tests/documents/service.rs";
const MAKES_STANZAS: Check =
    Test("tests/documents/stanzas.rs", "the_translator_makes_the_stanzas_of_the_readme");
const SELECTS: Check = Test("tests/interop/selection.rs", "the_document_says_who_serves");
const MIGRATES: Check = Test(MIGRATION, "the_steps_lead_there_and_back");
const SHOWS_INIT: Check = Test(FIRST_STEPS, "the_readme_shows_what_init_writes");
const FOLLOWS_PROSODY: Check = Test(FIRST_STEPS, "the_page_leads_to_an_answer_on_prosody");
const FOLLOWS_EJABBERD: Check = Test(FIRST_STEPS, "the_page_leads_to_an_answer_on_ejabberd");
const RUNS_SERVICE: Check = Test(SERVICE, "the_commands_of_a_service_work");
const ON_KUBERNETES: &str = "tests/kubernetes/page.rs";
const LEADS_TO_THREE_NODES: Check =
    Test(ON_KUBERNETES, "the_commands_lead_from_nothing_to_three_nodes");
const ROTATES: Check = Test(SERVICE, "the_commands_for_replicas_work");
const RUNS_WEBHOOK: Check =
    Test("tests/interop/clients/webhook.rs", "a_webhook_answers_and_its_failures_are_told");
const PACKAGES: &str = "tests/clients/packages.rs";
const CALLS_READERS: Check =
    Test("tests/clients/main.rs", "the_pages_of_the_readers_show_how_to_call_them");
const WORKED_ADDRESSES: &str = "tests/documents/addresses.rs";
const WORKS_FORMULAS: Check = Test(WORKED_ADDRESSES, "the_formulas_give_the_examples");
const MAKES_EXAMPLES: Check = Test(WORKED_ADDRESSES, "the_examples_are_those_of_the_program");
const SHOWS_A_MIRROR: Check =
    Test(WORKED_ADDRESSES, "the_mirror_in_the_readme_is_that_of_the_user_beside_it");

/// The text of the block with this beginning.
///
/// # Panics
/// When there is none, or more than one.
pub fn text(document: &str, begins: &str) -> String {
    block(document, begins).text
}

pub fn block(document: &str, begins: &str) -> Block {
    let mut found = pages::blocks(document);
    found.retain(|block| block.text.starts_with(begins));
    assert_eq!(found.len(), 1, "blocks of {document} that begin with {begins:?}");
    found.remove(0)
}

/// All claims with their blocks.
pub fn all() -> impl Iterator<Item = (&'static Claim, Block)> {
    CLAIMS.iter().map(|claim| (claim, block(claim.document, claim.begins)))
}

/// Every Markdown file of the repository, by its path from the root.
pub fn documents() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut documents = BTreeSet::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder)).unwrap().map(Result::unwrap) {
            let path = folder.join(entry.file_name());
            let name = entry.file_name().into_string().unwrap();
            if entry.file_type().unwrap().is_dir() {
                if !name.starts_with('.') && !["target", "corpus", "artifacts"].contains(&&*name) {
                    folders.push(path);
                }
            } else if name.ends_with(".md") {
                documents.insert(path.into_os_string().into_string().unwrap());
            }
        }
    }
    assert!(documents.contains(README) && documents.contains(OPERATING), "{documents:?}");
    documents
}

#[test]
fn every_block_is_claimed_once() {
    let mut faults = Vec::new();
    for document in documents() {
        for block in pages::blocks(&document) {
            let claims = CLAIMS
                .iter()
                .filter(|it| it.document == document && block.text.starts_with(it.begins))
                .count();
            if claims != 1 {
                let Block { line, text, .. } = block;
                let first = text.lines().next().unwrap_or_default();
                faults.push(format!("{document}:{line}: claimed {claims} times: {first}"));
            }
        }
    }
    assert!(faults.is_empty(), "see tests/documents/claims.rs:\n{}", faults.join("\n"));
}

#[test]
fn every_claim_has_its_block() {
    assert!(all().count() > 50);
}

/// A test that reads the block contains the name of its document.
#[test]
fn tests_that_claims_name_exist_and_read_the_document() {
    for Claim { document, begins, check } in CLAIMS {
        let Test(file, name) = check else { continue };
        let shown = format!("{document}, {begins:?}: {file}::{name}");
        let source = fs::read_to_string(file).unwrap_or_else(|error| panic!("{shown}: {error}"));
        let declared = [format!("fn {name}("), format!("case!({name}:")];
        assert!(declared.iter().any(|it| source.contains(it)), "{shown} is not there");
        assert!(source.contains(document), "{shown} does not read it");
    }
}

#[test]
fn what_is_about_other_servers_says_that_it_is_not_tested() {
    let untested = all().filter_map(|(claim, block)| match claim.check {
        Untested(source) => Some((claim.document, block.heading, source)),
        _ => None,
    });
    let untested =
        untested.chain(OTHER_SERVERS.map(|it| (OTHER, it.into(), "Read in the source of")));
    for (document, heading, source) in untested {
        let text = fs::read_to_string(document).unwrap();
        let mut sections = text.split("\n#").map(|it| it.trim_start_matches('#').trim_start());
        let section = sections.find(|it| it.lines().next() == Some(&heading)).expect(&heading);
        let section = section.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(section.contains(source), "{document}, {heading}: {source:?} is missing");
        let marks = ["not tested here", "**Not run by our tests**"];
        let marked = marks.iter().any(|it| section.contains(it));
        assert!(marked, "{document}, {heading}: say that it is not tested here");
    }
}

/// Each has a section, with a block or without.
const OTHER_SERVERS: [&str; 3] = ["Openfire", "MongooseIM", "Tigase"];
