//! Configuration and key file: however they are damaged, the result quotes no secret.

use core_tests::checks::DIVIDER;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::check::Folder;

const COMPONENT: &str = r#"reply-ttl = "1h"
[server]
address = "127.0.0.1:5347"
[[component]]
domain = "proxy.example"
secret = { file = "proxy.secret" }
target-address = "bot@some.example"
presence-domain = "{hostname}.proxy.example"
presence-secret = "SesameStreet"
relay = ["iq", "messages", "presence", "requests"]
faces = ["helper", "team-*"]
allow-from = ["some.example", "*.partner.example"]
deny-from = ["guest@some.example"]
limit = "100/min"
limit-burst = 40
initiate = ["some.example"]
messages-to = "account"
account-queries = ["vcard-temp"]
answer = ["disco", "ping"]
identity = { category = "component", type = "generic", name = "Helper" }
features = ["jabber:iq:version"]
[limits]
max-tag-bytes = 8000
max-depth = 128
[http]
listen = "127.0.0.1:9114"
[log]
level = "info"
"#;

const KEYS: &str = r#"[[key]]
id = 7
secret = "U0VDUkVULUEtU0VDUkVULUEtU0VDUkVULUEtU0VDUkU="
[[key]]
id = 8
secret = "U0VDUkVULUItU0VDUkVULUItU0VDUkVULUItU0VDUkU="
not-before = "2026-12-01T00:00:00Z"
[[name-key]]
id = 1
secret = "U0VDUkVULUMtU0VDUkVULUMtU0VDUkVULUMtU0VDUkU="
"#;

/// The configuration, with its keys in a file of their own or not, and the key file.
fn files(apart: bool) -> [String; 2] {
    if apart {
        [format!("key-file = \"keys.toml\"\n{COMPONENT}"), KEYS.to_owned()]
    } else {
        [format!("{COMPONENT}{KEYS}"), String::new()]
    }
}

#[test]
fn undamaged_configurations_load() {
    for apart in [false, true] {
        let [config, keys] = files(apart);
        let data = [config.as_bytes(), keys.as_bytes(), b"OpenSesame1\n"].join(&DIVIDER);
        assert_eq!(Folder::new().check(&data).unwrap().components.len(), 1);
    }
}

/// What is removed from a file, and what replaces it.
fn edit() -> impl Strategy<Value = (prop::sample::Index, usize, String)> {
    let put = prop_oneof![
        "[\\[\\]{}=\",.#a-z0-9\n-]{0,12}",
        select(vec![
            "secret = ",
            "\"\"\"",
            "'",
            "\\",
            "é",
            "\r",
            "[[key]]\n",
            "[[name-key]]\n",
            "\"*\"",
            "\"iq\"",
            "token-in = \"id\"\n",
            "id = 7\n",
            "= 1",
            "secret = \"U0VDUkVULUEtU0VDUkVU\n",
            "not-before = 1800000000000\n",
            "\u{0}"
        ])
        .prop_map(str::to_owned),
    ];
    (any::<prop::sample::Index>(), select(vec![0usize, 0, 1, 2, 9, 40]), put)
}

fn edited(text: String, edits: Vec<(prop::sample::Index, usize, String)>) -> Vec<u8> {
    let mut bytes = text.into_bytes();
    for (at, cut, put) in edits {
        let at = at.index(bytes.len() + 1);
        let end = (at + cut).min(bytes.len());
        bytes.splice(at..end, put.into_bytes());
    }
    bytes
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn any_damage_ends_in_a_verdict(
        apart in any::<bool>(),
        config_edits in vec(edit(), 0..3),
        key_edits in vec(edit(), 0..3),
        secret in "[A-Za-z0-9]{0,20}\n?",
    ) {
        let [config, keys] = files(apart);
        let files = [edited(config, config_edits), edited(keys, key_edits), secret.into_bytes()];
        let _ = FOLDER.with(|folder| folder.check(&files.join(&DIVIDER)));
    }

    #[test]
    fn any_bytes_end_in_problems(config in any::<Vec<u8>>(), keys in any::<Vec<u8>>(), apart: bool) {
        let folder = |data: &[u8]| FOLDER.with(|folder| folder.check(data));
        let config = if apart { files(true)[0].clone().into_bytes() } else { config };
        let data = [config, keys, b"OpenSesame1".to_vec()].join(&DIVIDER);
        prop_assert!(folder(&data).is_err());
    }
}

thread_local! {
    static FOLDER: Folder = Folder::new();
}
